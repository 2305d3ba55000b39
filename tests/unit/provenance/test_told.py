from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny

from imgforge.cli.main import main
from imgforge.errors import EvidenceError
from imgforge.oci.layout import Layout
from imgforge.oci.types import CONFIG, MANIFEST, Platform
from imgforge.provenance import complete, told
from imgforge.report import provenance as report
from imgforge.signing.statement import PROVENANCE, PROVENANCES, Subject, about

COMMIT = "c" * 40
V02: dict[str, Any] = {
    "builder": {"id": "https://example.com/builder"},
    "buildType": "https://example.com/type",
    "invocation": {
        "configSource": {"uri": "git+https://example.com/x", "digest": {"sha1": COMMIT}}
    },
    "metadata": {"buildStartedOn": "2026-01-01T00:00:00Z"},
    "materials": [
        {"uri": "git+https://example.com/x", "digest": {"sha1": COMMIT}},
        {"uri": "pkg:docker/alpine@3", "digest": {"sha1": COMMIT}},
    ],
}
V1: dict[str, Any] = {
    "buildDefinition": {
        "buildType": "https://imgforge.dev/build/v1",
        "externalParameters": {},
        "resolvedDependencies": [],
    },
    "runDetails": {"builder": {"id": "https://imgforge.dev/builder/local/v1"}},
}


def test_v02_is_read_and_a_sha1_pins_commits_only() -> None:
    found = told.read(PROVENANCES[1], V02)
    assert (found.builder, found.started) == (V02["builder"]["id"], "2026-01-01T00:00:00Z")
    assert [m.digest for m in found.materials] == [f"gitCommit:{COMMIT}", ""]
    points = {point.what: point.state for point in complete.points(found)}
    assert points == {"'pkg:docker/alpine@3'": "open", "build type": "open"}


def test_what_is_missing_pins_nothing() -> None:
    states = {p.what: p.state for p in complete.points(told.read(PROVENANCE, V1))}
    assert set(states.values()) == {"open"}
    assert {"source", "spec", "lock", "context", "base", "stack", "plan", "time", "engine"} <= set(
        states
    )


@pytest.mark.parametrize(
    "predicate",
    [
        None,
        [],
        {},
        {"buildDefinition": 1, "runDetails": []},
        {**V1, "runDetails": {"builder": {"id": 7}}},
        {**V1, "buildDefinition": {**V1["buildDefinition"], "resolvedDependencies": {}}},
        {**V1, "buildDefinition": {**V1["buildDefinition"], "resolvedDependencies": [{}] * 20_001}},
    ],
)
def test_what_is_no_provenance_is_refused(predicate: object) -> None:
    with pytest.raises(EvidenceError):
        told.read(PROVENANCE, predicate)
    with pytest.raises(EvidenceError, match="no type of SLSA provenance"):
        told.read("https://example.com/x", V1)


def test_other_types_where_texts_belong_do_no_harm() -> None:
    odd: dict[str, Any] = json.loads(json.dumps(V1))
    definition = odd["buildDefinition"]
    definition["externalParameters"] = {"tags": 1, "stack": [], "secrets": [1], "asked": 3}
    definition["internalParameters"] = [1]
    definition["resolvedDependencies"] = [
        1,
        {"uri": 1, "digest": {"sha256": 7}, "annotations": 3},
        {"uri": "oci:x", "digest": {"sha256": "short"}, "annotations": {"flattened": {}}},
        {"uri": "file:dists/a/InRelease"},
        {"name": "source", "uri": "git+https://\x1b[2J/", "digest": {"gitCommit": "x"}},
    ]
    odd["runDetails"]["builder"]["version"] = {"imgforge": "9\n9", "x": {}}
    found = told.read(PROVENANCE, odd)
    states = {p.what: p.state for p in complete.points(found)}
    assert states["source"] == states["package indexes"] == "open"
    text = report.verdict(complete.points(found))
    assert "\x1b" not in text
    assert text.isascii()


def test_what_buildkit_puts_beside_its_images_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout.create(tmp_path / "layout")
    image = tiny.image(layout)
    statement = about([Subject("x", image.digest)], PROVENANCES[1], V02).to_bytes()
    layer = layout.add(statement, "application/vnd.in-toto+json")
    config = layout.add_json({"architecture": "unknown", "os": "unknown"}, CONFIG)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.to_json(),
        "layers": [layer.to_json()],
    }
    beside = layout.add_json(manifest, MANIFEST, platform=Platform("unknown", "unknown"))
    layout.write_index([tiny.index(layout, image, beside)])
    assert main(["provenance", "show", str(layout.path)]) == 0
    shown = capsys.readouterr().out
    assert "proven by   nobody" in shown
    assert f"gitCommit:{COMMIT}" in shown
    assert main(["provenance", "show", str(layout.path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == V02
    assert main(["rebuild", str(layout.path)]) == 2


def test_an_image_without_provenance_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout.create(tmp_path / "layout")
    layout.write_index([tiny.image(layout)])
    assert main(["provenance", "show", str(layout.path)]) == 5
    assert "no provenance that can be read" in capsys.readouterr().err
