"""gpgv, which apt believed for twenty years, must never refuse what we take."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Protocol

import pytest

from imgforge.bases import release
from imgforge.errors import RegistryError

TEXT = "Suite: trixie\nCodename: trixie\n- dashed\n\nlast"


class Key(Protocol):
    ring: bytes

    def clear_sign(self, text: str, *, weak: bool = False) -> bytes: ...


def gpgv(data: bytes, ring: Path) -> bytes | None:
    """Return the text that gpgv finds signed, None if it finds none."""
    source, out = ring.parent / "InRelease", ring.parent / "Release"
    source.write_bytes(data)
    out.unlink(missing_ok=True)
    options = ["--homedir", str(ring.parent), "--weak-digest", "SHA1", "--keyring", str(ring)]
    done = subprocess.run(
        ["/usr/bin/gpgv", *options, "--output", out, source], capture_output=True, check=False
    )
    return out.read_bytes() if done.returncode == 0 else None


def ours(data: bytes, ring: Path) -> str | None:
    try:
        return release.verify(data, ring, "InRelease")
    except RegistryError:
        return None


@pytest.fixture
def ring(tmp_path: Path, key: Key) -> Path:
    path = tmp_path / "ring.gpg"
    path.write_bytes(key.ring)
    return path


def test_both_read_the_same_text(key: Key, ring: Path) -> None:
    data = key.clear_sign(TEXT)
    theirs = gpgv(data, ring)
    assert theirs is not None
    assert ours(data, ring) == theirs.decode().removesuffix("\n") == TEXT


def spoiled(data: bytes) -> dict[str, bytes]:
    """Return what an attacker may make of a signed message."""
    middle = data.index(b"-----BEGIN PGP SIGNATURE-----")
    armour = data[middle:]
    return {
        "changed": data.replace(b"Suite: trixie", b"Suite: trixi\xc3\xa9"),
        "a line more": data[:middle] + b"SHA256:\n" + armour,
        "a line less": data.replace(b"Codename: trixie\n", b""),
        "no signature": data[:middle],
        "no text": armour,
        "a broken signature": data.replace(armour[60:64], b"AAAA"),
        "appended": data + b"more\n",
        "prepended": b"more\n" + data,
        "twice": data + data,
        "NUL": data.replace(b"Suite", b"Su\0te"),
        "nothing": b"",
        "only the words": b"-----BEGIN PGP SIGNED MESSAGE-----\n-----END PGP SIGNATURE-----\n",
    }


def test_what_was_spoiled_is_refused(key: Key, ring: Path) -> None:
    for name, data in spoiled(key.clear_sign(TEXT)).items():
        assert ours(data, ring) is None, name


def test_another_key_and_a_weak_hash_are_refused_by_both(
    key: Key, other_key: Key, ring: Path
) -> None:
    for data in (other_key.clear_sign(TEXT), key.clear_sign(TEXT, weak=True)):
        assert ours(data, ring) is None
        assert gpgv(data, ring) is None


def test_a_signature_by_a_stranger_beside_a_good_one_is_no_harm(
    key: Key, other_key: Key, ring: Path
) -> None:
    good, other = key.clear_sign(TEXT), other_key.clear_sign(TEXT)
    start = b"-----BEGIN PGP SIGNATURE-----\n\n"
    end = b"-----END PGP SIGNATURE-----\n"

    def packet(data: bytes) -> bytes:
        return base64.b64decode(data[data.index(start) + len(start) : data.index(end)])

    both = base64.encodebytes(packet(other) + packet(good))
    data = good[: good.index(start)] + start + both + end
    assert ours(data, ring) == TEXT
    alone = other[: other.index(start)] + start + base64.encodebytes(packet(other)) + end
    assert ours(alone, ring) is None
