"""Registries that have been tampered with: nothing false is believed, and work has an end."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import demanded
import madeproof
import pytest
import tiny
from cryptography.hazmat.primitives.asymmetric import ec
from fakeregistry import FakeRegistry, Reply, Seen, serve
from signedbase import put

from imgforge import signing, verify
from imgforge.errors import EvidenceError, RegistryError, TransientError
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import CONFIG, EMPTY, EMPTY_JSON, INDEX, MANIFEST, Descriptor, sha256
from imgforge.signing import bundle, simple, statement
from imgforge.signing.signer import KeySigner
from imgforge.verify import Attested, Demand, attached

SBOM = (statement.SPDX, demanded.SPDX)
PREDICATE = "dev.sigstore.bundle.predicateType"


@pytest.fixture(scope="module")
def signer() -> KeySigner:
    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="module")
def stranger() -> KeySigner:
    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


@pytest.fixture(params=[True, False], ids=["api", "tag"])
def registry(request: pytest.FixtureRequest) -> Iterator[FakeRegistry]:
    with serve(FakeRegistry(referrers_api=request.param)) as served:
        yield served


def listed(registry: FakeRegistry, layout: Layout, of: Descriptor, *referrers: Descriptor) -> None:
    """Have the registry list these and no others, whatever their subjects are."""
    for referrer in referrers:
        put(registry, layout, referrer)
    entries = [referrer.to_json() for referrer in referrers]
    data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    if not registry.referrers_api:
        registry.manifests[sha256(data)] = (INDEX, data)
        registry.tags[of.digest.replace(":", "-")] = sha256(data)
        return
    before = registry.fault

    def answer(seen: Seen) -> Reply | None:
        if seen.path.endswith(f"/referrers/{of.digest}"):
            return Reply(200, {"Content-Type": INDEX}, data)
        return before(seen)

    registry.fault = answer


def signed(layout: Layout, image: Descriptor, by: KeySigner) -> list[Descriptor]:
    sealer = signing.KeySealer(by)
    return signing.sign_image(layout, image, sealer, name="app", predicates=[SBOM], created=1)


def pushed(registry: FakeRegistry, layout: Layout, image: Descriptor) -> str:
    put(registry, layout, image, tag="1")
    return f"{registry.place}/acme/web:1"


def refused(name: str, demand: Demand, reason: str) -> None:
    with pytest.raises(EvidenceError, match=reason):
        verify.verify_registry(name, demand)


def artifact(layout: Layout, subject: Descriptor | None, **fields: Any) -> Descriptor:  # noqa: ANN401
    value: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add(EMPTY_JSON, EMPTY).to_json(),
        "layers": [],
        **({} if subject is None else {"subject": subject.to_json()}),
        **fields,
    }
    return layout.add_json(value, MANIFEST, annotations=value.get("annotations", {}))


def layer_of(layout: Layout, referrer: Descriptor) -> dict[str, Any]:
    (layer,) = layout.read_json(referrer)["layers"]
    found: dict[str, Any] = layer
    return found


def test_a_stripped_signature_leaves_an_attestation_that_is_none(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    signature, sbom = signed(layout, image, signer)
    listed(registry, layout, image, sbom)
    refused(name, demanded.by(signer), "no valid signature by the key .* nothing of that kind")
    listed(registry, layout, image, signature)
    refused(name, demanded.by(signer, [statement.SPDX]), "no valid attestation https://spdx")
    listed(registry, layout, image, signature, sbom)
    verify.verify_registry(name, demanded.by(signer, [statement.SPDX]))


def test_another_predicate_under_the_wanted_name_is_none(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    _, sbom = signed(layout, image, signer)
    layer = layer_of(layout, sbom)
    lying = artifact(layout, image, layers=[layer], annotations={PREDICATE: statement.SIGNATURE})
    listed(registry, layout, image, lying, sbom)
    refused(name, demanded.by(signer), "not that the image is signed")


def test_another_images_evidence_counts_nowhere(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    good, evil = tiny.image(layout), tiny.image(layout, salt=b"evil")
    theirs = signed(layout, good, signer)
    name = pushed(registry, layout, evil)
    # Listed for another image than they refer to.
    listed(registry, layout, evil, *theirs)
    refused(name, demanded.by(signer), "no valid signature")
    # Attached anew.
    moved = [artifact(layout, evil, layers=[layer_of(layout, each)]) for each in theirs]
    listed(registry, layout, evil, *moved)
    refused(name, demanded.by(signer), "about another subject")


@pytest.mark.parametrize("odd", ["two layers", "no subject", "other subject", "type", "index"])
def test_odd_referrers_prove_nothing_and_do_no_harm(
    registry: FakeRegistry, layout: Layout, signer: KeySigner, odd: str
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    signature, _ = signed(layout, image, signer)
    layer = layer_of(layout, signature)
    made = {
        "two layers": lambda: artifact(layout, image, layers=[layer, layer]),
        "no subject": lambda: artifact(layout, None, layers=[layer]),
        "other subject": lambda: artifact(layout, tiny.image(layout, "arm64"), layers=[layer]),
        "type": lambda: artifact(layout, image, layers=[{**layer, "mediaType": "text/plain"}]),
        "index": lambda: layout.add_json(
            {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}, INDEX
        ),
    }[odd]()
    listed(registry, layout, image, made)
    refused(name, demanded.by(signer), "nothing of that kind")
    listed(registry, layout, image, made, signature)
    verify.verify_registry(name, demanded.by(signer))


def test_an_index_whose_child_is_unsigned_is_refused(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    images = [tiny.image(layout, each) for each in ("amd64", "arm64")]
    top = tiny.index(layout, *images)
    name = pushed(registry, layout, top)
    for each in (top, images[0]):
        listed(registry, layout, each, *signed(layout, each, signer))
    listed(registry, layout, images[1])
    refused(name, demanded.by(signer), f"{images[1].digest} has no valid signature")
    chosen = [images[0].platform] if images[0].platform else []
    proven = verify.verify_registry(name, demanded.by(signer), platforms=chosen)
    assert [each.digest for _, each in proven.platforms] == [images[0].digest]


def test_an_index_that_stands_for_its_images_is_asked_after_once(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    images = [tiny.image(layout, each) for each in ("amd64", "arm64", "s390x")]
    top = tiny.index(layout, *images)
    name = pushed(registry, layout, top)
    signature, sbom = signed(layout, top, signer)
    listed(registry, layout, top, signature, sbom)
    for each in images:
        listed(registry, layout, each)
    demand = demanded.by(signer, [statement.SPDX])
    proven = verify.verify_registry(name, replace(demand, through_index=True))
    assert [len(each.attestations) for _, each in proven.platforms] == [2, 2, 2]
    # Once for the index's own signature, once for what its images want.
    assert len(registry.calls("GET", f"/manifests/{signature.digest}")) == 2
    assert len(registry.calls("GET", f"/manifests/{sbom.digest}")) <= 2
    refused(name, demand, f"{images[0].digest} has no valid signature")


def test_a_tag_that_moves_meanwhile_changes_nothing(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image, evil = tiny.image(layout), tiny.image(layout, salt=b"evil")
    name = pushed(registry, layout, image)
    listed(registry, layout, image, *signed(layout, image, signer))
    put(registry, layout, evil)
    before = registry.fault

    def moving(seen: Seen) -> Reply | None:
        if not seen.path.endswith("/manifests/1"):
            registry.tags["1"] = evil.digest
        return before(seen)

    registry.fault = moving
    assert verify.verify_registry(name, demanded.by(signer)).digest == image.digest
    assert len(registry.calls("GET", "/manifests/1")) == 1
    refused(name, demanded.by(signer), f"{evil.digest} has no valid signature")


def junk(layout: Layout, image: Descriptor, count: int, **notes: str) -> list[Descriptor]:
    return [artifact(layout, image, annotations={"n": str(n), **notes}) for n in range(count)]


def test_thousands_of_referrers_do_not_hide_what_they_do_not_pretend_to_be(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    signature, _ = signed(layout, image, signer)
    others = junk(layout, image, 400, **{PREDICATE: "https://example.com/junk"})
    silent = junk(layout, image, 100)
    listed(registry, layout, image, *others, *silent, signature, *junk(layout, image, 2000, x="y"))
    registry.seen.clear()
    verify.verify_registry(name, demanded.by(signer))
    fetched = [seen for seen in registry.seen if "/manifests/sha256:" in seen.path]
    assert len(fetched) <= verify.MAX_BUNDLES


def test_a_flood_of_what_could_be_evidence_is_told_and_costs_no_more(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    signature, _ = signed(layout, image, signer)
    flood = junk(layout, image, 300, **{PREDICATE: statement.SIGNATURE})
    listed(registry, layout, image, *flood, signature)
    registry.seen.clear()
    refused(name, demanded.by(signer), "over 256 things are attached")
    assert len(registry.seen) < verify.MAX_BUNDLES + 16
    listed(registry, layout, image, signature, *flood)
    verify.verify_registry(name, demanded.by(signer))


def test_large_bundles_are_fetched_up_to_a_sum(
    registry: FakeRegistry,
    layout: Layout,
    signer: KeySigner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    large = [madeproof.attach(layout, image, b"{" + b" " * (1000 + n)) for n in range(8)]
    signature, sbom = signed(layout, image, signer)
    monkeypatch.setattr(attached, "MAX_BYTES", 6000)
    listed(registry, layout, image, *large, signature)
    registry.seen.clear()
    # What says what it is comes before what says nothing.
    verify.verify_registry(name, demanded.by(signer))
    got = [
        len(registry.blobs[seen.path.rpartition("/")[2]])
        for seen in registry.calls("GET", "/blobs/")
    ]
    assert sum(got) <= 6000
    listed(registry, layout, image, *large, sbom)
    refused(name, demanded.by(signer), "no valid signature .* over 6000 bytes")


@pytest.mark.parametrize("cap", [("MAX_THINGS", 3), ("MAX_SECONDS", 0.0)])
def test_what_lies_beyond_a_cap_is_never_called_absent(
    registry: FakeRegistry,
    layout: Layout,
    signer: KeySigner,
    monkeypatch: pytest.MonkeyPatch,
    cap: tuple[str, float],
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    signature, _ = signed(layout, image, signer)
    flood = junk(layout, image, 4, **{PREDICATE: statement.SIGNATURE})
    listed(registry, layout, image, *flood, signature)
    monkeypatch.setattr(attached, *cap)
    refused(name, Demand(demanded.by(signer).signed_by), "would")


def test_the_same_bundle_attached_many_times_is_judged_once(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    layer = layout.add(b"junk", bundle.MEDIA_TYPE).to_json()
    same = [artifact(layout, image, layers=[layer], annotations={"n": str(n)}) for n in range(20)]
    listed(registry, layout, image, *same)
    with pytest.raises(EvidenceError) as caught:
        verify.verify_registry(name, demanded.by(signer))
    assert caught.value.details == ()


def test_a_bundle_too_large_for_a_signature_is_left_where_it_is(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    large = madeproof.attach(layout, image, b" " * (attached.MAX_SIGNATURE + 1))
    lying = {**layer_of(layout, large), "size": 1 << 62}
    listed(registry, layout, image, large, artifact(layout, image, layers=[lying]))
    registry.seen.clear()
    with pytest.raises(EvidenceError) as caught:
        verify.verify_registry(name, demanded.by(signer))
    assert registry.calls("GET", "/blobs/") == []
    assert sum("its bundle is over" in line for line in caught.value.details) == 2


def test_megabytes_of_annotations_are_no_matter(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    signature, _ = signed(layout, image, signer)
    fat = artifact(
        layout, image, layers=[layer_of(layout, signature)], annotations={"x": "y" * (3 << 20)}
    )
    plain = Descriptor(fat.media_type, fat.digest, fat.size)
    listed(registry, layout, image, plain)
    verify.verify_registry(name, demanded.by(signer))


def test_what_is_gone_or_does_not_answer_is_never_called_unsigned(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    signature, sbom = signed(layout, image, signer)
    listed(registry, layout, image, signature, sbom)
    lost = layer_of(layout, signature)["digest"]

    def failing(status: int) -> None:
        before = registry.fault

        def answer(seen: Seen) -> Reply | None:
            return Reply(status) if lost in seen.path else before(seen)

        registry.fault = answer

    for status in (404, 403):
        failing(status)
        with pytest.raises(RegistryError):
            verify.verify_registry(name, demanded.by(signer))
    # What is proven by something else needs no answer.
    again = madeproof.attach(layout, image, again_signed(image, signer))
    listed(registry, layout, image, signature, sbom, again)
    failing(403)
    verify.verify_registry(name, demanded.by(signer))


def again_signed(image: Descriptor, signer: KeySigner) -> bytes:
    subject = statement.Subject("again", image.digest)
    return signing.KeySealer(signer).seal(
        statement.about([subject], statement.SIGNATURE, {}).to_bytes()
    )


def test_a_list_of_referrers_that_cannot_be_had_is_no_verdict(
    registry: FakeRegistry, layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    stem = image.digest.replace(":", "-")

    def failing(seen: Seen) -> Reply | None:
        asked = seen.path.rpartition("/")[2]
        return Reply(403) if "/referrers/" in seen.path or asked.startswith(stem) else None

    registry.fault = failing
    with pytest.raises(RegistryError):
        verify.verify_registry(name, demanded.by(signer))


def test_cosigns_older_kinds_are_found_under_their_tags(
    registry: FakeRegistry, layout: Layout, signer: KeySigner, stranger: KeySigner
) -> None:
    import base64

    from imgforge.signing import dsse

    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    listed(registry, layout, image)
    stem = image.digest.replace(":", "-")

    def simply(by: KeySigner, digest: str) -> dict[str, Any]:
        critical = {
            "identity": {"docker-reference": ""},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        }
        payload = json.dumps({"critical": critical, "optional": None}).encode()
        note = base64.b64encode(by.sign(payload)).decode()
        layer = layout.add(payload, simple.MEDIA_TYPE).to_json()
        return {**layer, "annotations": {"dev.cosignproject.cosign/signature": note}}

    def tagged(tag: str, *layers: dict[str, Any]) -> None:
        config = layout.add(b"{}", CONFIG).to_json()
        value = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        put(registry, layout, layout.add_json(value, MANIFEST), tag=f"{stem}.{tag}")

    payload = madeproof.about(image, statement.SPDX, json.loads(demanded.SPDX))
    envelope = json.dumps(dsse.sign(payload, signer).to_json()).encode()
    sbom = layout.add(envelope, simple.ATTESTATION).to_json()
    sbom["annotations"] = {"predicateType": statement.SPDX}
    demand = demanded.by(signer, [statement.SPDX])
    tagged("sig", simply(stranger, image.digest), simply(signer, image.digest))
    refused(name, demand, "no valid attestation")
    tagged("att", sbom)
    proven = verify.verify_registry(name, demand)
    assert len(proven.attestations) == 2
    # An attestation is no signature here either.
    tagged("sig", simply(stranger, image.digest))
    refused(name, demand, "not by this key")
    tagged("sig", simply(signer, "sha256:" + "0" * 64))
    refused(name, demand, "about another image")
    tagged("sig", sbom)
    refused(name, demand, "nothing of that kind")
    # Too many of them are cut, and that is told.
    tagged("sig", *[simply(stranger, image.digest)] * 300, simply(signer, image.digest))
    refused(name, demand, "over 256 things")


def test_an_sbom_that_must_be_true_is_held_against_the_layers(
    registry: FakeRegistry,
    layout: Layout,
    signer: KeySigner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "cache"))
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    listed(registry, layout, image, *signed(layout, image, signer))
    layer = layout.read_json(image)["layers"][0]["digest"]
    (by,) = demanded.by(signer).signed_by
    registry.seen.clear()
    verify.verify_registry(name, Demand((by,), (Attested(statement.SPDX),)))
    assert not registry.calls("GET", layer)
    with pytest.raises(EvidenceError, match="not what is demanded"):
        # The SBOM of these tests lists a package that no layer has.
        verify.verify_registry(name, Demand((by,), (Attested(statement.SPDX, true=True),)))
    assert registry.calls("GET", layer)


def test_a_registry_that_drips_its_lists_is_given_up(
    registry: FakeRegistry, layout: Layout, signer: KeySigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only what is fetched takes time: lists, tags and manifests of an index do so, too."""
    image = tiny.image(layout)
    name = pushed(registry, layout, image)
    monkeypatch.setattr(attached, "MAX_SECONDS", 0.5)
    monkeypatch.setattr(attached, "_GRACE", 0.5)
    before = registry.fault

    def slow(seen: Seen) -> Reply | None:
        if "/referrers/" in seen.path or "/manifests/sha256-" in seen.path:
            return Reply(503, {"Retry-After": "30"})
        return before(seen)

    registry.fault = slow
    begun = time.monotonic()
    with pytest.raises(TransientError, match="too slow"):
        verify.verify_registry(name, demanded.by(signer))
    assert time.monotonic() - begun < 5


def test_an_answer_that_never_ends_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def drip() -> None:
            peer, _ = server.accept()
            with peer, contextlib.suppress(OSError):
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not stop.wait(0.05):
                    peer.sendall(b" ")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        place = f"127.0.0.1:{server.getsockname()[1]}/acme/web"
        try:
            with Registry(Reference.parse(place)) as registry:
                registry.http.until = time.monotonic() + 0.5
                begun = time.monotonic()
                with pytest.raises(TransientError, match="too slow"):
                    registry.find("1")
                assert time.monotonic() - begun < 5
        finally:
            stop.set()
            thread.join()
