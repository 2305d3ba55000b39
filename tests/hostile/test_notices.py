"""Images whose licence texts are there to exhaust whoever collects them."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import madeimage
import pytest

from imgforge import inventory
from imgforge.analysis import analyse
from imgforge.licences import notices
from imgforge.oci.layout import CorruptLayoutError, Layout
from imgforge.report import notices as report

MB = 1 << 20


def test_texts_are_counted_while_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "MAX_TEXTS", MB)
    layout = Layout.create(tmp_path / "layout")
    members = []
    for number in range(32):
        folder = f"app/p{number}-1.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: p{number}\nVersion: 1\n".encode()
        members.append(madeimage.file(f"{folder}/METADATA", metadata))
        members.append(madeimage.file(f"{folder}/LICENSE", bytes([65 + number]) * MB))
    image = madeimage.add(layout, [madeimage.tar(*members)])
    facts = analyse(layout, image)
    listed = inventory.of(facts)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptLayoutError, match="together"):
            notices.collect(layout, image, facts, listed)
        assert tracemalloc.get_traced_memory()[1] < 12 * MB
    finally:
        tracemalloc.stop()


def test_twenty_thousand_packages_with_texts_of_their_own_are_told_in_time() -> None:
    names = [f"{number:064x}" for number in range(20_000)]
    packages = tuple(
        notices.Notice("pypi", name, "1", f"pkg:pypi/{name}@1", "MIT", "MIT", (name,))
        for name in names
    )
    texts = {name: notices.Text("MIT\n", (f"app/{name}",)) for name in names}
    start = time.monotonic()
    report.render("acme/web", notices.Notices("sha256:x", None, packages, texts))
    assert time.monotonic() - start < 5
