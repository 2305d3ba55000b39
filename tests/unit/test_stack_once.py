"""A stack that many specs name is read from its files each time, and parsed once."""

from __future__ import annotations

import shutil
from pathlib import Path

from imgforge import assets, stack


def test_the_same_files_are_parsed_once_and_changed_ones_anew(tmp_path: Path) -> None:
    folder = tmp_path / "binary"
    shutil.copytree(assets.folder("stacks") / "binary", folder)
    first = stack.read(folder, trusted=False)
    assert stack.read(folder, trusted=False) is first
    assert stack.read(folder, trusted=True).trusted
    (folder / "own.j2").write_text("RUN true\n", encoding="utf-8")
    second = stack.read(folder, trusted=False)
    assert second.templates.keys() - first.templates.keys() == {"own.j2"}
    assert second.digest != first.digest
