from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from imgforge import lock
from imgforge.errors import InvalidInputError
from imgforge.lock import (
    Archive,
    Inputs,
    Lock,
    LockedBase,
    LockedLayer,
    LockedPlatform,
    Package,
    Wheel,
)
from imgforge.oci.types import Platform

AMD64 = Platform("linux", "amd64")
LIBC = Package(
    name="libc6",
    version="1:2.41-12+deb13u1~x",
    architecture="amd64",
    source="glibc",
    source_version="2.41-12",
    sha256="a" * 64,
    size=2_847_456,
    path="pool/main/g/glibc/libc6_2.41-12+deb13u1~x_amd64.deb",
    suite="trixie-security",
)
BASE = LockedBase(
    name="python-3.13",
    source="packages",
    reference="imgforge/python-3.13",
    digest="sha256:" + "b" * 64,
    epoch=1_763_769_600,
    definition="sha256:" + "c" * 64,
    archives=(Archive("trixie", "2025-11-22T00:00:00Z", "d" * 64),),
    platforms=(
        LockedPlatform(
            AMD64,
            "sha256:" + "e" * 64,
            (
                LockedLayer("static", (LIBC,), ()),
                LockedLayer("tools", (), (Wheel("uv", "0.9.1", ("f" * 64,), "1" * 64, 12),)),
            ),
        ),
    ),
)
INPUTS = Inputs("python", "3.13", "python-3.13", "", (AMD64,), ("libpq5",))
LOCK = Lock(INPUTS, BASE)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "imgforge.lock"
    both = Lock(INPUTS, BASE, BASE)
    for value in (LOCK, both):
        lock.write(value, path)
        assert lock.read(path) == value
    assert lock.read(path).base("builder") == BASE
    assert [p.name for p in tmp_path.iterdir()] == ["imgforge.lock"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_text_is_the_same_every_time_and_one_value_a_line() -> None:
    text = lock.render(LOCK)
    assert text == lock.render(lock.parse(text))
    assert f'sha256 = "{"a" * 64}"\nsize = 2847456\n' in text
    assert max(map(len, text.splitlines())) < 120


def test_a_role_without_a_base_is_an_error() -> None:
    assert LOCK.base("runtime") == BASE
    with pytest.raises(InvalidInputError, match="no builder base"):
        LOCK.base("builder")


def test_a_platform_that_was_not_locked_is_an_error() -> None:
    assert BASE.on(AMD64).layers[0].packages == (LIBC,)
    with pytest.raises(InvalidInputError, match="not locked for linux/arm64"):
        BASE.on(Platform("linux", "arm64"))


def test_inputs_digest_follows_every_field() -> None:
    others = {
        Inputs("java", "3.13", "python-3.13", "", (AMD64,), ("libpq5",)).digest,
        Inputs("python", "3.12", "python-3.13", "", (AMD64,), ("libpq5",)).digest,
        Inputs("python", "3.13", "cc", "", (AMD64,), ("libpq5",)).digest,
        Inputs("python", "3.13", "python-3.13", "cc", (AMD64,), ("libpq5",)).digest,
        Inputs("python", "3.13", "python-3.13", "", (), ("libpq5",)).digest,
        Inputs("python", "3.13", "python-3.13", "", (AMD64,), ()).digest,
        INPUTS.digest,
    }
    assert len(others) == 7


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("size = 2847456", 'size = "2847456"', "packages[0].size: not a whole number"),
        ("size = 2847456", "size = true", "packages[0].size: not a whole number"),
        ("size = 2847456", "size = -1", "packages[0].size: not a whole number"),
        ("size = 2847456", "size = 1\nmirror = 1", "packages[0].mirror: unknown key"),
        ("size = 2847456\n", "", "packages[0].size: missing"),
        ("a" * 64, "a" * 63, "packages[0].sha256: 'aaa"),
        ('"pool/main/g', '"../main/g', "packages[0].path: '../main"),
        ('"pool/main/g', '"pool/main/../g', "packages[0].path: 'pool/main/.."),
        ('"pool/main/g', '"/pool/main/g', "packages[0].path: '/pool"),
        ('"pool/main/g', '"http://evil/g', "packages[0].path: 'http:"),
        ('"trixie-security"', '"Trixie/../x"', "packages[0].suite: 'Trixie"),
        ('source = "packages"', 'source = "elsewhere"', "runtime.source: 'elsewhere' is none of"),
        ('"linux/amd64",\n]', "1,\n]", "inputs.platforms[0]: not a string"),
        ('platform = "linux/amd64"', 'platform = "amd64"', "platforms[0].platform: not a platform"),
        ("wheels = []", "wheels = {}", "layers[0].wheels: not an array"),
        ("wheels = []", "wheels = [1]", "layers[0].wheels[0]: not a table"),
        ('name = "libc6"', 'name = "lib c6"', "packages[0].name: 'lib c6'"),
        ("[runtime]", "[other]", "other: unknown key"),
    ],
)
def test_every_defect_is_named_by_its_key(old: str, new: str, complaint: str) -> None:
    text = lock.render(LOCK)
    assert old in text
    with pytest.raises(InvalidInputError) as caught:
        lock.parse(text.replace(old, new, 1))
    assert any(complaint in line for line in caught.value.details), caught.value.details
    assert caught.value.hint is not None
    assert "imgforge lock" in caught.value.hint


def test_all_defects_are_listed_at_once() -> None:
    text = lock.render(LOCK).replace("epoch = ", "when = ").replace("a" * 64, "?")
    with pytest.raises(InvalidInputError) as caught:
        lock.parse(text)
    assert len(caught.value.details) == 3


def test_inputs_that_were_edited_are_refused() -> None:
    text = lock.render(LOCK).replace('"libpq5"', '"libpq6"')
    with pytest.raises(InvalidInputError, match=r"inputs\.digest"):
        lock.parse(text)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"version = ", "not TOML"),
        (b"version = 1\n", "version is 1"),
        (b"version = true\n", "version is True"),
        (b"", "version is None"),
        (b"version = 2\n", "not a lock"),
        (b"version = 2\ninputs = 3\n", "not a lock"),
        (b"version = 2\nx = " + b"[" * 100_000, "not TOML"),
    ],
)
def test_files_that_are_no_lock_are_refused(tmp_path: Path, data: bytes, complaint: str) -> None:
    path = tmp_path / "imgforge.lock"
    path.write_bytes(data)
    with pytest.raises(InvalidInputError, match=complaint):
        lock.read(path)


def test_a_missing_lock_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no lock") as caught:
        lock.read(tmp_path / "imgforge.lock")
    assert caught.value.hint == "make it again with: imgforge lock"


def test_a_failed_write_leaves_the_old_lock(tmp_path: Path) -> None:
    path = tmp_path / "imgforge.lock"
    lock.write(LOCK, path)
    broken = Lock(INPUTS, object())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        lock.write(broken, path)
    assert lock.read(path) == LOCK
    assert [p.name for p in tmp_path.iterdir()] == ["imgforge.lock"]


@pytest.mark.parametrize(
    "changes",
    [
        {"upstream": "sha256:" + "1" * 64},
        {"tag": "1"},
        {"trust": "signed by somebody"},
        {"source": "registry"},
        {"archives": (Archive("trixie", "2025-13-45T00:00:00Z", "d" * 64),)},
    ],
    ids=str,
)
def test_what_a_base_of_its_source_cannot_have_is_refused(changes: dict[str, Any]) -> None:
    edited = Lock(INPUTS, dataclasses.replace(BASE, **changes))
    with pytest.raises(InvalidInputError, match="not a lock") as caught:
        lock.parse(lock.render(edited))
    assert all(line.startswith("runtime.") for line in caught.value.details)
