"""What commands print as JSON is what ``imgforge schema`` says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import heldproject
import jsonschema
import pytest
from madeadvisories import advisory, before, source

from imgforge.cli.main import main

PASSWORD = "not a secret: a key of tests"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_lock: heldproject.MakeLock) -> Path:
    root = heldproject.write(tmp_path / "held", made_lock)
    monkeypatch.chdir(root)
    monkeypatch.setenv("IMGFORGE_KEY_PASSWORD", PASSWORD)
    assert main(["key", "generate"]) == 0
    assert main(["build", "--engine", "native", "--key", "imgforge.key"]) == 0
    return root


def closed(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Forbid what a schema does not name, so that it is known to name all."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(each) for key, each in schema.items()}
    if "properties" in out and out.get("type") == "object":
        out.setdefault("additionalProperties", False)
    return out


def printed(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:  # noqa: ANN401 - JSON
    capsys.readouterr()
    assert main([*words]) == code
    return json.loads(capsys.readouterr().out)


def test_all_that_is_printed_is_described(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(
            [
                "db",
                "import",
                str(source(tmp_path / "all.zip", advisory("T-1", "web", *before("2")))),
            ]
        )
        == 0
    )
    other = tmp_path / "other.cdx.json"
    shutil.copy(built / ".imgforge/evidence/sbom.cdx.json", other)
    json_ = ("--format", "json")
    shown = {
        "inventory": printed(capsys, "sbom", *json_),
        "difference": printed(capsys, "sbom", "diff", str(other), ".", *json_),
        "notices": printed(capsys, "notices", *json_),
        "provenance": printed(
            capsys, "provenance", "verify", "--key", "imgforge.pub", *json_, code=10
        ),
        "rebuild": printed(capsys, "rebuild", *json_),
        "database": printed(capsys, "db", "status", *json_),
    }
    assert shown["inventory"]["components"]
    assert shown["provenance"][0]["points"]
    for of, value in shown.items():
        schema = printed(capsys, "schema", "--of", of)
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(value, closed(schema))
