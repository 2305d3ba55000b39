"""A package archive of our own on loopback, signed by a throw-away key, that may misbehave."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import lzma
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from imgforge.bases import definitions, fetch, index

RELEASE = "Fri, 09 Jan 2026 10:00:00 UTC"
SUITES = ("trixie", "trixie-updates", "trixie-security")
_CERTIFICATION = 0x13


def _integer(value: int) -> bytes:
    length = value.bit_length()
    return struct.pack(">H", length) + value.to_bytes((length + 7) // 8, "big")


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + struct.pack(">I", len(body)) + body


class Key:
    """An RSA key that signs as OpenPGP does (RFC 9580: packets, 5.2 signatures, 7 cleartext)."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self._key.public_key().public_numbers()
        made = struct.pack(">BIB", 4, 1_700_000_000, 1)
        self._body = made + _integer(numbers.n) + _integer(numbers.e)
        framed = b"\x99" + struct.pack(">H", len(self._body)) + self._body
        self._fingerprint = hashlib.sha1(framed, usedforsecurity=False).digest()
        user = b"Throw Away <key@test>"
        seal = self._signature(
            _CERTIFICATION,
            framed + b"\xb4" + struct.pack(">I", len(user)) + user,
            hashes.SHA256(),
            8,
        )
        self.ring = _packet(6, self._body) + _packet(13, user) + seal

    def _signature(
        self, kind: int, data: bytes, algorithm: hashes.HashAlgorithm, number: int
    ) -> bytes:
        created = b"\x05\x02" + struct.pack(">I", 1_767_000_000)
        issuer = b"\x16\x21\x04" + self._fingerprint
        # What the key may do is said by its own signature over itself: certify and sign.
        said = created + issuer + (b"\x02\x1b\x03" if kind == _CERTIFICATION else b"")
        hashed = bytes([4, kind, 1, number]) + struct.pack(">H", len(said)) + said
        trailer = b"\x04\xff" + struct.pack(">I", len(hashed))
        signer = hashes.Hash(algorithm)
        signer.update(data + hashed + trailer)
        digest = signer.finalize()
        signature = self._key.sign(data + hashed + trailer, padding.PKCS1v15(), algorithm)
        unhashed = b"\x09\x10" + self._fingerprint[-8:]
        body = hashed + struct.pack(">H", len(unhashed)) + unhashed + digest[:2]
        return _packet(2, body + _integer(int.from_bytes(signature, "big")))

    def clear_sign(self, text: str, *, weak: bool = False) -> bytes:
        """Return ``text`` as a signed message; ``weak`` takes SHA-1."""
        name, number = ("SHA1", 2) if weak else ("SHA256", 8)
        algorithm = hashes.SHA1() if weak else hashes.SHA256()  # noqa: S303 - to be refused
        lines = [line.rstrip() for line in text.splitlines()]
        packet = self._signature(1, "\r\n".join(lines).encode(), algorithm, number)
        armour = base64.encodebytes(packet).decode()
        body = "\n".join("- " + line if line.startswith("-") else line for line in lines)
        return (
            f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: {name}\n\n{body}\n"
            f"-----BEGIN PGP SIGNATURE-----\n\n{armour}-----END PGP SIGNATURE-----\n"
        ).encode()


class Archive:
    """Files by path, served over HTTP; ``faults`` replaces the answer to a path."""

    def __init__(self, url: str, key: Key) -> None:
        self.url, self.key = url, key
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.path = ""
        self.stanzas: dict[tuple[str, str, str], list[str]] = {}

    def add(
        self,
        name: str,
        package: bytes,
        suite: str = "trixie",
        *,
        place: str = "main/binary-amd64",
        root: str = "",
        **fields: str,
    ) -> str:
        """Put a package (for amd64) into ``suite`` of the archive at ``root``; return its path."""
        component, _, arch = place.partition("/binary-")
        path = f"pool/{component}/{name}_1_{arch}.deb"
        self.files[root + path] = package
        lines = {
            "Version": "1",
            "Architecture": arch,
            **fields,
            "Filename": path,
            "Size": str(len(package)),
            "SHA256": hashlib.sha256(package).hexdigest(),
        }
        stanza = f"Package: {name}\n" + "".join(f"{k}: {v}\n" for k, v in lines.items())
        self.stanzas.setdefault((root, suite, place), []).append(stanza)
        return path

    def publish(
        self,
        suites: tuple[str, ...] = SUITES,
        places: tuple[str, ...] = ("main/binary-amd64",),
        root: str = "",
        **changes: str,
    ) -> None:
        """Write the signed indexes; ``changes`` replaces fields of the Release files."""
        for suite in suites:
            fields = {"Suite": suite, "Codename": suite, "Date": RELEASE, **changes}
            text = "".join(f"{key}: {value}\n" for key, value in fields.items() if value)
            text += "SHA256:\n"
            for place in places:
                stanzas = self.stanzas.get((root, suite, place), [])
                packed = lzma.compress("\n".join(stanzas).encode())
                digest = hashlib.sha256(packed).hexdigest()
                folder = f"{root}dists/{suite}/{place}"
                self.files[f"{folder}/Packages.xz"] = packed
                self.files[f"{folder}/by-hash/SHA256/{digest}"] = packed
                text += f" {digest} {len(packed)} {place}/Packages.xz\n"
            self.files[f"{root}dists/{suite}/InRelease"] = self.key.clear_sign(text)


@pytest.fixture(scope="session")
def key() -> Key:
    return Key()


@pytest.fixture(scope="session")
def other_key() -> Key:
    return Key()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(fetch, "TIMEOUT", 0.5)
    monkeypatch.setattr(fetch, "PAUSE", 0.01)
    index.load.cache_clear()
    definitions.load.cache_clear()
    yield
    definitions.load.cache_clear()


@pytest.fixture
def archive(key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """Serve an archive, and make it and its key the ones that bases come from."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # As a proxy it is asked for whole URLs.
            path = urlsplit(self.path).path.removeprefix("/")
            made.asked.append(path)
            if path in made.faults:
                with contextlib.suppress(ConnectionError):
                    made.faults[path](self)
                return
            data = made.files.get(path)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Archive(f"http://127.0.0.1:{server.server_port}", key)
        ring = tmp_path / "ring.gpg"
        ring.write_bytes(key.ring)
        for name in ("MIRROR", "SECURITY_MIRROR"):
            monkeypatch.setenv(f"IMGFORGE_DEBIAN_{name}", made.url)
        monkeypatch.setenv("IMGFORGE_DEBIAN_KEYRING", str(ring))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Define one base, ``demo``, of one package, ``demo``."""
    folder = tmp_path / "bases"
    folder.mkdir()
    (folder / "demo.toml").write_text(
        'name = "demo"\nsummary = "x"\npackages = ["demo"]\n'
        '[suite.trixie]\nend-of-life = 2100-01-01\n[config]\nuser = "65532:65532"\n'
    )
    monkeypatch.setenv("IMGFORGE_BASES", str(folder))
