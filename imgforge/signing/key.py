"""Key pairs in cosign's files.

The private half is PKCS#8 DER in NaCl's secretbox under a key that scrypt makes of the password,
as JSON in PEM (github.com/secure-systems-lab/go-securesystemslib, ``encrypted``; cosign,
``pkg/cosign/keys.go``). The public half is an ordinary SubjectPublicKeyInfo PEM.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgforge import strictjson
from imgforge.errors import EvidenceError, InvalidInputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

MAX_FILE = 32 << 10
"""Bytes; the most that is read of a key file (RSA 4096 needs 7 KiB)."""

LABELS = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
_PEM = re.compile(rb"\s*-----BEGIN ([A-Z ]+)-----\s([A-Za-z0-9+/=\s]+)-----END \1-----\s*")
_WORK = (32768, 65536)
"""Values of scrypt's N that go-securesystemslib writes or ever wrote; r is 8 and p is 1."""
_SALT, _NONCE = 32, 24
_SCRYPT_MEMORY = 256 << 20
_RSA_BITS = range(2048, 8193)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A P-256 or RSA verification key; ``der`` is its SubjectPublicKeyInfo."""

    der: bytes

    @classmethod
    def from_pem(cls, pem: bytes, place: str = "the public key") -> PublicKey:
        """Read one PEM ``PUBLIC KEY``; EvidenceError naming ``place`` on anything else."""
        label, der = _unwrap(pem, place)
        if label in LABELS:
            raise EvidenceError(
                f"{place} is a private key", hint="give the .pub file that was made with it"
            )
        if label != "PUBLIC KEY":
            raise EvidenceError(f"{place} is a PEM {label}, not a PUBLIC KEY")
        key = cls(der)
        key._load(place)
        return key

    @classmethod
    def of(cls, key: object, place: str = "the public key") -> PublicKey:
        """Take a key of ``cryptography``'s; EvidenceError naming ``place`` if it is of no kind."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise _unaccepted(place)
        made = cls(
            key.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        made._load(place)
        return made

    @classmethod
    def from_der(cls, der: bytes, place: str = "the public key") -> PublicKey:
        """Read a SubjectPublicKeyInfo; EvidenceError naming ``place`` on anything else."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

        try:
            key = serialization.load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise EvidenceError(f"{place} is not a public key that can be read") from error
        return cls.of(key, place)

    def to_pem(self) -> bytes:
        """Return the PEM ``PUBLIC KEY`` that cosign and OpenSSL read."""
        return _wrap("PUBLIC KEY", self.der)

    @property
    def kind(self) -> str:
        """``ECDSA P-256``, or RSA and its size in bits."""
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = self._load("the public key")
        return f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else "ECDSA P-256"

    @property
    def fingerprint(self) -> str:
        """``sha256:<hex>`` of the SubjectPublicKeyInfo."""
        return "sha256:" + hashlib.sha256(self.der).hexdigest()

    @property
    def hint(self) -> str:
        """The name by which bundles mention the key; never a reason to trust it."""
        return base64.b64encode(hashlib.sha256(self.der).digest()).decode()

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` is this key's over ``data`` (SHA-256; RSA with PKCS #1 v1.5)."""
        return self.verify_hash(signature, hashlib.sha256(data).digest())

    def verify_hash(self, signature: bytes, hashed: bytes) -> bool:
        """Whether ``signature`` is this key's over the data whose SHA-256 is ``hashed``."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

        key = self._load("the public key")
        algorithm = utils.Prehashed(hashes.SHA256())
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, hashed, ec.ECDSA(algorithm))
            else:
                key.verify(signature, hashed, padding.PKCS1v15(), algorithm)
        except InvalidSignature:
            return False
        return True

    def _load(self, place: str) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        try:
            key = serialization.load_der_public_key(self.der)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise EvidenceError(f"{place} is not a public key that can be read") from error
        if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS:
            return key
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return key
        raise _unaccepted(place)


def public(key: PrivateKey) -> PublicKey:
    """Return the public half of ``key``."""
    return PublicKey.of(key.public_key())


def generate(prefix: Path, password: bytes) -> tuple[Path, Path]:
    """Make a P-256 key pair and :func:`store` it."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return store(ec.generate_private_key(ec.SECP256R1()), prefix, password)


def store(key: PrivateKey, prefix: Path, password: bytes) -> tuple[Path, Path]:
    """Write a pair: ``<prefix>.key`` (mode 0600, encrypted) and ``<prefix>.pub``.

    Returns both paths. A file that exists is never replaced (InvalidInputError), and the pair
    appears whole or not at all.
    """
    private_path = prefix.with_name(prefix.name + ".key")
    public_path = prefix.with_name(prefix.name + ".pub")
    for path in (private_path, public_path):
        if path.exists() or path.is_symlink():
            raise _exists(path)
    _create(private_path, encrypt(key, password), 0o600)
    try:
        _create(public_path, public(key).to_pem(), 0o644)
    except BaseException:
        private_path.unlink()
        raise
    return private_path, public_path


def read_foreign(path: Path, password: Callable[[], bytes]) -> PrivateKey:
    """Read an ordinary private key (P-256 or RSA) as OpenSSL writes it, in PEM or DER.

    PKCS #8 (RFC 5958), SEC 1 (RFC 5915) or PKCS #1 (RFC 8017); ``password`` is called only if it
    is encrypted. InvalidInputError if the file can't be read, else EvidenceError.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    data, place = _read(path), str(path)
    if any(label.encode() in data for label in LABELS):
        raise InvalidInputError(f"{place} is cosign's already: it needs no import")
    load = (
        serialization.load_pem_private_key
        if b"-----BEGIN " in data
        else serialization.load_der_private_key
    )
    try:
        try:
            key = load(data, None)
        except TypeError:  # it is encrypted
            key = load(data, password())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EvidenceError(
            f"{place} holds no private key that can be read, or this is not its password",
            hint="openssl pkey -in FILE shows whether OpenSSL reads it",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise _unaccepted(place)
    PublicKey.of(key.public_key(), place)
    return key


def load_public(path: Path) -> PublicKey:
    """Read a PEM public key; InvalidInputError if the file can't be read, else EvidenceError."""
    return PublicKey.from_pem(_read(path), str(path))


def is_public(path: Path) -> bool:
    """Whether a file looks like a public key's PEM; InvalidInputError if it can't be read."""
    return b"-----BEGIN PUBLIC KEY-----" in _read(path)


def load_private(path: Path, password: bytes) -> PrivateKey:
    """Read and decrypt a cosign private key (P-256 or RSA).

    InvalidInputError if the file can't be read, EvidenceError if it is malformed or the password
    is not the one it was encrypted with.
    """
    return decrypt(_read(path), password, str(path))


def encrypt(key: PrivateKey, password: bytes) -> bytes:
    """Return ``key`` as cosign's PEM, encrypted with ``password``."""
    import json

    from cryptography.hazmat.primitives import serialization
    from nacl.secret import SecretBox

    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    der = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    box = SecretBox(_derive(password, salt, _WORK[-1])).encrypt(der, nonce)
    document = {
        "kdf": {
            "name": "scrypt",
            "params": {"N": _WORK[-1], "r": 8, "p": 1},
            "salt": base64.b64encode(salt).decode(),
        },
        "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(nonce).decode()},
        "ciphertext": base64.b64encode(box.ciphertext).decode(),
    }
    return _wrap(LABELS[0], json.dumps(document, separators=(",", ":")).encode())


def decrypt(pem: bytes, password: bytes, place: str = "the private key") -> PrivateKey:
    """Read cosign's PEM; errors as in :func:`load_private`, naming ``place``."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    label, body = _unwrap(pem, place)
    if label not in LABELS:
        raise EvidenceError(
            f"{place} is a PEM {label}, not an encrypted cosign key",
            hint="imgforge key import turns an ordinary private key into one",
        )
    try:
        work, salt, nonce, sealed = _sealed(strictjson.load_object(body))
    except ValueError as error:
        raise EvidenceError(f"{place} is not a cosign key: {error}") from error
    try:
        der = SecretBox(_derive(password, salt, work)).decrypt(sealed, nonce)
    except CryptoError as error:
        raise EvidenceError(
            f"{place} does not open with this password",
            hint="set IMGFORGE_KEY_PASSWORD or --password-file to the password of this key",
        ) from error
    try:
        key = serialization.load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EvidenceError(f"{place} holds no private key that can be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise EvidenceError(f"{place} is neither an ECDSA nor an RSA key")
    PublicKey.of(key.public_key(), place)  # the same limits hold for both halves
    return key


def _sealed(document: dict[str, Any]) -> tuple[int, bytes, bytes, bytes]:
    kdf, cipher = document.get("kdf"), document.get("cipher")
    if not isinstance(kdf, dict) or kdf.get("name") != "scrypt":
        raise ValueError("its key derivation is not scrypt")
    if not isinstance(cipher, dict) or cipher.get("name") != "nacl/secretbox":
        raise ValueError("its cipher is not nacl/secretbox")
    params = kdf.get("params")
    work = next((n for n in _WORK if params == {"N": n, "r": 8, "p": 1}), None)
    if work is None:
        raise ValueError("its scrypt parameters are not the ones cosign uses")
    salt = decode64(kdf.get("salt"))
    nonce = decode64(cipher.get("nonce"))
    if len(salt) != _SALT or len(nonce) != _NONCE:
        raise ValueError("its salt or nonce has the wrong length")
    return work, salt, nonce, decode64(document.get("ciphertext"))


def decode64(value: object) -> bytes:
    """Decode canonical standard base64; ValueError on anything else."""
    if not isinstance(value, str):
        raise ValueError("a base64 field is not a string")  # noqa: TRY004 - one error
    data = base64.b64decode(value, validate=True)
    if base64.b64encode(data) != value.encode():
        raise ValueError("a base64 field is not in canonical form")
    return data


def _derive(password: bytes, salt: bytes, work: int) -> bytes:
    # libsodium's is vectorised: two thirds of OpenSSL's time.
    from nacl.bindings import crypto_pwhash_scryptsalsa208sha256_ll

    return bytes(
        crypto_pwhash_scryptsalsa208sha256_ll(password, salt, work, 8, 1, 32, _SCRYPT_MEMORY)
    )


def _wrap(label: str, body: bytes) -> bytes:
    text = base64.b64encode(body).decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _unwrap(pem: bytes, place: str) -> tuple[str, bytes]:
    matched = _PEM.fullmatch(pem) if len(pem) <= MAX_FILE else None
    if matched is None:
        raise EvidenceError(f"{place} is not one PEM block")
    try:
        body = base64.b64decode(b"".join(matched[2].split()), validate=True)
    except ValueError as error:
        raise EvidenceError(f"{place} is not PEM: malformed base64") from error
    return matched[1].decode(), body


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read the key {path}: {error.strerror}") from error


def _create(path: Path, data: bytes, mode: int) -> None:
    try:
        fd, name = tempfile.mkstemp(prefix=".key-", dir=path.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                os.fchmod(fd, mode)
                file.write(data)
                file.flush()
                os.fsync(fd)
            # A link, unlike a rename, fails if the name was taken meanwhile.
            os.link(name, path)
        finally:
            Path(name).unlink()
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise InvalidInputError(f"cannot write {path}: {error.strerror}") from error


def _unaccepted(place: str) -> EvidenceError:
    return EvidenceError(
        f"{place} is of a kind that imgforge does not accept",
        hint="use ECDSA on P-256 (imgforge key generate makes it) or RSA of 2048 bits or more",
    )


def _exists(path: Path) -> InvalidInputError:
    return InvalidInputError(
        f"{path} exists and keys are never overwritten",
        hint="choose another prefix, or move the old pair away",
    )
