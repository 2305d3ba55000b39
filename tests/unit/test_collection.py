from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imgforge import cache, collection
from imgforge.collection import Freed

DAY = 86_400


def put(name: str, size: int = 10, *, days: float = 0) -> Path:
    """Write a file of the cache that was last used so many days ago."""
    path = cache.directory() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return aged(path, days)


def aged(path: Path, days: float) -> Path:
    moment = time.time() - days * DAY
    os.utime(path, (moment, moment))
    return path


def test_what_nobody_used_for_long_goes_and_the_rest_stays() -> None:
    old = [
        put("blobs/" + "a" * 64, 100, days=31),
        put("plans/" + "b" * 64, days=31),
        put("analysis/x.json", days=31),
        put("trees/x.json", days=31),
        put("layers/keys/k", days=31),
        put("layers/note.json", days=31),
        put("layers/blobs/sha256/" + "c" * 64, 1000, days=31),
        put("stacks/blobs/sha256/" + "c" * 64, 500, days=31),
        put("stacks/git/" + "c" * 64, 600, days=31),
    ]
    kept = [
        put("blobs/" + "d" * 64, days=29),
        put("layers/blobs/sha256/" + "e" * 64, days=29),
        put("layers/index.json", days=400),
        put("layers/oci-layout", days=400),
        put("stacks/blobs/sha256/" + "e" * 64, days=29),
        put("stacks/git/" + "e" * 64, days=29),
        put("stacks/index.json", days=400),
        put("stacks/oci-layout", days=400),
        put("uv/archive/thing", days=400),
        put("buildah/overlay/thing", days=400),
    ]
    for name in ("stacks/git", "stacks/blobs", "stacks/blobs/sha256", "buildah/overlay"):
        aged(cache.directory() / name, 400)  # a folder's own time is no use of what it holds
    freed = collection.collect(30)
    assert not [path for path in old if path.exists()]
    assert all(path.exists() for path in kept)
    assert Freed("blobs", 1, 100) in freed
    assert Freed("layers", 3, 1020) in freed
    assert Freed("stacks", 2, 1100) in freed
    assert not list((cache.directory() / ".trash").iterdir())


def test_a_base_is_one_entry_whose_time_is_its_last_use() -> None:
    for name, days in (("old", 31), ("used", 31)):
        put(f"bases/{name}/blobs/sha256/x", 50, days=days)
        aged(cache.directory("bases") / name, days)
    assert cache.used(cache.directory("bases") / "used")
    assert collection.collect(30) == (Freed("bases", 1, 50),)
    assert [p.name for p in cache.directory("bases").iterdir()] == ["used"]


def test_only_bytes_that_no_other_name_holds_are_freed() -> None:
    layer = put("layers/blobs/sha256/x", 1000, days=31)
    base = cache.directory("bases", "b")
    os.link(layer, base / "x")
    os.link(layer, cache.directory().parent / "an-image-somewhere")
    aged(base, 31)
    assert collection.collect(30) == (Freed("bases", 1, 0), Freed("layers", 1, 0))


def test_a_file_that_two_old_entries_share_is_freed_once() -> None:
    layer = put("layers/blobs/sha256/x", 1000, days=31)
    base = cache.directory("bases", "b")
    os.link(layer, base / "x")
    aged(base, 31)
    dry = collection.collect(30, dry_run=True)
    assert sum(each.size for each in dry) == 1000
    assert layer.exists()
    assert collection.collect(30) == dry


def test_what_killed_runs_left_goes_after_an_hour_and_not_before() -> None:
    files = ("blobs/.incoming-", "blobs/.partial-", "layers/blobs/.incoming-", "layers/keys/.new-")
    for name in files:
        put(f"{name}young", 5)
        put(f"{name}old", 7, days=0.05)
    for name in ("bases/.incoming-x", "layers/fill-x"):
        put(f"{name}/inside", 7, days=0.05)
        aged(cache.directory() / name, 0.05)
    assert collection.collect(30) == (Freed("unfinished", 6, 42),)
    assert all((cache.directory() / f"{name}young").exists() for name in files)


def test_a_staging_folder_that_is_still_written_stays() -> None:
    put("bases/.incoming-1/blobs/sha256/done", days=0.2)
    put("bases/.incoming-1/blobs/sha256/now")
    aged(cache.directory("bases") / ".incoming-1", 0.2)
    assert collection.collect(0) == ()


def test_nothing_younger_than_an_hour_goes_whatever_is_asked() -> None:
    path = put("blobs/x", days=0.03)
    assert collection.collect(0) == ()
    assert collection.collect(0, dry_run=True) == ()
    assert path.exists()
    aged(path, 0.05)
    assert collection.collect(0) == (Freed("blobs", 1, 10),)


def test_an_entry_that_is_used_while_it_is_looked_at_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = put("blobs/x", days=31)
    size = collection._size

    def used_meanwhile(entry: Path, removed: object) -> int:
        assert cache.used(entry)
        return size(entry, removed)  # type: ignore[arg-type]

    monkeypatch.setattr(collection, "_size", used_meanwhile)
    assert collection.collect(30) == ()
    assert path.exists()


def test_what_a_killed_collection_left_is_deleted_by_the_next() -> None:
    put(".trash/abc/old")
    assert collection.collect(30) == ()
    assert not list((cache.directory() / ".trash").iterdir())


def test_an_entry_that_is_gone_is_not_in_use() -> None:
    assert not cache.used(cache.directory() / "nothing")
    old = put("blobs/x", days=1)
    assert cache.used(old)
    assert old.stat().st_mtime > time.time() - 60


def test_whoever_noted_a_use_finds_the_entry_whole() -> None:
    """A build and a collection meet at an old entry, over and over."""
    found: list[bytes | None] = []
    with ThreadPoolExecutor(2) as pool:
        for number in range(60):
            path = put("blobs/x", days=31)
            meet = threading.Barrier(2)

            def build(path: Path = path, meet: threading.Barrier = meet) -> bytes | None:
                meet.wait()
                return path.read_bytes() if cache.used(path) else None

            def collect(meet: threading.Barrier = meet, pause: float = number % 10 / 5e3) -> None:
                meet.wait()
                time.sleep(pause)
                collection.collect(30)

            collecting, building = pool.submit(collect), pool.submit(build)
            found.append(building.result())
            collecting.result()
            assert path.exists() == (found[-1] is not None)
    assert set(found) <= {None, bytes(10)}
    assert bytes(10) in found
