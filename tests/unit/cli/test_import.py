"""``imgforge import`` writes a spec, a table and, asked for it, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgforge.cli.main import main

Capture = pytest.CaptureFixture[str]
TEXT = """\
FROM python:3.13
COPY web /app/web
RUN wget https://example.com
CMD ["python", "-m", "web"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "My App"
    (root / "web").mkdir(parents=True)
    (root / "requirements.txt").write_text("")
    (root / "Dockerfile").write_text(TEXT)
    return root


def test_writes_the_spec_and_says_what_became_of_each_line(project: Path, capsys: Capture) -> None:
    assert main(["import", str(project / "Dockerfile")]) == 0
    said = capsys.readouterr()
    assert said.out == f"{project / 'imgforge.toml'}\n"
    assert "person" in said.err
    assert "1 line needs a person" in said.err
    text = (project / "imgforge.toml").read_text()
    assert text.startswith("# Made from Dockerfile by imgforge import.\n")
    assert 'name = "my-app"' in text
    assert main(["import", str(project / "Dockerfile")]) == 2
    assert "--force" in capsys.readouterr().err


def test_json_has_the_rows_and_the_text(project: Path, capsys: Capture) -> None:
    words = ["import", str(project / "Dockerfile"), "--stdout", "--format", "json"]
    assert main(words) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["needsPerson"] == 1
    assert value["problems"] == []
    assert {row["verdict"] for row in value["rows"]} <= {"kept", "improved", "dropped", "person"}
    assert not (project / "imgforge.toml").exists()


@pytest.mark.parametrize(
    "words",
    [["--stdout", "--compare"], ["--build-arg", "X"], ["--target", "none"]],
)
def test_wrong_flags_are_explained(project: Path, capsys: Capture, words: list[str]) -> None:
    assert main(["import", str(project / "Dockerfile"), *words]) == 2
    assert "error" in capsys.readouterr().err
    assert not (project / "imgforge.toml").exists()


def test_no_dockerfile_is_a_plain_error(tmp_path: Path, capsys: Capture) -> None:
    assert main(["import", str(tmp_path / "Dockerfile")]) == 2
    assert "cannot read" in capsys.readouterr().err
