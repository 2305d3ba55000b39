from __future__ import annotations

from pathlib import Path

import madeimage as made
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from madearchive import zipped

from imgforge.secrets.der import is_private_key

FORMS = {"old": PrivateFormat.TraditionalOpenSSL, "pkcs8": PrivateFormat.PKCS8}
RSA = rsa.generate_private_key(65537, 2048)
OWN: dict[str, PrivateKeyTypes] = {
    "rsa": RSA,
    "dsa": dsa.generate_private_key(2048),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ed448": ed448.Ed448PrivateKey.generate(),
    "x25519": x25519.X25519PrivateKey.generate(),
}
KEYS = {
    f"{form} {kind}": key.private_bytes(Encoding.DER, FORMS[form], NoEncryption())
    for form in FORMS
    for kind, key in OWN.items()
    if form == "pkcs8" or not kind.startswith(("ed", "x"))
}


@pytest.mark.parametrize("name", KEYS)
def test_private_keys_are_known_in_every_form(name: str) -> None:
    key = KEYS[name]
    assert is_private_key(key)
    assert is_private_key(key + b"\n")
    assert not is_private_key(key[:-1])
    assert not is_private_key(key + b"more")


def test_what_is_public_or_locked_is_none() -> None:
    public = RSA.public_key()
    for data in (
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        RSA.private_bytes(Encoding.DER, FORMS["pkcs8"], BestAvailableEncryption(b"x")),
        b"",
        b"0",
        b"0\x82",
        b"0\x03\x02\x01\x00",
    ):
        assert not is_private_key(data)


def test_they_are_found_in_layers_and_in_archives(tmp_path: Path) -> None:
    key = KEYS["pkcs8 rsa"]
    members = [made.file("app/server.bin", key), made.file("app/a.jar", zipped(("in/k.der", key)))]
    facts = made.layer(tmp_path, made.tar(*members))
    assert {(hit.rule, hit.path, hit.inside) for hit in facts.secrets} == {
        ("private-key", "app/server.bin", ""),
        ("private-key", "app/a.jar", "in/k.der"),
    }
    assert all(str(len(key)) in hit.sample for hit in facts.secrets)
