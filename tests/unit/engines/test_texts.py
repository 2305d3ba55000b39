from __future__ import annotations

from pathlib import Path
from typing import cast

from imgforge.engines import texts
from imgforge.engines.protocol import BuildRequest
from imgforge.oci.types import Platform
from imgforge.plan import Fill

TEXTS = {"nginx.conf": "events {}\n", "more/of it.conf": "# 'quoted' $and ünicode\n\n"}


def test_texts_are_written_as_they_are_below_the_folder(tmp_path: Path) -> None:
    fill = Fill("files", TEXTS)
    request = cast("BuildRequest", None)
    texts.fill(fill, Platform("linux", "amd64"), request, tmp_path)
    found = {str(p.relative_to(tmp_path)): p for p in tmp_path.rglob("*") if p.is_file()}
    assert {name: path.read_text(encoding="utf-8") for name, path in found.items()} == TEXTS
    assert texts.inputs(fill, request) == []
    assert texts.tools() == {}
    assert "nginx.conf" in texts.describe(fill)
