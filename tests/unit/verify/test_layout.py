"""What layouts prove of their images: by whom, of which kinds, and under which conditions."""

from __future__ import annotations

import datetime as dt
import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import demanded
import madeproof
import pytest
import tiny
from cryptography.hazmat.primitives.asymmetric import ec
from madesigstore import IDENTITY, ISSUER, NOW

from imgforge import signing, verify
from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.layout import Layout
from imgforge.oci.types import CONFIG, MANIFEST, Descriptor, sha256
from imgforge.signing import simple, statement
from imgforge.signing.proof import Witnesses
from imgforge.signing.signer import KeySigner
from imgforge.verify import Attested, Demand, SignedBy

DIGEST = "sha256:" + "0" * 64
TODAY = dt.datetime.now(dt.UTC).date()


@pytest.fixture(scope="module")
def signer() -> KeySigner:
    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


@pytest.fixture
def root(tmp_path: Path) -> madeproof.Root:
    return madeproof.root(tmp_path)


def signed(
    layout: Layout, image: Descriptor, signer: KeySigner, *more: tuple[str, bytes]
) -> list[Descriptor]:
    sealer = signing.KeySealer(signer)
    return signing.sign_image(layout, image, sealer, name="app", predicates=more, created=1)


def refused(layout: Layout, image: Descriptor, *demands: Demand, reason: str) -> None:
    with pytest.raises(EvidenceError, match=reason):
        verify.verify_layout(layout, image, *demands)


def test_an_identity_proves_itself_and_the_moment(layout: Layout, root: madeproof.Root) -> None:
    image = tiny.image(layout)
    layout.write_index([image, madeproof.certified(layout, image)])
    proven = verify.verify_layout(layout, image, Demand((root.by(),)))
    (found,) = proven.attestations
    assert found.predicate_type == statement.SIGNATURE
    assert found.proof.claims["identity"] == IDENTITY
    assert found.proof.claims["issuer"] == ISSUER
    assert found.proof.times == (int(NOW.timestamp()),)
    assert found.proof.index is not None


@pytest.mark.parametrize(
    "by",
    [
        {"identity": "https://github.com/acme/other/*"},
        {"issuer": "https://issuer.example.com"},
        {"repository": "https://github.com/acme/other"},
        {"ref": "refs/tags/*"},
        {"environment": "production"},
    ],
)
def test_another_name_issuer_or_claim_does_not_do(
    layout: Layout, root: madeproof.Root, by: dict[str, str]
) -> None:
    image = tiny.image(layout)
    layout.write_index([image, madeproof.certified(layout, image)])
    claims = {"repository": "acme/web", "ref": "refs/heads/main", "trigger": "push"}
    verify.verify_layout(layout, image, Demand((root.by(**claims),)))
    refused(layout, image, Demand((root.by(**by),)), reason="no valid signature by")


def test_a_log_and_a_timestamp_are_demanded_or_waived(layout: Layout, root: madeproof.Root) -> None:
    image = tiny.image(layout)
    layout.write_index([image, madeproof.certified(layout, image)])
    stamped = replace(root.by(), asked=Witnesses(timestamp=True))
    refused(layout, image, Demand((stamped,)), reason="timestamp")
    verify.verify_layout(layout, image, Demand((root.by(),)))
    assert root.by().witnesses == Witnesses(log=True)
    assert SignedBy(key=Path("k")).witnesses == Witnesses()


def test_a_key_and_an_identity_never_stand_in_for_each_other(
    layout: Layout, root: madeproof.Root, signer: KeySigner
) -> None:
    image, other = tiny.image(layout), tiny.image(layout, salt=b"x")
    layout.write_index(
        [image, other, *signed(layout, image, signer), madeproof.certified(layout, other)]
    )
    identity, key = Demand((root.by(),)), demanded.by(signer)
    refused(layout, image, identity, reason="signed by a plain key")
    refused(layout, other, key, reason="not signed by a plain key")
    either = Demand((*identity.signed_by, *key.signed_by))
    for each in (image, other):
        verify.verify_layout(layout, each, either)


def test_each_of_several_signatories_will_do_and_each_demand_must_be_met(
    layout: Layout, root: madeproof.Root, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    evidence = [*signed(layout, image, signer), madeproof.certified(layout, image)]
    demands = [demanded.by(signer), Demand((root.by(),))]
    layout.write_index([image, *evidence])
    proven = verify.verify_layout(layout, image, *demands)
    assert len(proven.signers) == 2
    for number in range(2):
        layout.write_index([image, evidence[number]])
        refused(layout, image, *demands, reason="no valid signature")


def test_the_sbom_may_be_another_signatorys_than_the_signature(
    layout: Layout, root: madeproof.Root, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    sbom = madeproof.certified(layout, image, statement.SPDX, json.loads(demanded.SPDX))
    layout.write_index([image, *signed(layout, image, signer), sbom])
    wanted = (Attested(statement.SPDX),)
    key = demanded.by(signer).signed_by
    verify.verify_layout(layout, image, Demand((*key, root.by()), wanted))
    refused(layout, image, Demand(key, wanted), reason="no valid attestation https://spdx")


def test_nothing_is_proven_where_nobody_is_demanded(layout: Layout) -> None:
    image = tiny.image(layout)
    layout.write_index([image])
    refused(layout, image, reason="nothing says who")
    refused(layout, image, Demand(()), reason="nothing says who")


def test_a_file_that_is_pinned_must_be_the_one(
    layout: Layout, root: madeproof.Root, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    layout.write_index([image, *signed(layout, image, signer), madeproof.certified(layout, image)])
    key = demanded.public(signer.public_key)
    right = [
        SignedBy(key=key, digest=sha256(key.read_bytes())),
        replace(root.by(), digest=sha256(root.path.read_bytes())),
    ]
    for by in right:
        verify.verify_layout(layout, image, Demand((by,)))
        refused(layout, image, Demand((replace(by, digest=DIGEST),)), reason="policy pins")
    rooted = replace(right[0], trusted_root=root.path, root_digest=DIGEST)
    refused(layout, image, Demand((rooted,)), reason=r"root\.json is not the file")


def test_a_file_that_is_not_there_or_is_something_else_is_an_error(
    layout: Layout, root: madeproof.Root, tmp_path: Path
) -> None:
    image = tiny.image(layout)
    layout.write_index([image])
    with pytest.raises(InvalidInputError, match="cannot be read"):
        verify.verify_layout(layout, image, verify.by_key(tmp_path / "none.pub"))
    (tmp_path / "odd.pub").write_text("odd")
    refused(layout, image, verify.by_key(tmp_path / "odd.pub"), reason="PEM")
    root.path.write_text("{}")
    refused(layout, image, Demand((root.by(),)), reason="root")


def index(layout: Layout) -> tuple[Descriptor, list[Descriptor]]:
    images = [tiny.image(layout, each) for each in ("amd64", "arm64")]
    return tiny.index(layout, *images), images


def test_what_is_proven_of_an_index_does_for_its_images_if_a_demand_says_so(
    layout: Layout, signer: KeySigner
) -> None:
    top, images = index(layout)
    evidence = signed(layout, top, signer, (statement.SPDX, demanded.SPDX))
    layout.write_index([top, *evidence])
    demand = demanded.by(signer, [statement.SPDX])
    refused(layout, top, demand, reason=f"{images[0].digest} has no valid signature")
    proven = verify.verify_layout(layout, top, replace(demand, through_index=True))
    assert [each.digest for _, each in proven.platforms] == [each.digest for each in images]
    # An image of another index gains nothing.
    other = tiny.index(layout, images[0])
    layout.write_index([top, other, *evidence])
    refused(layout, other, replace(demand, through_index=True), reason="no valid signature")


def test_what_only_accompanies_images_in_an_index_needs_no_signature(
    layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    # BuildKit's attestations look like images.
    layer = layout.add(b"{}", "application/vnd.in-toto+json").to_json()
    config = layout.add(b"{}", CONFIG).to_json()
    beside = layout.add_json(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}, MANIFEST
    )
    top = tiny.index(layout, image, beside)
    layout.write_index([top, *signed(layout, top, signer), *signed(layout, image, signer)])
    proven = verify.verify_layout(layout, top, demanded.by(signer))
    assert [each.digest for _, each in proven.platforms] == [image.digest]
    only = tiny.index(layout, beside)
    layout.write_index([only, *signed(layout, only, signer)])
    refused(layout, only, demanded.by(signer), reason="holds no image")


def scan(day: dt.date, *levels: str) -> bytes:
    found = [
        {"id": "IF999", "severity": level, "message": "m", "fingerprint": "f" * 32, "path": "p"}
        for level in levels
    ]
    value = {"scanner": "imgforge 1", "day": day.isoformat(), "findings": found}
    return json.dumps(value).encode()


def test_of_scans_the_newest_counts(layout: Layout, signer: KeySigner) -> None:
    image = tiny.image(layout)
    yesterday = TODAY - dt.timedelta(days=1)
    clean, bad = scan(yesterday), scan(TODAY, "critical")
    (by,) = demanded.by(signer).signed_by
    demand = Demand((by,), (Attested(statement.FINDINGS, below="high", max_age=7),))

    def listed(*scans: bytes) -> None:
        (signature,) = signed(layout, image, signer)
        more = [signed(layout, image, signer, (statement.FINDINGS, s))[1] for s in scans]
        layout.write_index([image, signature, *more])

    listed(clean)
    verify.verify_layout(layout, image, demand)
    for scans in ((bad,), (clean, bad), (bad, clean), (scan(TODAY), bad), (bad, scan(TODAY))):
        listed(*scans)
        refused(layout, image, demand, reason="not what is demanded")
    listed(scan(yesterday, "critical"), scan(TODAY))
    verify.verify_layout(layout, image, demand)
    listed(scan(TODAY - dt.timedelta(days=30)))
    refused(layout, image, demand, reason="not what is demanded")


def test_one_attestation_that_holds_is_enough(layout: Layout, signer: KeySigner) -> None:
    image = tiny.image(layout)
    (by,) = demanded.by(signer).signed_by
    kind = "https://example.com/review/v1"
    demand = Demand((by,), (Attested(kind, where={"/by": "*@example.com"}),))

    def listed(*reviewers: str) -> None:
        (signature,) = signed(layout, image, signer)
        said = [json.dumps({"by": each}).encode() for each in reviewers]
        more = [signed(layout, image, signer, (kind, each))[1] for each in said]
        layout.write_index([image, signature, *more])

    listed("a@example.com")
    verify.verify_layout(layout, image, demand)
    listed("b@example.org", "a@example.com")
    verify.verify_layout(layout, image, demand)
    listed("b@example.org")
    refused(layout, image, demand, reason=r"b@example\.org")


def older(layout: Layout, *layers: dict[str, Any]) -> Descriptor:
    config = layout.add(b"{}", CONFIG).to_json()
    value = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": list(layers)}
    return layout.add_json(value, MANIFEST)


def simply(layout: Layout, digest: str, signer: KeySigner) -> dict[str, Any]:
    critical = {
        "identity": {"docker-reference": ""},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    payload = json.dumps({"critical": critical, "optional": None}).encode()
    note = {"dev.cosignproject.cosign/signature": _b64(signer.sign(payload))}
    return {**layout.add(payload, simple.MEDIA_TYPE).to_json(), "annotations": note}


def enveloped(layout: Layout, payload: bytes, signer: KeySigner) -> dict[str, Any]:
    from imgforge.signing import dsse

    envelope = dsse.sign(payload, signer).to_json()
    return layout.add(json.dumps(envelope).encode(), simple.ATTESTATION).to_json()


def _b64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


def test_cosigns_older_kinds_count_where_newer_ones_are_lacking(
    layout: Layout, signer: KeySigner
) -> None:
    image, other = tiny.image(layout), tiny.image(layout, salt=b"x")
    predicate = json.loads(demanded.SPDX)
    payload = madeproof.about(image, statement.SPDX, predicate)
    both = [
        older(layout, simply(layout, image.digest, signer)),
        older(layout, enveloped(layout, payload, signer)),
    ]
    demand = demanded.by(signer, [statement.SPDX])
    layout.write_index([image, *both])
    proven = verify.verify_layout(layout, image, demand)
    assert [each.predicate for each in proven.attestations] == [{}, predicate]
    layout.write_index([image, both[1]])
    refused(layout, image, demand, reason="no valid signature")
    layout.write_index([image, both[0]])
    refused(layout, image, demand, reason="no valid attestation")
    layout.write_index([other, *both])
    refused(layout, other, demand, reason="about another image")


def test_an_sbom_must_be_true_of_the_layers_if_that_is_asked(
    layout: Layout, signer: KeySigner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "cache"))
    image = tiny.image(layout)
    package = {"name": "evil", "versionInfo": "1", "SPDXID": "SPDXRef-1"}
    purl = {"referenceType": "purl", "referenceLocator": "pkg:deb/debian/evil@1"}
    more = {**package, "externalRefs": [purl]}
    lying = json.dumps({"spdxVersion": "SPDX-2.3", "packages": [more]}).encode()
    layout.write_index([image, *signed(layout, image, signer, (statement.SPDX, lying))])
    (by,) = demanded.by(signer).signed_by
    verify.verify_layout(layout, image, Demand((by,), (Attested(statement.SPDX),)))
    demand = Demand((by,), (Attested(statement.SPDX, true=True),))
    refused(layout, image, demand, reason="evil")


def test_offline_opens_no_socket(
    layout: Layout, root: madeproof.Root, signer: KeySigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tiny.image(layout)
    layout.write_index([image, *signed(layout, image, signer), madeproof.certified(layout, image)])

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    demands = [demanded.by(signer), Demand((root.by(),))]
    verify.verify_layout(layout, image, *demands, deep=True, offline=True)
    # The public Sigstore's root is part of the package.
    public = Demand((SignedBy(identity="https://github.com/acme/*", issuer=ISSUER),))
    with pytest.raises(EvidenceError, match="no valid signature"):
        verify.verify_layout(layout, image, public, offline=True)
