"""Examples are made again from what their provenance says, on the engine that built them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from running import Example, Key, imgforge, somewhere

Built = Callable[[str, str], Example]


@pytest.mark.parametrize(("name", "engine_name"), somewhere())
def test_an_example_is_made_again(
    name: str, engine_name: str, built: Built, key: Key, tmp_path: Path
) -> None:
    example = built(name, engine_name)
    # A layout alone, as somebody else would have it, beside the files that it was made from.
    image = tmp_path / "image"
    shutil.copytree(example.layout, image)
    done = imgforge(
        *("rebuild", image, "--key", key.public, "--from", example.folder, "--keep", "again"),
        cwd=tmp_path,
    )
    assert done.stdout == f"{example.digest}\n"
    (top,) = json.loads((tmp_path / "again/index.json").read_text())["manifests"]
    assert top["digest"] == example.digest


def test_a_change_of_one_byte_in_the_source_is_refused(
    built: Built, key: Key, tmp_path: Path
) -> None:
    example = built("python-web", "native")
    folder = tmp_path / "changed"
    shutil.copytree(example.folder, folder, ignore=shutil.ignore_patterns(".imgforge"))
    module = next(folder.glob("notes/*.py"))
    module.write_bytes(module.read_bytes() + b"\n")
    done = imgforge(
        *("rebuild", example.layout, "--key", key.public, "--from", folder), cwd=tmp_path, code=2
    )
    assert "context: sha256:" in done.stderr
