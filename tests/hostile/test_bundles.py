"""Evidence that was tampered with, moved, renamed or made up: none of it may count."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import demanded
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from imgforge import signing, verify
from imgforge.errors import EvidenceError
from imgforge.oci.layout import Layout
from imgforge.oci.types import EMPTY, EMPTY_JSON, MANIFEST, Descriptor, Platform
from imgforge.signing import bundle, dsse, key, simple, statement
from imgforge.signing.signatory import ByKey
from imgforge.signing.signer import KeySigner
from imgforge.verify import judge
from imgforge.verify.attached import BUNDLE, Piece

PREDICATES = [
    (statement.SPDX, demanded.SPDX),
    (statement.PROVENANCE, b'{"buildDefinition":{}}'),
]
NEEDED = frozenset(kind for kind, _ in PREDICATES)
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def signer() -> KeySigner:
    from cryptography.hazmat.primitives.asymmetric import ec

    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="module")
def stranger() -> KeySigner:
    from cryptography.hazmat.primitives.asymmetric import ec

    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


def signed(layout: Layout, image: Descriptor, signer: KeySigner) -> list[Descriptor]:
    return signing.sign_image(
        layout,
        image,
        signing.KeySealer(signer),
        name="app",
        predicates=PREDICATES,
        created=1_700_000_000,
    )


def data_of(layout: Layout, referrer: Descriptor) -> bytes:
    (layer,) = layout.read_json(referrer)["layers"]
    return layout.read(Descriptor.from_json(layer))


def attach(layout: Layout, image: Descriptor, data: bytes) -> Descriptor:
    return layout.attach(image, data, bundle.MEDIA_TYPE, {})


def accepted(layout: Layout, image: Descriptor, signer: KeySigner) -> verify.Verified:
    return verify.verify_layout(layout, image, demanded.by(signer, NEEDED), deep=True)


def refused(layout: Layout, image: Descriptor, signer: KeySigner, reason: str = "") -> None:
    with pytest.raises(EvidenceError, match=reason):
        accepted(layout, image, signer)


def test_honest_evidence_is_accepted_and_told(layout: Layout, signer: KeySigner) -> None:
    image = tiny.image(layout)
    evidence = signed(layout, image, signer)
    layout.write_index([image, *evidence])
    proven = accepted(layout, image, signer)
    assert proven.digest == image.digest
    assert proven.signers == (f"the key {signer.public_key.fingerprint}",)
    assert [a.predicate_type for a in proven.attestations] == [
        statement.SIGNATURE,
        statement.SPDX,
        statement.PROVENANCE,
    ]
    assert proven.attestations[1].predicate == json.loads(demanded.SPDX)
    assert [layout.has(a.bundle) for a in proven.attestations] == [True] * 3


def test_signing_again_gives_the_same_bytes(layout: Layout, signer: KeySigner) -> None:
    image = tiny.image(layout)
    assert signed(layout, image, signer) == signed(layout, image, signer)


def test_an_image_without_any_evidence_is_refused(layout: Layout, signer: KeySigner) -> None:
    image = tiny.image(layout)
    layout.write_index([image])
    refused(layout, image, signer, "no valid signature")


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_each_piece_is_needed(layout: Layout, signer: KeySigner, left_out: int) -> None:
    image = tiny.image(layout)
    evidence = signed(layout, image, signer)
    del evidence[left_out]
    layout.write_index([image, *evidence])
    kind = ["signature", "attestation https://spdx.dev", "attestation https://slsa.dev"][left_out]
    refused(layout, image, signer, f"no valid {kind}.*nothing of that kind")


def test_another_images_evidence_does_not_count(layout: Layout, signer: KeySigner) -> None:
    image, other = tiny.image(layout), tiny.image(layout, salt=b"evil")
    moved = [attach(layout, other, data_of(layout, r)) for r in signed(layout, image, signer)]
    layout.write_index([other, *moved])
    refused(layout, other, signer, "about another subject")


def test_a_strangers_evidence_does_not_count_whatever_its_hint(
    layout: Layout, signer: KeySigner, stranger: KeySigner
) -> None:
    image = tiny.image(layout)
    evidence = []
    for referrer in signed(layout, image, stranger):
        value = json.loads(data_of(layout, referrer))
        value["verificationMaterial"]["publicKey"]["hint"] = signer.hint
        evidence.append(attach(layout, image, json.dumps(value).encode()))
    layout.write_index([image, *evidence])
    refused(layout, image, signer, "not by this key")


def test_others_evidence_beside_ours_does_no_harm(
    layout: Layout, signer: KeySigner, stranger: KeySigner
) -> None:
    image = tiny.image(layout)
    ours, theirs = signed(layout, image, signer), signed(layout, image, stranger)
    junk = attach(layout, image, b"junk")
    layout.write_index([image, junk, *theirs, *ours])
    assert len(accepted(layout, image, signer).attestations) == 3


def test_annotations_prove_nothing(layout: Layout, signer: KeySigner) -> None:
    image = tiny.image(layout)
    evidence = signed(layout, image, signer)
    sbom = data_of(layout, evidence[1])
    named = layout.attach(
        image,
        sbom,
        bundle.MEDIA_TYPE,
        {"dev.sigstore.bundle.predicateType": statement.SIGNATURE},
    )
    layout.write_index([image, named, *evidence[1:]])
    refused(layout, image, signer, "no valid signature")


def change_payload(edit: Edit) -> Edit:
    def change(value: dict[str, Any]) -> None:
        envelope = value["dsseEnvelope"]
        payload = json.loads(base64.b64decode(envelope["payload"]))
        edit(payload)
        envelope["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()

    return change


def change_signature(value: dict[str, Any]) -> None:
    (signature,) = value["dsseEnvelope"]["signatures"]
    raw = bytearray(base64.b64decode(signature["sig"]))
    raw[-1] ^= 1
    signature["sig"] = base64.b64encode(raw).decode()


TAMPERINGS: dict[str, Edit] = {
    "payload": change_payload(lambda p: p.update(extra=1)),
    "subject": change_payload(lambda p: p["subject"][0]["digest"].update(sha256="0" * 64)),
    "predicate type": change_payload(lambda p: p.update(predicateType=statement.SIGNATURE)),
    "signature": change_signature,
    "empty signature": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig=""),
    "no signature": lambda b: b["dsseEnvelope"].update(signatures=[]),
    "two signatures": lambda b: b["dsseEnvelope"]["signatures"].append({"sig": "AAAA"}),
    "payload type": lambda b: b["dsseEnvelope"].update(payloadType="text/plain"),
    "spaces in base64": lambda b: b["dsseEnvelope"].update(
        payload=b["dsseEnvelope"]["payload"] + "\n"
    ),
    "media type": lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle.v0.9+json"),
    "media type is a list": lambda b: b.update(mediaType=[]),
    "certificate": lambda b: b.update(verificationMaterial={"certificate": {"rawBytes": "AAAA"}}),
    "certificate and key": lambda b: b["verificationMaterial"].update(certificate={}),
    "no material": lambda b: b.update(verificationMaterial={}),
    "message": lambda b: b.update(messageSignature={}),
    "message instead": lambda b: b.update(messageSignature=b.pop("dsseEnvelope")),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_tampered_bundle_never_counts(layout: Layout, signer: KeySigner, tampering: str) -> None:
    image = tiny.image(layout)
    evidence = []
    for referrer in signed(layout, image, signer):
        value = json.loads(data_of(layout, referrer))
        TAMPERINGS[tampering](value)
        evidence.append(attach(layout, image, json.dumps(value).encode()))
    layout.write_index([image, *evidence])
    refused(layout, image, signer, "no valid signature")


def resigned(layout: Layout, image: Descriptor, signer: KeySigner, payload: bytes) -> Descriptor:
    made = bundle.Bundle(dsse.sign(payload, signer), signer.hint)
    return attach(layout, image, made.to_bytes())


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s.update(_type="https://in-toto.io/Statement/v9"),
        lambda s: s.update(predicateType="https://cosign.sigstore.dev/attestation/v1"),
        lambda s: s.update(subject=[]),
        lambda s: s["subject"][0].update(digest={"sha512": "a" * 128}),
        lambda s: s["subject"][0]["digest"].update(
            sha256=s["subject"][0]["digest"]["sha256"].upper()
        ),
        lambda s: s["subject"][0]["digest"].update(sha256="f" * 64),
    ],
)
def test_a_statement_of_ours_that_says_something_else_is_no_signature(
    layout: Layout, signer: KeySigner, edit: Edit
) -> None:
    image = tiny.image(layout)
    subject = statement.Subject("app", image.digest)
    value = json.loads(statement.about([subject], statement.SIGNATURE, {}).to_bytes())
    good = resigned(layout, image, signer, json.dumps(value).encode())
    layout.write_index([image, good])
    verify.verify_layout(layout, image, demanded.by(signer))
    edit(value)
    bad = resigned(layout, image, signer, json.dumps(value).encode())
    layout.write_index([image, bad])
    with pytest.raises(EvidenceError, match="no valid signature"):
        verify.verify_layout(layout, image, demanded.by(signer))


def test_a_signed_payload_of_another_type_is_no_statement(
    layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    subject = statement.Subject("app", image.digest)
    payload = statement.about([subject], statement.SIGNATURE, {}).to_bytes()
    made = bundle.Bundle(dsse.sign(payload, signer, "application/json"), signer.hint)
    layout.write_index([image, attach(layout, image, made.to_bytes())])
    refused(layout, image, signer, "its payload is of type 'application/json'")


@pytest.mark.parametrize("part", ["bundle", "statement"])
def test_repeated_keys_are_refused(layout: Layout, signer: KeySigner, part: str) -> None:
    image = tiny.image(layout)
    subject = statement.Subject("app", image.digest)
    payload = statement.about([subject], statement.SIGNATURE, {}).to_bytes()
    if part == "statement":
        payload = payload.replace(b'{"_type"', b'{"predicateType":"x","_type"')
    data = bundle.Bundle(dsse.sign(payload, signer), signer.hint).to_bytes()
    if part == "bundle":
        data = data.replace(b'{"dsseEnvelope"', b'{"mediaType":"x","dsseEnvelope"')
    layout.write_index([image, attach(layout, image, data)])
    refused(layout, image, signer, "repeats a key")


def test_an_artifact_of_several_layers_is_not_a_bundle(layout: Layout, signer: KeySigner) -> None:
    image = tiny.image(layout)
    (first, *_) = signed(layout, image, signer)
    value = layout.read_json(first)
    value["layers"].append(layout.add(b"other", "text/plain").to_json())
    layout.write_index([image, layout.add_json(value, MANIFEST)])
    refused(layout, image, signer, "nothing of that kind")


@pytest.mark.parametrize("which", ["manifest", "bundle", "config", "layer"])
def test_a_blob_that_was_changed_on_disk_is_found(
    layout: Layout, signer: KeySigner, which: str
) -> None:
    image = tiny.image(layout)
    evidence = signed(layout, image, signer)
    layout.write_index([image, *evidence])
    manifest = layout.read_json(image)
    digest = {
        "manifest": image.digest,
        "bundle": layout.read_json(evidence[0])["layers"][0]["digest"],
        "config": manifest["config"]["digest"],
        "layer": manifest["layers"][0]["digest"],
    }[which]
    path = layout.blob_path(digest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    refused(layout, image, signer, "does not match its descriptor")


def test_a_blob_that_is_missing_is_found(layout: Layout, signer: KeySigner) -> None:
    image = tiny.image(layout)
    layout.write_index([image, *signed(layout, image, signer)])
    layout.blob_path(layout.read_json(image)["layers"][0]["digest"]).unlink()
    refused(layout, image, signer, "lacks blob")


def indexed(layout: Layout, signer: KeySigner) -> tuple[Descriptor, list[list[Descriptor]]]:
    images = [tiny.image(layout, a) for a in ("amd64", "arm64")]
    top = tiny.index(layout, *images)
    evidence = [signing.sign_image(layout, top, signing.KeySealer(signer), name="app", created=0)]
    evidence += [signed(layout, image, signer) for image in images]
    return top, evidence


def test_an_index_needs_every_platform(layout: Layout, signer: KeySigner) -> None:
    top, evidence = indexed(layout, signer)
    layout.write_index([top, *chain(*evidence)])
    proven = accepted(layout, top, signer)
    assert [str(p) for p, _ in proven.platforms] == ["linux/amd64", "linux/arm64"]
    assert all(len(v.attestations) == 3 for _, v in proven.platforms)
    for missing in range(3):
        rest = [e for n, e in enumerate(evidence) if n != missing]
        layout.write_index([top, *chain(*rest)])
        refused(layout, top, signer, "no valid signature")


def test_platforms_can_be_asked_for(layout: Layout, signer: KeySigner) -> None:
    top, evidence = indexed(layout, signer)
    layout.write_index([top, *evidence[0], *evidence[1]])
    key_ = demanded.by(signer)
    amd64, arm64 = Platform("linux", "amd64"), Platform("linux", "arm64")
    proven = verify.verify_layout(layout, top, demanded.by(signer, NEEDED), platforms=[amd64])
    assert [p for p, _ in proven.platforms] == [amd64]
    with pytest.raises(EvidenceError, match="no valid signature"):
        verify.verify_layout(layout, top, key_, platforms=[arm64])
    with pytest.raises(EvidenceError, match="no image for linux/s390x"):
        verify.verify_layout(layout, top, key_, platforms=[Platform("linux", "s390x")])
    image = tiny.image(layout)
    with pytest.raises(EvidenceError, match="not an index"):
        verify.verify_layout(layout, image, key_, platforms=[amd64])


def test_a_flood_of_referrers_is_refused(layout: Layout, signer: KeySigner) -> None:
    image = tiny.image(layout)
    config = layout.add(EMPTY_JSON, EMPTY).to_json()
    flood = [
        layout.add_json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config,
                "layers": [],
                "subject": image.to_json(),
                "annotations": {"n": str(n)},
            },
            MANIFEST,
        )
        for n in range(verify.MAX_BUNDLES + 1)
    ]
    layout.write_index([image, *flood])
    refused(layout, image, signer, "over 256")


def test_a_predicate_that_is_no_json_object_is_not_signed(
    layout: Layout, signer: KeySigner
) -> None:
    image = tiny.image(layout)
    for data in (b"", b"[]", b'{"a":1,"a":2}', b'{"a":NaN}', b'"\\ud800"', b'{"a":"\\ud800"}'):
        with pytest.raises(EvidenceError, match="cannot be signed"):
            signing.sign_image(
                layout,
                image,
                signing.KeySealer(signer),
                name="app",
                predicates=[(statement.SPDX, data)],
                created=0,
            )


GOLDEN = Path(__file__).parents[1] / "unit" / "signing" / "data"
SIGNED = "sha256:c868b11e651ac5d63d76c314aa8b7b668591dd0dc6ffa0393c59798ed5134eec"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_changed_byte_of_a_bundle_proves_anything_else(data: st.DataObject) -> None:
    good = (GOLDEN / "cosign-sign.json").read_bytes()
    public = key.load_public(GOLDEN / "cosign.pub")
    position = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = good[:position] + bytes([byte]) + good[position + 1 :]
    piece = Piece(BUNDLE, Descriptor(bundle.MEDIA_TYPE, SIGNED, len(changed)))
    expected = judge.said(piece, good, [SIGNED], ByKey(public))
    try:
        proven = judge.said(piece, changed, [SIGNED], ByKey(public))
    except ValueError:
        return
    assert proven == expected


@pytest.mark.parametrize("unit", [b"[],", b"{},", b'"",', b"1.5,"], ids=ascii)
def test_a_bundle_of_millions_of_values_is_refused_before_they_are_made(unit: bytes) -> None:
    """64 MiB of empty lists make one and a half gigabytes of objects, in twenty seconds."""
    data = b'{"mediaType":"x","y":[' + unit * ((60 << 20) // len(unit)) + b"0]}"
    begun = time.monotonic()
    with pytest.raises(ValueError, match="values"):
        bundle.Bundle.from_bytes(data)
    layer = Descriptor(simple.ATTESTATION, "sha256:" + "0" * 64, len(data))
    with pytest.raises(ValueError, match="values"):
        simple.OlderAttestation.from_layer(layer, data)
    assert time.monotonic() - begun < 2
