"""What a Java build tool gets of the building machine: its settings file, and a key store."""

from __future__ import annotations

import base64
import hashlib
import struct
from pathlib import Path

import pytest

from imgforge import indexes, keystore
from imgforge.errors import InvalidInputError
from imgforge.indexes import machine, prologue

PEM = b"".join(
    b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(body) + b"-----END CERTIFICATE-----\n"
    for body in (b"first certificate", b"second certificate")
)


def names(store: bytes) -> list[str]:
    """Read a key store as Java does; return the aliases."""
    body, seal = store[:-20], store[-20:]
    secret = keystore.PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite"
    assert hashlib.sha1(secret + body, usedforsecurity=False).digest() == seal
    magic, version, count = struct.unpack_from(">III", body)
    assert (magic, version) == (0xFEEDFEED, 2)
    found, at = [], 12
    for _ in range(count):
        kind, length = struct.unpack_from(">IH", body, at)
        assert kind == 2
        found.append(body[at + 6 : at + 6 + length].decode())
        at += 6 + length + 8
        (length,) = struct.unpack_from(">H", body, at)
        assert body[at + 2 : at + 2 + length] == b"X.509"
        at += 2 + length
        (length,) = struct.unpack_from(">I", body, at)
        assert hashlib.sha256(body[at + 4 : at + 4 + length]).hexdigest() == found[-1]
        at += 4 + length
    assert at == len(body)
    return found


def test_a_key_store_holds_the_bundle_and_depends_on_nothing_else() -> None:
    certificates = keystore.certificates(b"# a comment\n" + PEM)
    assert certificates == [b"first certificate", b"second certificate"]
    assert len(names(keystore.write(certificates))) == 2
    assert keystore.write(certificates) == keystore.write(certificates)


def test_a_java_step_gets_settings_and_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, settings = tmp_path / "ca.pem", tmp_path / "settings.xml"
    bundle.write_bytes(PEM)
    settings.write_text("<settings/>")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("MAVEN_SETTINGS", str(settings))
    folder = tmp_path / "private"
    folder.mkdir()
    found = machine.secrets(("maven",), folder)
    assert set(found) == {indexes.AUTHORITY, indexes.KEYSTORE, "imgforge-maven-settings"}
    assert set(found) <= set(indexes.secrets(("maven",)))
    assert found["imgforge-maven-settings"].value() == "<settings/>"
    store = found[indexes.KEYSTORE].file
    assert store is not None
    assert len(names(store.read_bytes())) == 2
    assert store.stat().st_mode & 0o077 == 0
    text = "\n".join(prologue.lines(("maven",), ()))
    assert f"trustStore=/run/secrets/{indexes.KEYSTORE}" in text
    assert "export MAVEN_SETTINGS=/run/secrets/imgforge-maven-settings;" in text


def test_only_java_gets_a_key_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(PEM)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert indexes.KEYSTORE not in machine.secrets(("pip", "npm"), tmp_path)
    assert indexes.KEYSTORE not in indexes.secrets(("pip", "npm"))
    assert "trustStore" not in "\n".join(prologue.lines(("pip", "npm"), ()))


def test_a_spoilt_bundle_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with pytest.raises(InvalidInputError, match="cannot read the certificates for Java"):
        machine.secrets(("maven",), tmp_path)
