"""The records of tests/unit/signing/data/golden, made anew from live services."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import goldenbundles
from goldenbundles import KEPT
from livesigstore import LiveSigstore
from realcosign import Cosign


def test_what_is_recorded_is_what_the_services_still_give(
    sigstore: LiveSigstore, tmp_path: Path
) -> None:
    work, made = tmp_path / "work", tmp_path / "made"
    work.mkdir()
    goldenbundles.record(made, Cosign(work), sigstore)
    recorded = goldenbundles.listed(made)
    for golden in recorded:
        goldenbundles.judge(golden, made)
    if os.environ.get("IMGFORGE_UPDATE_GOLDEN") == "1":
        shutil.rmtree(KEPT, ignore_errors=True)
        shutil.copytree(made, KEPT)
    assert [g.name for g in recorded] == [g.name for g in goldenbundles.listed()]
