from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from imgforge.errors import InvalidInputError, TransientError
from imgforge.oci.layout import Layout
from imgforge.output import Output, Record

RECORD = Record(
    key="k", spec="s", stack="python@1", inputs=("web",), exclude=(), name="n", tags=("1",),
    engine="native", reason="", image={"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1},
    referrers=(), evidence={}, signer={},
)  # fmt: skip


def stage(output: Output, record: Record = RECORD, text: str = "one") -> None:
    with output.exclusive(), output.staging() as folder:
        Layout.create(folder / "image")
        (folder / "evidence").mkdir()
        (folder / "evidence/x").write_text(text)
        output.commit(folder, record)


def test_a_committed_build_is_current_and_comes_back_as_written(tmp_path: Path) -> None:
    output = Output(tmp_path / "out")
    assert output.record() is None
    stage(output)
    assert output.record() == RECORD
    assert (output.path / "evidence/x").read_text() == "one"
    assert output.layout().index() == []


def test_the_next_build_replaces_it_whole(tmp_path: Path) -> None:
    output = Output(tmp_path)
    stage(output)
    stage(output, replace(RECORD, key="other"), "two")
    assert (tmp_path / "evidence/x").read_text() == "two"
    assert len(list((tmp_path / "builds").iterdir())) == 1


def test_a_build_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    output = Output(tmp_path)
    stage(output)
    with contextlib.suppress(KeyboardInterrupt), output.exclusive(), output.staging() as folder:
        (folder / "half").write_text("half")
        raise KeyboardInterrupt
    assert output.record() == RECORD
    assert not list((tmp_path / "builds").glob("new-*"))


def test_what_a_killed_build_left_is_swept_away(tmp_path: Path) -> None:
    output = Output(tmp_path)
    stage(output)
    (tmp_path / "builds/new-stale/image").mkdir(parents=True)
    (tmp_path / "rejected-stale").mkdir()
    with output.exclusive():
        assert not (tmp_path / "builds/new-stale").exists()
        assert not (tmp_path / "rejected-stale").exists()
    assert output.record() == RECORD


def test_two_builds_at_once_are_refused(tmp_path: Path) -> None:
    output = Output(tmp_path)
    with output.exclusive(), pytest.raises(TransientError, match="another build"):
        output.exclusive().__enter__()


def test_git_is_told_to_look_away(tmp_path: Path) -> None:
    with Output(tmp_path / "o").exclusive():
        assert (tmp_path / "o/.gitignore").read_text() == "*\n"


def test_nothing_built_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="holds no image"):
        Output(tmp_path).layout()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 99}', "nul"])
def test_a_record_that_is_not_ours_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "build.json").write_text(text)
    assert Output(tmp_path).record() is None


def test_rejected_findings_replace_the_last_ones(tmp_path: Path) -> None:
    output = Output(tmp_path)
    output.reject({"findings.json": b"1"})
    folder = output.reject({"findings.json": b"2"})
    assert (folder / "findings.json").read_bytes() == b"2"
    assert not list(tmp_path.glob("rejected-*"))
