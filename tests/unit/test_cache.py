from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from imgforge import cache
from imgforge.errors import InvalidInputError


def test_the_cache_is_this_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "c"))
    path = cache.directory("a", "b")
    assert path == tmp_path / "c/a/b"
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700


def test_a_cache_that_others_can_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path))
    with pytest.raises(InvalidInputError, match="not this user's alone"):
        cache.directory()


def test_a_cache_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(InvalidInputError, match="not this user's alone"):
        cache.directory()


def test_the_cache_lies_where_the_desktop_standard_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMGFORGE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.directory() == tmp_path / "imgforge"


def test_a_reader_sees_one_writer_or_another_whole(tmp_path: Path) -> None:
    path = tmp_path / "entry"
    values = [bytes([65 + i]) * 50_000 for i in range(4)]
    cache.write(path, values[0])
    stop = threading.Event()
    wrong: list[int] = []

    def read() -> None:
        while not stop.is_set():
            data = path.read_bytes()
            if data not in values:
                wrong.append(len(data))

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=cache.write, args=(path, v)) for v in values * 10]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stop.set()
    reader.join()
    assert wrong == []
    assert [p.name for p in tmp_path.iterdir()] == ["entry"]
