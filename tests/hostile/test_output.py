"""Output directories that came with a stranger's checkout."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Layout
from imgforge.output import Output, Record

RECORD = Record(
    key="k", spec="s", stack="python@1", inputs=("web",), exclude=(), name="n", tags=("1",),
    engine="native", reason="", image={"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1},
    referrers=(), evidence={}, signer={},
)  # fmt: skip


@pytest.fixture
def treasure(tmp_path: Path) -> Path:
    """Somebody's folder, which is none of a build's business."""
    folder = tmp_path / "home"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos/one").write_text("one")
    (folder / "new-ideas").mkdir()
    (folder / "new-ideas/two").write_text("two")
    return folder


def whole(treasure: Path) -> bool:
    names = sorted(path.name for path in treasure.iterdir())
    kept = (treasure / "photos/one").is_file() and (treasure / "new-ideas/two").is_file()
    return kept and names == ["new-ideas", "photos"]


def stage(output: Output, record: Record = RECORD) -> None:
    with output.exclusive(), output.staging() as folder:
        Layout.create(folder / "image")
        (folder / "evidence").mkdir()
        output.commit(folder, record)


@pytest.mark.parametrize("name", ["builds", "work", "rejected"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(
    tmp_path: Path, treasure: Path, name: str
) -> None:
    output = Output(tmp_path / "out")
    output.path.mkdir()
    (output.path / name).symlink_to(treasure)
    with pytest.raises(InvalidInputError, match="is a link"):
        stage(output)
    assert whole(treasure)


def test_the_engine_gets_no_folder_behind_a_link(tmp_path: Path, treasure: Path) -> None:
    output = Output(tmp_path / "out")
    stage(output)
    (output.path / "work").mkdir()
    (output.path / "work/native").symlink_to(treasure)
    for fresh in (False, True):
        with pytest.raises(InvalidInputError, match="is a link"):
            output.work("native", fresh=fresh)
    assert whole(treasure)


def test_only_builds_are_swept_away(tmp_path: Path, treasure: Path) -> None:
    (treasure / "photos").rename(tmp_path / "photos")
    output = Output(tmp_path / "home")
    (output.path / "builds").mkdir()
    (output.path / "builds/thesis").mkdir()
    (output.path / "builds/thesis/one").write_text("one")
    stage(output)
    stage(output, replace(RECORD, key="other"))
    assert (output.path / "builds/thesis/one").read_text() == "one"
    assert len(list((output.path / "builds").iterdir())) == 2


def test_a_lock_that_is_a_link_makes_no_file_elsewhere(tmp_path: Path) -> None:
    output = Output(tmp_path / "out")
    output.path.mkdir()
    for name in (".gitignore", ".lock"):
        (output.path / name).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(InvalidInputError, match="is a link"):
            stage(output)
        (output.path / name).unlink()
    assert not (tmp_path / "elsewhere").exists()


def test_a_pipe_in_the_place_of_a_lock_or_a_record_is_not_waited_for(tmp_path: Path) -> None:

    output = Output(tmp_path / "out")
    output.path.mkdir()
    os.mkfifo(output.path / "build.json")
    assert output.record() is None
    os.mkfifo(output.path / ".lock")
    with pytest.raises(InvalidInputError, match="no regular file"):
        stage(output)


def test_the_default_folder_itself_is_no_link(tmp_path: Path, treasure: Path) -> None:
    (tmp_path / ".imgforge").symlink_to(treasure)
    with pytest.raises(InvalidInputError, match="is a link"):
        stage(Output(tmp_path / ".imgforge"))
    assert whole(treasure)


def test_a_record_that_was_not_written_here_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that its key covers is known to whoever wrote it, and so it proves nothing."""
    theirs, mine = Output(tmp_path / "theirs"), Output(tmp_path / "mine")
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "cache-theirs"))
    stage(theirs)
    assert theirs.made_here()
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "cache-mine"))
    assert theirs.record() == RECORD
    assert not theirs.made_here()
    assert not mine.made_here()
    stage(mine, replace(RECORD, key="other"))
    assert mine.made_here()
    (mine.path / "build.json").write_text("{}")
    assert not mine.made_here()


@pytest.mark.parametrize(
    "change",
    [
        {"name": {"a": 1}},
        {"tags": [["x"]]},
        {"image": {"digest": "x"}},
        {"referrers": [1]},
        {"evidence": {"x": 1}},
        {"signer": []},
        {"inputs": 1},
    ],
    ids=str,
)
def test_a_record_of_nonsense_is_none(tmp_path: Path, change: dict[str, object]) -> None:
    output = Output(tmp_path / "out")
    stage(output)
    value = json.loads((output.path / "build.json").read_text())
    (output.path / "build.json").write_text(json.dumps({**value, **change}))
    assert output.record() is None
