"""Images on their way from one registry to another: what is listed there is a claim, no more."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import signedimage
import tiny
from cryptography.hazmat.primitives.asymmetric import ec
from fakeregistry import FakeRegistry, Reply, Seen, serve
from signedimage import Signed

from imgforge import promotion, publish
from imgforge.cli.main import main
from imgforge.oci import referrers
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.types import INDEX, MANIFEST, Descriptor, sha256
from imgforge.publish import Target
from imgforge.shipment import Shipment, Terms
from imgforge.signing import simple
from imgforge.signing.signatory import ByKey
from imgforge.signing.signer import KeySigner


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(referrers, "_SETTLE", 0.01)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("REGISTRY_AUTH_FILE", "SSL_CERT_FILE", "IMGFORGE_INSECURE_REGISTRIES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def source() -> Iterator[FakeRegistry]:
    with serve(FakeRegistry()) as registry:
        yield registry


@pytest.fixture
def target() -> Iterator[FakeRegistry]:
    with serve(FakeRegistry(referrers_api=True)) as registry:
        yield registry


@pytest.fixture
def signed(tmp_path: Path, source: FakeRegistry) -> Signed:
    """Return an image that lies in ``source`` as tag 1."""
    made = signedimage.make(tmp_path)
    goal = Target(Reference.parse(f"{source.place}/staging"), ("1",))
    publish.publish(made.shipment, [goal], made.terms, say=lambda _: None)
    source.seen.clear()
    return made


def promoted(signed: Signed, what: str, *goals: str) -> int:
    flags = ("--key", str(signed.public), "--require", "signature")
    return main(["push", *flags, what, *goals])


def put(registry: FakeRegistry, layout: Layout, manifest: Descriptor, tag: str = "") -> None:
    """Put a manifest and its blobs there, past all that a client checks."""
    data = layout.read(manifest)
    registry.manifests[manifest.digest] = (manifest.media_type, data)
    for blob in [json.loads(data)["config"], *json.loads(data)["layers"]]:
        registry.blobs[blob["digest"]] = layout.blob_path(blob["digest"]).read_bytes()
    if tag:
        registry.tags[tag] = manifest.digest


def attach(registry: FakeRegistry, subject: str, *entries: Descriptor) -> None:
    """Add to what the source's fallback tag lists for ``subject``."""
    tag = subject.replace(":", "-")
    listed = json.loads(registry.manifests[registry.tags[tag]][1])["manifests"]
    value = {"mediaType": INDEX, "manifests": [*listed, *(e.to_json() for e in entries)]}
    data = json.dumps({"schemaVersion": 2, **value}).encode()
    registry.manifests[sha256(data)] = (INDEX, data)
    registry.tags[tag] = sha256(data)


def test_an_image_goes_along_with_all_that_is_attached(
    signed: Signed, source: FakeRegistry, target: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert promoted(signed, f"{source.place}/staging:1", f"{target.place}/production") == 0
    assert capsys.readouterr().out.strip() == f"{target.place}/production@{signed.top.digest}"
    assert target.tags["1"] == signed.top.digest
    for referrer in signed.referrers:
        assert target.manifests[referrer.digest] == source.manifests[referrer.digest]
    for image in signed.layout.images(signed.top):
        assert target.manifests[image.digest] == source.manifests[image.digest]
    assert len(source.calls("GET", "/manifests/1")) == 1
    assert [s.method for s in source.seen if s.method not in {"GET", "HEAD"}] == []


def test_blobs_that_are_there_are_not_fetched(
    signed: Signed, source: FakeRegistry, target: FakeRegistry
) -> None:
    assert promoted(signed, f"{source.place}/staging:1", f"{target.place}/one") == 0
    source.seen.clear()
    assert promoted(signed, f"{source.place}/staging:1", f"{target.place}/two:2") == 0
    layers = {
        layer["digest"]
        for image in signed.layout.images(signed.top)
        for layer in signed.layout.read_json(image)["layers"]
    }
    fetched = {s.path.rpartition("/")[2] for s in source.calls("GET", "/blobs/")}
    assert not layers & fetched
    assert target.tags["2"] == signed.top.digest


def test_a_tag_that_moves_meanwhile_moves_nothing_here(
    signed: Signed, source: FakeRegistry, target: FakeRegistry
) -> None:
    other = tiny.image(signed.layout, salt=b"evil")
    put(source, signed.layout, other)

    def fault(seen: Seen) -> None:
        if (
            seen.method == "GET" and seen.path.endswith("/manifests/1") and len(source.seen) > 1
        ) or seen.path.endswith(f"/manifests/{signed.layout.images(signed.top)[0].digest}"):
            source.tags["1"] = other.digest

    source.fault = fault
    assert promoted(signed, f"{source.place}/staging:1", f"{target.place}/production:1") == 0
    assert source.tags["1"] == other.digest
    assert target.tags["1"] == signed.top.digest
    assert other.digest not in target.manifests


def test_the_unsigned_and_what_others_signed_stays(
    signed: Signed, source: FakeRegistry, target: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tiny.image(signed.layout, salt=b"unsigned")
    put(source, signed.layout, image, "2")
    assert promoted(signed, f"{source.place}/staging:2", f"{target.place}/production") == 5
    assert "hint: sign it first" in capsys.readouterr().err
    other = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    theirs = signedimage.sign(signed.layout, image, other)
    goal = Target(Reference.parse(f"{source.place}/staging"), ("2",))
    shipment = Shipment(signed.layout, image, tuple(theirs))
    terms = Terms((ByKey(other.public_key),))
    publish.publish(shipment, [goal], terms, say=lambda _: None)
    assert promoted(signed, f"{source.place}/staging:2", f"{target.place}/production") == 5
    assert target.seen == []


def test_what_is_listed_and_is_not_about_the_image_stays(
    signed: Signed, source: FakeRegistry, target: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tiny.image(signed.layout, salt=b"other")
    foreign = signedimage.sign(signed.layout, other, signed.signer)[0]
    put(source, signed.layout, foreign)
    gone = Descriptor(MANIFEST, "sha256:" + "9" * 64, 5)
    attach(source, signed.top.digest, foreign, gone)
    assert promoted(signed, f"{source.place}/staging:1", f"{target.place}/production") == 0
    said = capsys.readouterr().err
    assert f"{foreign.digest}, which is listed, and refers to something else" in said
    assert f"{gone.digest}, which is listed, and is no manifest or is gone" in said
    assert foreign.digest not in target.manifests


def test_evidence_that_the_registry_changed_is_an_error(
    signed: Signed, source: FakeRegistry, target: FakeRegistry
) -> None:
    layer = signed.layout.read_json(signed.referrers[-1])["layers"][0]["digest"]
    source.blobs[layer] = source.blobs[layer].replace(b"a", b"b", 1)
    assert promoted(signed, f"{source.place}/staging:1", f"{target.place}/production") in {5, 6}
    assert "1" not in target.tags


def test_a_layer_that_the_registry_changed_is_an_error(
    signed: Signed, source: FakeRegistry, target: FakeRegistry
) -> None:
    image = signed.layout.images(signed.top)[1]
    layer = signed.layout.read_json(image)["layers"][0]["digest"]
    source.blobs[layer] = b"x" * len(source.blobs[layer])
    assert promoted(signed, f"{source.place}/staging:1", f"{target.place}/production") == 6
    assert "1" not in target.tags


def test_more_than_can_be_carried_is_an_error(
    signed: Signed,
    source: FakeRegistry,
    target: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, most in (("MAX_ATTACHED", 3), ("MAX_EVIDENCE", 100)):
        with monkeypatch.context() as patch:
            patch.setattr(promotion, name, most)
            assert promoted(signed, f"{source.place}/staging:1", f"{target.place}/x") == 5
        assert f"over {most} " in capsys.readouterr().err
    assert "1" not in target.tags


def older(layout: Layout, digest: str, *names: str) -> Descriptor:
    """Return a manifest as cosign's older signatures lie in, one layer for each name."""
    payload = json.dumps({"critical": {"image": {"docker-manifest-digest": digest}}}).encode()
    notes = [{"dev.cosignproject.cosign/signature": name} for name in names]
    layers = [layout.add(payload, simple.MEDIA_TYPE, annotations=note) for note in notes]
    config = layout.add_json({"names": list(names)}, "application/vnd.oci.image.config.v1+json")
    value = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
    return layout.add_json(value, MANIFEST)


def test_older_signatures_that_are_there_are_never_lost(
    signed: Signed, source: FakeRegistry, target: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    layout, digest = signed.layout, signed.top.digest
    tag = digest.replace(":", "-") + ".sig"
    one, both, other = (older(layout, digest, *n) for n in (["a"], ["a", "b"], ["c"]))
    put(source, layout, one, tag)
    what, goal = f"{source.place}/staging:1", f"{target.place}/production"
    assert promoted(signed, what, goal) == 0
    assert target.tags[tag] == one.digest
    put(source, layout, both, tag)
    assert promoted(signed, what, goal) == 0
    assert target.tags[tag] == both.digest
    put(source, layout, one, tag)
    assert promoted(signed, what, goal) == 0
    assert target.tags[tag] == both.digest
    put(source, layout, other, tag)
    capsys.readouterr()
    assert promoted(signed, what, f"{goal}:9") == 6
    assert "has other signatures" in capsys.readouterr().err
    assert (target.tags[tag], target.tags.get("9")) == (both.digest, None)


def test_in_one_registry_blobs_are_mounted_and_not_fetched(
    signed: Signed, source: FakeRegistry
) -> None:
    there = dict(source.blobs)

    def fault(seen: Seen) -> Reply | None:
        """Keep the blobs of the repository apart until they are mounted."""
        if "/production/blobs/" in seen.path and seen.method == "HEAD":
            digest = seen.path.rpartition("/")[2]
            return None if digest not in there else Reply(404)
        if seen.method == "POST" and "mount=" in seen.path and "from=staging" in seen.path:
            digest = seen.path.partition("mount=")[2].partition("&")[0].replace("%3A", ":")
            there.pop(digest, None)
            return Reply(201, {"Location": f"/v2/production/blobs/{digest}"})
        return None

    source.fault = fault
    assert promoted(signed, f"{source.place}/staging:1", f"{source.place}/production:2") == 0
    assert source.tags["2"] == signed.top.digest
    layers = {
        layer["digest"]
        for image in signed.layout.images(signed.top)
        for layer in signed.layout.read_json(image)["layers"]
    }
    assert not layers & {s.path.rpartition("/")[2] for s in source.calls("GET", "/blobs/")}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_what_may_not_be_mounted_is_fetched_and_sent(
    signed: Signed, source: FakeRegistry, status: int
) -> None:
    lacking = set(source.blobs)

    def fault(seen: Seen) -> Reply | None:
        digest = seen.path.rpartition("/")[2]
        if "mount=" in seen.path:
            return Reply(status)
        if seen.method == "PUT" and "digest=" in seen.path:
            lacking.discard(seen.path.partition("digest=")[2].replace("%3A", ":"))
        if seen.method == "HEAD" and "/production/blobs/" in seen.path and digest in lacking:
            return Reply(404)
        return None

    source.fault = fault
    assert promoted(signed, f"{source.place}/staging:1", f"{source.place}/production:2") == 0
    assert source.tags["2"] == signed.top.digest
    assert lacking == set()


def test_a_digest_has_no_tag_and_archives_are_unpacked_first(
    signed: Signed, source: FakeRegistry, target: FakeRegistry, tmp_path: Path
) -> None:
    what = f"{source.place}/staging@{signed.top.digest}"
    assert promoted(signed, what, f"{target.place}/production") == 0
    assert target.tags == {}
    assert signed.top.digest in target.manifests
    with contextlib.chdir(tmp_path):
        (tmp_path / "image.tar").write_bytes(b"")
        assert promoted(signed, "image.tar", f"{target.place}/production") == 2
    assert promoted(signed, what, f"{target.place}/production@{signed.top.digest}") == 2


def test_what_the_policy_asks_of_the_place_it_goes_to_is_asked_too(
    signed: Signed,
    source: FakeRegistry,
    target: FakeRegistry,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever may sign for staging must not get an image into production by its way there."""
    release = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    (tmp_path / "release.pub").write_bytes(release.public_key.to_pem())
    (tmp_path / "staging.pub").write_bytes(signed.public.read_bytes())
    policy = tmp_path / "policy.toml"
    policy.write_text(
        "".join(
            f'[[images]]\nmatch = "*/{name}"\n[[images.signed-by]]\nkey = "{key}.pub"\n'
            for name, key in (("staging", "staging"), ("web", "release"))
        )
    )
    push = ("push", "--policy", str(policy), f"{source.place}/staging:1")
    assert main([*push, f"{target.place}/web:2"]) == 5
    assert release.public_key.fingerprint in capsys.readouterr().err
    assert target.tags == {}
    assert main([*push, f"{target.place}/elsewhere:2"]) == 0
    assert main([*push, f"{target.place}/more:2", f"{target.place}/web:2"]) == 5
