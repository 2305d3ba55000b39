"""The versions that no example is built on: each builds without findings and runs confined."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import versioned
from running import imgforge

from imgforge import project, trial

CASES = [
    (version, way)
    for version in versioned.offered()
    if version not in versioned.of_examples()
    for way in versioned.APPS[version]
]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("version", "way"), CASES, ids=["-".join((*version, way)) for version, way in CASES]
)
def test_builds_without_findings_and_runs_confined(
    version: versioned.Version, way: str, tmp_path: Path
) -> None:
    folder = tmp_path / "app"
    expected = versioned.write(versioned.APPS[version][way], version, folder)
    tag = "-".join((*version, way))
    imgforge("build", "--load", "--tag", tag, cwd=folder)
    image = f"{project.load(folder).spec.image.name}:{tag}"
    try:
        assert trial.run(image, expected, lambda _: None) == []
    finally:
        trial.forget(image)
    report = json.loads((folder / ".imgforge/evidence/findings.json").read_bytes())
    assert report["findings"] == []
