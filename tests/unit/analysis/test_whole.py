from __future__ import annotations

import os
import time
from pathlib import Path

import madeimage as made
import pytest

from imgforge.analysis import analyse
from imgforge.analysis.whole import SETTLED, is_noted, is_whole
from imgforge.oci.layout import Layout
from imgforge.oci.types import LAYER_TAR, Descriptor


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.mark.parametrize("damage", ["exchanged", "longer", "shorter", "gone"])
def test_a_known_layer_that_is_another_here_is_a_problem(
    damage: str, layout: Layout, cache: Path
) -> None:
    image = made.add(layout, [made.tar(made.file("app")), made.tar(made.file("data"))])
    clean = analyse(layout, image, cache=cache, whole=True)
    assert analyse(layout, image, cache=cache, whole=True) == clean
    path = layout.blob_path(layout.read_json(image)["layers"][0]["digest"])
    data = path.read_bytes()
    path.unlink()
    changed = {"exchanged": data[:-1] + b"x", "longer": data + b"x", "shorter": data[:-1]}
    if damage in changed:
        path.write_bytes(changed[damage])
    found = analyse(layout, image, cache=cache, whole=True)
    problems = [p.kind for layer in found.layers for p in layer.problems]
    assert "digest" in [*problems, *(p.kind for _, p in found.problems)]
    assert found.layers[1] == clean.layers[1]


def test_what_was_hashed_is_not_hashed_again_until_it_changes(
    layout: Layout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = layout.add(b"content", LAYER_TAR)
    now = time.time
    monkeypatch.setattr("imgforge.analysis.whole.time.time", lambda: now() + SETTLED + 1)
    assert not is_noted(layout, blob, cache)
    assert is_whole(layout, blob, cache)
    assert is_noted(layout, blob, cache)
    assert len(list(cache.glob("*.whole"))) == 1
    with monkeypatch.context() as patch:
        patch.setattr("hashlib.file_digest", lambda *_: pytest.fail("hashed again"))
        assert is_whole(layout, blob, cache)
    path = layout.blob_path(blob.digest)
    status = path.stat()
    time.sleep(0.02)  # times are as fine as the kernel's clock
    path.write_bytes(b"CONTENT")
    assert not is_noted(layout, blob, cache)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not is_whole(layout, blob, cache)


def test_nothing_is_noted_of_a_file_that_may_change_unseen(layout: Layout, cache: Path) -> None:
    blob = layout.add(b"content", LAYER_TAR)
    assert is_whole(layout, blob, cache)
    assert list(cache.glob("*.whole")) == []


def test_a_size_or_digest_that_is_not_there_is_not_whole(layout: Layout, cache: Path) -> None:
    blob = layout.add(b"content", LAYER_TAR)
    assert not is_whole(layout, Descriptor(LAYER_TAR, blob.digest, 6), cache)
    assert not is_whole(layout, Descriptor(LAYER_TAR, "sha256:" + "0" * 64, 7), cache)
