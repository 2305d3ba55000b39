"""Why a registry's base is believed: missing, wrong, moved, expired and edited reasons."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import madesigstore
import pytest
import signedbase
import tiny
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fakeregistry import FakeRegistry, Reply, serve
from signedbase import AMD64

from imgforge import bases, signing
from imgforge.bases import trust
from imgforge.errors import (
    BuildFailedError,
    EvidenceError,
    InvalidInputError,
    RegistryError,
    TransientError,
)
from imgforge.lock import LockedBase
from imgforge.oci.layout import Layout
from imgforge.oci.types import CONFIG, MANIFEST, Descriptor, sha256
from imgforge.policy import Policy
from imgforge.signing import bundle, statement
from imgforge.signing.signer import KeySigner
from imgforge.signing.simple import MEDIA_TYPE

DATA = Path(__file__).parents[2] / "unit/signing/data/keyless"
WORKFLOW = 'identity = "https://github.com/acme/*"\nissuer = "http://127.0.0.1:5550/gh"\n'


def quiet(_: str) -> None:
    pass


@pytest.fixture
def origin(tmp_path: Path) -> tuple[Layout, Descriptor]:
    layout = Layout.create(tmp_path / "origin")
    return layout, signedbase.make(layout)


@pytest.fixture
def registry(origin: tuple[Layout, Descriptor]) -> Iterator[FakeRegistry]:
    with serve(FakeRegistry(referrers_api=True)) as registry:
        signedbase.put(registry, *origin, tag="1")
        yield registry


@pytest.fixture(scope="module")
def ours() -> KeySigner:
    return signedbase.signer()


@pytest.fixture(scope="module")
def stranger() -> KeySigner:
    return signedbase.signer()


def resolve(registry: FakeRegistry, policy: Policy | None) -> LockedBase:
    name = f"{registry.place}/team/base:1"
    return bases.resolve(name, (AMD64,), policy=policy, say=quiet)


def older(
    registry: FakeRegistry,
    layout: Layout,
    digest: str,
    by: KeySigner,
    change: Callable[[dict[str, str]], None] = lambda _: None,
    **critical: object,
) -> None:
    """Sign as cosign did before bundles: a tag, a payload, annotations."""
    claim = {
        "critical": {
            "identity": {"docker-reference": "x"},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
            **critical,
        },
        "optional": None,
    }
    payload = json.dumps(claim).encode()
    notes = {"dev.cosignproject.cosign/signature": base64.b64encode(by.sign(payload)).decode()}
    change(notes)
    _hang(registry, layout, payload, notes)


def _hang(registry: FakeRegistry, layout: Layout, payload: bytes, notes: dict[str, str]) -> None:
    """Put a payload with its annotations under the tag of the image 1's older signatures."""
    layer = layout.add(payload, MEDIA_TYPE)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add_json({}, CONFIG).to_json(),
        "layers": [{**layer.to_json(), "annotations": notes}],
    }
    tag = registry.tags["1"].replace(":", "-") + ".sig"
    signedbase.put(registry, layout, layout.add_json(manifest, MANIFEST), tag=tag)


def test_without_a_word_in_the_policy_nothing_is_fetched(registry: FakeRegistry) -> None:
    with pytest.raises(InvalidInputError, match="nothing says why") as error:
        resolve(registry, None)
    assert error.value.hint is not None
    assert f'match = "{registry.place}/team/base"' in error.value.hint
    assert not registry.calls("GET", "/blobs/")


def test_a_key_signs_and_it_is_asked_only_once(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    ours: KeySigner,
    stranger: KeySigner,
    tmp_path: Path,
) -> None:
    signedbase.sign(registry, *origin, stranger)
    signedbase.sign(registry, *origin, ours)
    policy = signedbase.by_key(tmp_path, ours)
    base = resolve(registry, policy)
    assert base.trust == f"signed by the key {ours.public_key.fingerprint}"
    registry.seen.clear()
    assert trust.demand(base, policy, offline=True, say=quiet) == base.trust
    assert not registry.seen
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(BuildFailedError, match="offline"):
        trust.demand(base, signedbase.by_key(other, ours, "*/base"), offline=True, say=quiet)


def test_no_signature_or_a_strangers_is_none(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    ours: KeySigner,
    stranger: KeySigner,
    tmp_path: Path,
) -> None:
    policy = signedbase.by_key(tmp_path, ours)
    with pytest.raises(EvidenceError, match="no signature is attached"):
        resolve(registry, policy)
    signedbase.sign(registry, *origin, stranger)
    with pytest.raises(EvidenceError, match="not by this key"):
        resolve(registry, policy)
    assert not registry.calls("GET", f"/blobs/{_layer(origin)}"), "nothing of it was pulled"


def test_another_images_signature_and_an_attestation_do_not_count(
    origin: tuple[Layout, Descriptor], registry: FakeRegistry, ours: KeySigner, tmp_path: Path
) -> None:
    layout, top = origin
    policy = signedbase.by_key(tmp_path, ours)
    # An image of the index is signed, the index is not.
    signedbase.sign(registry, layout, layout.images(top)[0], ours)
    with pytest.raises(EvidenceError, match="no signature is attached"):
        resolve(registry, policy)
    _, sbom = signing.sign_image(
        layout,
        top,
        signing.KeySealer(ours),
        name="x",
        predicates=[(statement.SPDX, b"{}")],
        created=1,
    )
    signedbase.put(registry, layout, sbom)
    with pytest.raises(EvidenceError, match="no signature is attached"):
        resolve(registry, policy)
    # It may say of itself what it is not.
    lying = layout.read_json(sbom)
    lying["annotations"]["dev.sigstore.bundle.predicateType"] = statement.SIGNATURE
    signedbase.put(registry, layout, layout.add_json(lying, MANIFEST))
    with pytest.raises(EvidenceError, match="not that the image is signed"):
        resolve(registry, policy)
    # A good signature of another image, hung onto this one.
    (moved,) = signing.sign_image(
        layout, layout.images(top)[0], signing.KeySealer(ours), name="x", created=2
    )
    manifest = layout.read_json(moved)
    manifest["subject"] = Descriptor(top.media_type, top.digest, top.size).to_json()
    signedbase.put(registry, layout, layout.add_json(manifest, MANIFEST))
    with pytest.raises(EvidenceError) as error:
        resolve(registry, policy)
    assert any("another subject" in line for line in error.value.details)


def test_an_older_signature_by_the_key_counts(
    origin: tuple[Layout, Descriptor], registry: FakeRegistry, ours: KeySigner, tmp_path: Path
) -> None:
    layout, top = origin
    older(registry, layout, top.digest, ours)
    base = resolve(registry, signedbase.by_key(tmp_path, ours))
    assert base.trust == f"signed by the key {ours.public_key.fingerprint}"


def test_an_older_signature_that_is_wrong_does_not(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    ours: KeySigner,
    stranger: KeySigner,
    tmp_path: Path,
) -> None:
    layout, top = origin
    policy = signedbase.by_key(tmp_path, ours)

    def refused(reason: str) -> None:
        with pytest.raises(EvidenceError, match=reason):
            resolve(registry, policy)

    older(registry, layout, top.digest, stranger)
    refused("not by this key")
    older(registry, layout, layout.images(top)[0].digest, ours)
    refused("about another image")
    older(registry, layout, top.digest, ours, type="atomic container signature")
    refused("no signature of an image")
    older(registry, layout, top.digest, ours, image="x")
    refused("about another image")
    older(registry, layout, top.digest, ours, lambda notes: notes.clear())
    refused("not a string")
    pem = json.loads((DATA / "simple.json").read_text())["certificate"]
    older(
        *(registry, layout, top.digest, ours),
        lambda notes: notes.update({"dev.sigstore.cosign/certificate": pem}),
    )
    refused("with a certificate, not by a plain key")
    registry.manifests[registry.tags[top.digest.replace(":", "-") + ".sig"]] = (MANIFEST, b"{}")
    with pytest.raises((EvidenceError, RegistryError)):
        resolve(registry, policy)


def test_a_key_that_the_policy_pins_is_that_key_each_time(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    ours: KeySigner,
    stranger: KeySigner,
    tmp_path: Path,
) -> None:
    signedbase.sign(registry, *origin, ours)
    plain = signedbase.by_key(tmp_path, ours)
    text = (tmp_path / "policy.toml").read_text()
    digest = sha256((tmp_path / "base.pub").read_bytes())
    pinned = signedbase.policy(tmp_path, f'{text}digest = "{digest}"\n')
    base = resolve(registry, pinned)
    (tmp_path / "base.pub").write_bytes(stranger.public_key.to_pem())
    with pytest.raises(EvidenceError, match="not the file that the policy pins"):
        trust.demand(base, pinned, offline=True, say=quiet)
    signedbase.sign(registry, *origin, stranger)
    with pytest.raises(EvidenceError, match="not the file that the policy pins"):
        resolve(registry, pinned)
    assert resolve(registry, plain).trust != base.trust


def test_every_list_of_bases_must_have_the_name(
    origin: tuple[Layout, Descriptor], registry: FakeRegistry, ours: KeySigner, tmp_path: Path
) -> None:
    signedbase.sign(registry, *origin, ours)
    policy = signedbase.by_key(tmp_path, ours)

    def listing(*lists: tuple[str, ...]) -> Policy:
        return dataclasses.replace(policy, bases=dataclasses.replace(policy.bases, allow=lists))

    resolve(registry, listing(("*",), (f"{registry.place}/*",)))
    for lists in ((("*",), ("other/*",)), (("other/*",), ("*",)), (("*",), ())):
        with pytest.raises(InvalidInputError, match="does not allow"):
            resolve(registry, listing(*lists))


def test_signatures_are_found_at_the_mirror_or_at_the_original(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    ours: KeySigner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = signedbase.by_key(tmp_path, ours)
    with serve(FakeRegistry(referrers_api=True)) as mirror:
        monkeypatch.setenv("IMGFORGE_REGISTRY_MIRRORS", f"{registry.place}={mirror.place}/hub")
        signedbase.put(mirror, *origin, tag="1")
        signedbase.sign(registry, *origin, ours)
        resolve(registry, policy)
        monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "other"))
        signedbase.sign(mirror, *origin, ours)
        registry.seen.clear()
        resolve(registry, policy)
        assert not registry.seen


def test_a_registry_out_of_reach_is_not_an_unsigned_image(
    registry: FakeRegistry, ours: KeySigner, tmp_path: Path
) -> None:
    registry.fault = lambda seen: Reply(503) if "referrers" in seen.path else None
    with pytest.raises(TransientError):
        resolve(registry, signedbase.by_key(tmp_path, ours))


def test_an_exemption_ends_on_its_day(registry: FakeRegistry, tmp_path: Path) -> None:
    policy = signedbase.exempting(tmp_path, "2026-01-31")
    on = dataclasses.replace(policy, day=dt.date(2026, 1, 31))
    base = resolve(registry, on)
    assert base.trust == "exempt until 2026-01-31: a test (us)"
    with pytest.raises(EvidenceError, match="ended on 2026-01-31: a test") as error:
        trust.demand(base, dataclasses.replace(on, day=dt.date(2026, 2, 1)), say=quiet)
    assert "us" in (error.value.hint or "")


def test_the_first_entry_that_matches_decides(
    registry: FakeRegistry, ours: KeySigner, tmp_path: Path
) -> None:
    (tmp_path / "base.pub").write_bytes(ours.public_key.to_pem())
    text = (
        f'[[bases.trust]]\nmatch = "{registry.place}/*"\nkey = "base.pub"\n'
        '[[bases.trust]]\nmatch = "*"\nexempt = "x"\nowner = "y"\nexpires = 2999-01-01\n'
    )
    with pytest.raises(EvidenceError, match="no signature"):
        resolve(registry, signedbase.policy(tmp_path, text))


def test_the_list_bounds_every_base(registry: FakeRegistry, tmp_path: Path) -> None:
    exempt = '[[bases.trust]]\nmatch = "*"\nexempt = "x"\nowner = "y"\nexpires = 2999-01-01\n'

    def listing(*globs: str) -> Policy:
        return signedbase.policy(tmp_path, f"[bases]\nallow = {json.dumps(globs)}\n{exempt}")

    place = registry.place
    base = resolve(registry, listing("static", f"{place}/team/*"))
    for globs in ((), ("static",), (f"{place}/team",), (f"{place}/team/base:1",)):
        with pytest.raises(InvalidInputError, match="does not allow the base"):
            trust.demand(base, listing(*globs), say=quiet)
    trust.demand(base, listing(f"*@{base.digest}"), say=quiet)
    with pytest.raises(InvalidInputError, match="does not allow the base static"):
        bases.resolve("static", (AMD64,), policy=listing("base"), say=quiet)


def test_a_lock_that_was_edited_gains_nothing(
    registry: FakeRegistry,
    tmp_path: Path,
    demo: None,  # noqa: ARG001 - defines a base made here
) -> None:
    base = resolve(registry, signedbase.exempting(tmp_path))
    friendly = signedbase.policy(
        tmp_path,
        '[[bases.trust]]\nmatch = "friend.test/*"\nexempt = "x"\nowner = "y"\n'
        'expires = 2999-01-01\n[[bases.trust]]\nmatch = "demo"\nexempt = "x"\nowner = "y"\n'
        "expires = 2999-01-01\n",
    )
    other = "sha256:" + "1" * 64
    for edited in (
        dataclasses.replace(base, name="friend.test/base:1"),
        dataclasses.replace(base, reference="friend.test/base"),
        dataclasses.replace(base, name="demo"),
        dataclasses.replace(base, name="nosuch"),
        dataclasses.replace(base, tag="2"),
        dataclasses.replace(base, name=f"{base.reference}@{other}"),
    ):
        with pytest.raises(InvalidInputError):
            trust.demand(edited, friendly, say=quiet)
    # Trust in one digest does not reach another that happens to lie in the cache.
    claimed = dataclasses.replace(base, upstream=other)
    with pytest.raises(BuildFailedError, match="offline"):
        bases.ensure(claimed, offline=True, say=quiet)


def test_what_was_proven_is_proven_for_that_digest_key_and_entry(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    ours: KeySigner,
    stranger: KeySigner,
    tmp_path: Path,
) -> None:
    signedbase.sign(registry, *origin, ours)
    policy = signedbase.by_key(tmp_path, ours)
    base = resolve(registry, policy)
    # The same entry, but the file now holds another key.
    (tmp_path / "base.pub").write_bytes(stranger.public_key.to_pem())
    with pytest.raises(EvidenceError, match="not by this key"):
        trust.demand(base, policy, say=quiet)
    (tmp_path / "base.pub").write_bytes(b"no key")
    with pytest.raises(EvidenceError, match=r"base\.pub is not one PEM block"):
        trust.demand(base, policy, say=quiet)
    (tmp_path / "base.pub").unlink()
    with pytest.raises(InvalidInputError, match=r"base\.pub cannot be read"):
        trust.demand(base, policy, say=quiet)


def test_the_list_knows_a_base_made_here_by_more_than_the_locks_word(
    archive: Any,  # noqa: ANN401 - the conftest's own class
    demo: None,  # noqa: ARG001 - defines it
    make_deb: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    archive.add("demo", make_deb({"./usr/share/demo": b"x"}))
    archive.publish()
    base = bases.resolve("demo", (AMD64,), say=quiet)
    trust.demand(base, signedbase.policy(tmp_path, '[bases]\nallow = ["demo"]\n'), say=quiet)
    friendly = signedbase.policy(tmp_path, '[bases]\nallow = ["static"]\n')
    renamed = dataclasses.replace(base, name="static")
    with pytest.raises(InvalidInputError, match="is another one"):
        trust.demand(renamed, friendly, say=quiet)


@pytest.fixture
def keyless(registry: FakeRegistry, tmp_path: Path) -> Callable[[str], None]:
    """Return a function that attaches one of the recorded bundles to the image they are about."""
    layout = Layout.create(tmp_path / "tiny")
    top = tiny.index(layout, tiny.image(layout, "amd64"), tiny.image(layout, "arm64"))
    assert top.digest == (DATA / "digest").read_text().strip()
    (tmp_path / "root.json").write_bytes((DATA / "trusted_root.json").read_bytes())
    signedbase.put(registry, layout, top, tag="1")

    def attach(name: str) -> None:
        data = (DATA / name).read_bytes()
        referrer = layout.attach(top, data, bundle.MEDIA_TYPE, {})
        signedbase.put(registry, layout, referrer)

    return attach


def by_identity(folder: Path, text: str = WORKFLOW) -> Policy:
    return signedbase.policy(
        folder, f'[[bases.trust]]\nmatch = "*"\n{text}trusted-root = "root.json"\n'
    )


def test_an_identity_signs(
    registry: FakeRegistry, keyless: Callable[[str], None], tmp_path: Path
) -> None:
    keyless("attestation.json")
    with pytest.raises(EvidenceError, match="not that the image is signed"):
        resolve(registry, by_identity(tmp_path))
    keyless("email.json")
    keyless("workflow.json")
    base = resolve(registry, by_identity(tmp_path))
    assert base.trust == (
        "signed by https://github.com/acme/base/.github/workflows/release.yml@refs/heads/main "
        "of http://127.0.0.1:5550/gh"
    )
    trust.demand(base, by_identity(tmp_path), offline=True, say=quiet)


def test_an_identity_signs_as_cosign_did_before_bundles(
    registry: FakeRegistry,
    keyless: Callable[[str], None],  # noqa: ARG001 - puts the image there
    tmp_path: Path,
) -> None:
    made = json.loads((DATA / "simple.json").read_text())
    payload, signature = (base64.b64decode(made[part]) for part in ("payload", "signature"))
    certificate = x509.load_pem_x509_certificate(made["certificate"].encode())
    body = madesigstore.hashedrekord(payload, signature, certificate.public_bytes(Encoding.DER))
    log = madesigstore.Log()
    root = json.loads((tmp_path / "root.json").read_text())
    root["tlogs"].append(log.instance())
    (tmp_path / "root.json").write_text(json.dumps(root))
    layout = Layout.create(tmp_path / "older")
    notes = {
        "dev.cosignproject.cosign/signature": made["signature"],
        "dev.sigstore.cosign/certificate": made["certificate"],
        "dev.sigstore.cosign/bundle": log.kept(
            body, time=dt.datetime.fromtimestamp(made["time"], dt.UTC)
        ),
    }
    _hang(registry, layout, payload, notes)
    with pytest.raises(EvidenceError, match="it was issued to"):
        resolve(registry, by_identity(tmp_path, WORKFLOW.replace("acme", "acme2")))
    base = resolve(registry, by_identity(tmp_path))
    assert base.trust.startswith("signed by https://github.com/acme/base/")


def test_another_identity_issuer_or_root_does_not(
    registry: FakeRegistry, keyless: Callable[[str], None], ours: KeySigner, tmp_path: Path
) -> None:
    keyless("workflow.json")
    for text, reason in (
        (WORKFLOW.replace("acme", "acme2"), "it was issued to"),
        (WORKFLOW.replace("/gh", ""), "its issuer is"),
    ):
        with pytest.raises(EvidenceError, match=reason):
            resolve(registry, by_identity(tmp_path, text))
    root = json.loads((DATA / "trusted_root.json").read_text())
    root["certificateAuthorities"] = root["timestampAuthorities"]
    (tmp_path / "root.json").write_text(json.dumps(root))
    with pytest.raises(EvidenceError, match="by no authority of the trusted root"):
        resolve(registry, by_identity(tmp_path))
    (tmp_path / "root.json").write_text("{}")
    with pytest.raises(EvidenceError, match="is not a Sigstore trusted root"):
        resolve(registry, by_identity(tmp_path))
    # A certificate never satisfies an entry that names a key.
    with pytest.raises(EvidenceError, match="not signed by a plain key"):
        resolve(registry, signedbase.by_key(tmp_path, ours))


def test_a_key_never_satisfies_an_entry_that_names_an_identity(
    origin: tuple[Layout, Descriptor],
    registry: FakeRegistry,
    ours: KeySigner,
    keyless: Callable[[str], None],  # noqa: ARG001 - puts the root where the policy names it
    tmp_path: Path,
) -> None:
    signedbase.put(registry, *origin, tag="1")
    signedbase.sign(registry, *origin, ours)
    older(registry, *origin[:1], origin[1].digest, ours)
    with pytest.raises(EvidenceError) as error:
        resolve(registry, by_identity(tmp_path))
    assert "signed by a plain key, not with a certificate" in error.value.message
    assert any("by a plain key, not with a certificate" in d for d in error.value.details)


def _layer(origin: tuple[Layout, Descriptor]) -> str:
    layout, top = origin
    return str(layout.read_json(layout.images(top)[0])["layers"][0]["digest"])
