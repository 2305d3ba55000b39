from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgforge import cache
from imgforge.bases import index
from imgforge.errors import RegistryError

TEXT = b"""\
Package: b
Version: 1
Provides: virtual (= 1), other

Package: a
Version: 1

Package: b
Version: 2
Description: x
 and more
"""


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / ("0" * 64)
    path.write_bytes(lzma.compress(TEXT))
    index.load.cache_clear()
    return path


def test_stanzas_are_found_by_name_and_by_what_they_provide() -> None:
    found = index.split(TEXT)
    first, second = found.of("b")
    assert first.startswith(b"Package: b\nVersion: 1\n")
    assert second.endswith(b" and more\n")
    assert found.of("a") == (b"Package: a\nVersion: 1\n",)
    assert found.of("\0virtual") == found.of("\0other") == (first,)
    assert found.of("c") == found.of("") == found.of("\0") == ()


NAMES = st.text("abc+-.1", min_size=1, max_size=4)


@given(st.lists(NAMES, max_size=30), st.lists(NAMES, max_size=10))
def test_every_name_is_found_and_no_other(names: list[str], others: list[str]) -> None:
    text = "\n".join(f"Package: {name}\nNumber: {i}\n" for i, name in enumerate(names))
    found = index.split(text.encode())
    for name in {*names, *others}:
        wanted = [
            f"Package: {name}\nNumber: {i}\n".encode() for i, n in enumerate(names) if n == name
        ]
        assert list(found.of(name)) == wanted


@pytest.mark.parametrize("text", [b"Version: 1\n", b"Package: a\n\nx\n", b"Package: a\tb\n"])
def test_what_is_no_index_is_refused(text: bytes) -> None:
    with pytest.raises(RegistryError):
        index.split(text)


def test_an_index_is_kept_as_it_was_read(packed: Path) -> None:
    first = index.load(packed)
    assert first == index.split(TEXT)
    index.load.cache_clear()
    packed.write_bytes(b"")
    assert index.load(packed) == first, "the kept form is read, the packed one is not needed"


def test_another_versions_kept_form_is_not_read(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(index, "_FORMAT", b"imgforge index 0")
        index.load(packed)
    index.load.cache_clear()
    assert index.load(packed).of("a")
    assert [p.name for p in cache.directory("indexes").iterdir()] == [packed.name]


def test_a_kept_form_that_unpacks_without_end_is_not_read(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.load(packed)
    monkeypatch.setattr(index, "_MAX_KEPT", 10)
    monkeypatch.setattr(index, "MAX_BYTES", 10)
    index.load.cache_clear()
    with pytest.raises(RegistryError, match="over 10 bytes"):
        index.load(packed)
