from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.signing import key as keys
from imgforge.signing.signer import KeySigner

DATA = Path(__file__).parent / "data"
PASSWORD = b"secret"


AnyKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def pem(key: AnyKey) -> bytes:
    return bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def test_a_key_that_cosign_made_opens_and_belongs_to_its_public_half() -> None:
    private = keys.load_private(DATA / "cosign.key", PASSWORD)
    public = keys.load_public(DATA / "cosign.pub")
    assert keys.public(private) == public
    assert public.hint == "PFPDPz7zAp7ixARRI/ReI7WAZMB1CmNnsBydaZLzdts="
    assert base64.b64decode(public.hint).hex() == public.fingerprint.removeprefix("sha256:")


def test_the_older_label_is_read_too() -> None:
    text = (DATA / "cosign.key").read_bytes().replace(b"SIGSTORE", b"COSIGN")
    assert keys.public(keys.decrypt(text, PASSWORD)) == keys.load_public(DATA / "cosign.pub")


def test_a_wrong_password_is_told_with_a_hint() -> None:
    with pytest.raises(EvidenceError, match="does not open") as caught:
        keys.load_private(DATA / "cosign.key", b"wrong")
    assert caught.value.hint is not None
    assert "IMGFORGE_KEY_PASSWORD" in caught.value.hint


def test_a_generated_pair_signs_and_verifies_and_the_private_half_is_private(
    tmp_path: Path,
) -> None:
    private, public = keys.generate(tmp_path / "release.v1", b"pw")
    assert (private.name, public.name) == ("release.v1.key", "release.v1.pub")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(public.stat().st_mode) == 0o644
    assert sorted(p.name for p in tmp_path.iterdir()) == ["release.v1.key", "release.v1.pub"]
    signer = KeySigner.open(private, b"pw")
    signature = signer.sign(b"data")
    key = keys.load_public(public)
    assert key.verify(signature, b"data")
    assert not key.verify(signature, b"Data")
    assert not key.verify(b"", b"data")
    assert not keys.load_public(DATA / "cosign.pub").verify(signature, b"data")


def test_the_same_data_gives_the_same_signature() -> None:
    signer = KeySigner.open(DATA / "cosign.key", PASSWORD)
    assert signer.sign(b"data") == signer.sign(b"data")


@pytest.mark.parametrize("taken", [".key", ".pub"])
def test_nothing_is_overwritten(tmp_path: Path, taken: str) -> None:
    (tmp_path / f"k{taken}").write_text("precious")
    with pytest.raises(InvalidInputError, match="never overwritten"):
        keys.generate(tmp_path / "k", b"pw")
    assert [p.name for p in tmp_path.iterdir()] == [f"k{taken}"]
    assert (tmp_path / f"k{taken}").read_text() == "precious"


def test_a_dangling_link_counts_as_taken(tmp_path: Path) -> None:
    (tmp_path / "k.pub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInputError, match="never overwritten"):
        keys.generate(tmp_path / "k", b"pw")
    assert not (tmp_path / "k.key").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot write"):
        keys.generate(tmp_path / "none" / "k", b"pw")


def test_rsa_keys_are_accepted_both_ways() -> None:
    key = rsa.generate_private_key(65537, 2048)
    private = keys.decrypt(keys.encrypt(key, b""), b"")
    signature = KeySigner(private).sign(b"data")
    assert keys.PublicKey.from_pem(pem(key)).verify(signature, b"data")


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - it is the bad example
    ],
    ids=["P-384", "secp256k1", "Ed25519", "RSA-1024"],
)
def test_other_kinds_of_keys_are_refused(key: AnyKey) -> None:
    with pytest.raises(EvidenceError, match="of a kind"):
        keys.PublicKey.from_pem(pem(key))


def test_a_private_key_is_not_taken_for_a_public_one() -> None:
    with pytest.raises(EvidenceError, match="is a private key"):
        keys.load_public(DATA / "cosign.key")


def test_a_plain_private_key_is_refused(tmp_path: Path) -> None:
    plain = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "k").write_bytes(plain)
    with pytest.raises(EvidenceError, match="not an encrypted cosign key"):
        keys.load_private(tmp_path / "k", b"")


def test_a_missing_file_is_a_matter_of_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot read the key"):
        keys.load_public(tmp_path / "none")


def rewrapped(**changes: object) -> bytes:
    _, body = keys._unwrap((DATA / "cosign.key").read_bytes(), "test")
    document = json.loads(body)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = document
        for parent in parents:
            place = place[parent]
        place[last] = value
    return keys._wrap(keys.LABELS[0], json.dumps(document).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"kdf__name": "argon2"},
        {"kdf__params__N": 1 << 30},
        {"kdf__params__N": 2},
        {"kdf__params__r": 1 << 20},
        {"kdf__params__p": 2},
        {"kdf__params__x": 1},
        {"kdf__params": None},
        {"kdf": []},
        {"kdf__salt": ""},
        {"kdf__salt": "!" * 44},
        {"kdf__salt": 7},
        {"cipher__name": "none"},
        {"cipher__nonce": "AAAA"},
        {"ciphertext": None},
    ],
    ids=str,
)
def test_an_encryption_other_than_cosigns_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError, match="not a cosign key"):
        keys.decrypt(rewrapped(**changes), PASSWORD)


@pytest.mark.parametrize("ciphertext", ["", "AAAA", "A" * 64])
def test_a_tampered_ciphertext_does_not_open(ciphertext: str) -> None:
    with pytest.raises(EvidenceError, match="does not open"):
        keys.decrypt(rewrapped(ciphertext=ciphertext), PASSWORD)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x00" * 40,
        b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nAAA\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"x" * (keys.MAX_FILE + 1),
    ],
)
def test_what_is_no_key_is_refused(text: bytes) -> None:
    with pytest.raises(EvidenceError):
        keys.PublicKey.from_pem(text)
    with pytest.raises(EvidenceError):
        keys.decrypt(text, PASSWORD)


def test_two_keys_in_one_file_are_refused() -> None:
    with pytest.raises(EvidenceError, match="not one PEM block"):
        keys.PublicKey.from_pem((DATA / "cosign.pub").read_bytes() * 2)
