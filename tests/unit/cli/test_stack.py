"""``imgforge stack``: what it prints, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ownstack import TEMPLATE, change, made

from imgforge.cli.main import main
from imgforge.dockerfile import hadolint


@pytest.fixture(autouse=True)
def _without_hadolint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hadolint, "installed", lambda: False)


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stack", "list", "--format", "json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["python"]["catalog"] == "imgforge"
    assert "3.13" in rows["python"]["runtimes"]
    assert main(["stack", "list"]) == 0
    assert capsys.readouterr().out.startswith("stack ")


def test_show_a_name_and_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stack", "show", "python"]) == 0
    assert "can be overridden: dependencies.install" in capsys.readouterr().out
    assert main(["stack", "show", str(made(tmp_path)), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "acme-web"
    assert main(["stack", "show", "nobody"]) == 2


def test_new_then_lint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "acme-web"
    assert main(["stack", "new", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert main(["stack", "lint", str(folder)]) == 0
    assert main(["stack", "new", str(folder)]) == 2
    change(folder / TEMPLATE, "mkdir -p /out;", "npm install; mkdir -p /out;")
    capsys.readouterr()
    assert main(["stack", "lint", str(folder), "--format", "json"]) == 10
    assert "IF228" in capsys.readouterr().out
    assert main(["stack", "lint", str(folder), "--format", "github"]) == 10
    assert f"file={folder / TEMPLATE},line=16" in capsys.readouterr().out
    assert main(["stack", "lint", str(folder), "--format", "sarif"]) == 10
    assert json.loads(capsys.readouterr().out)["version"] == "2.1.0"
    assert main(["stack", "lint", str(tmp_path)]) == 2


def test_diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = made(tmp_path / "old")
    new = made(tmp_path / "new", toml=('version = "0.1.0"', 'version = "0.2.0"'))
    assert main(["stack", "diff", str(old), str(old), "--exit-code"]) == 0
    assert main(["stack", "diff", str(old), str(new), "--exit-code"]) == 10
    assert "+++ acme-web@0.2.0" in capsys.readouterr().out
    assert main(["stack", "diff", str(old), str(new), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["new"].startswith("acme-web@0.2.0 sha256:")
    assert main(["stack", "diff", str(old), str(new), "--spec", str(tmp_path)]) == 2


def test_who(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "imgforge.toml").write_text("x = [", encoding="utf-8")
    assert main(["stack", "who", str(tmp_path)]) == 0
    assert "BROKEN" in capsys.readouterr().out
    assert main(["stack", "who", str(tmp_path), "--exit-code", "--format", "json"]) == 10
    assert json.loads(capsys.readouterr().out)[0]["problem"]
    assert main(["stack", "who", str(tmp_path), "--stack", "python", "--exit-code"]) == 0


def test_test_without_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made(tmp_path)
    assert main(["stack", "test", str(folder), "--only", "none"]) == 2
    assert "tests: basic" in capsys.readouterr().err
