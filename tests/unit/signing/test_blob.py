from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imgforge.signing import blob, bundle, dsse, generate, load_public
from imgforge.signing.key import PublicKey
from imgforge.signing.signer import KeySigner

DATA = b"fail-on = 'low'\n"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> KeySigner:
    private, _ = generate(tmp_path_factory.mktemp("keys") / "k", b"")
    return KeySigner.open(private, b"")


def test_what_is_signed_holds_and_is_the_same_again(signer: KeySigner) -> None:
    signed = blob.sign(DATA, signer)
    blob.verify(signed, DATA, signer.public_key)
    assert blob.sign(DATA, signer) == signed
    with pytest.raises(ValueError, match="another file"):
        blob.verify(signed, DATA + b"#", signer.public_key)


def test_a_bundle_that_cosign_wrote_holds() -> None:
    folder = Path(__file__).parent / "data"
    key = load_public(folder / "blob.pub")
    blob.verify((folder / "cosign-blob.json").read_bytes(), b"hello\n", key)


def changed(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *place, last = path.split(".")
        for part in place:
            document = document[part]
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("mediaType", "application/vnd.dev.sigstore.bundle+json;version=0.1"),
        ("mediaType", None),
        ("dsseEnvelope", {}),
        ("messageSignature", None),
        ("messageSignature", {}),
        ("messageSignature.more", 1),
        ("messageSignature.signature", ""),
        ("messageSignature.signature", 1),
        ("messageSignature.signature", "AAAA"),
        ("messageSignature.signature", "not base64"),
        ("messageSignature.messageDigest", None),
        ("messageSignature.messageDigest", {}),
        ("messageSignature.messageDigest.digest", "AAAA"),
        ("messageSignature.messageDigest.algorithm", "SHA2_512"),
        ("verificationMaterial", None),
        ("verificationMaterial", {"certificate": {"rawBytes": "AAAA"}}),
        ("verificationMaterial", {"publicKey": {"hint": 1}}),
    ],
)
def test_what_is_no_signature_of_a_key_over_the_file_is_refused(
    signer: KeySigner, path: str, value: object
) -> None:
    document = json.loads(blob.sign(DATA, signer))
    changed(path, value)(document)
    with pytest.raises(ValueError, match=r".+"):
        blob.verify(json.dumps(document).encode(), DATA, signer.public_key)


@pytest.mark.parametrize("signed", [b"", b"[]", b"{}", b"{", b"\xff", b'{"a":1,"a":1}'])
def test_what_is_no_bundle_is_refused(signer: KeySigner, signed: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        blob.verify(signed, DATA, signer.public_key)


def test_an_images_statement_is_no_signature_of_a_file(signer: KeySigner) -> None:
    envelope = dsse.sign(DATA, signer)
    statement = bundle.Bundle(envelope, signer.hint).to_bytes()
    with pytest.raises(ValueError, match="other parts"):
        blob.verify(statement, DATA, signer.public_key)
    document = json.loads(blob.sign(DATA, signer))
    document["messageSignature"]["signature"] = envelope.to_json()["signatures"][0]["sig"]
    with pytest.raises(ValueError, match="not by this key"):
        blob.verify(json.dumps(document).encode(), DATA, signer.public_key)


def test_the_hint_at_a_key_proves_nothing(signer: KeySigner, tmp_path: Path) -> None:
    generate(tmp_path / "other", b"")
    other: PublicKey = load_public(tmp_path / "other.pub")
    document = json.loads(blob.sign(DATA, signer))
    document["verificationMaterial"]["publicKey"]["hint"] = other.hint
    with pytest.raises(ValueError, match="not by this key"):
        blob.verify(json.dumps(document).encode(), DATA, other)
