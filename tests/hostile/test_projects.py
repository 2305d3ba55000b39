"""Projects and Dockerfiles that mean harm to whoever looks at them with init or import."""

from __future__ import annotations

import contextlib
import os
import time
import tomllib
from pathlib import Path

import pytest

from imgforge import detection, importing, newspec, tomlfile
from imgforge.cli.main import main
from imgforge.context import compile_patterns
from imgforge.detection import draft
from imgforge.errors import InvalidInputError

MANY = 40_000
SLOW = {
    "Dockerfile of blank lines": {"requirements.txt": "", "Dockerfile": "\n" * MANY + "x"},
    "Procfile of spaces": {"requirements.txt": "", "Procfile": "web: x" + " " * MANY + "y"},
    "go.mod of dots": {"go.mod": "module x\n\t" + "a." * MANY + "\n" + "b" * MANY},
    "Gemfile of blank lines": {"Gemfile": "\n" * MANY, "a.rb": "\n" * MANY},
    "pom of parents": {"pom.xml": "<project>" + "<parent>" * MANY + "<!--" * MANY},
    "range of spaces": {"package.json": '{"engines": {"node": "' + " " * MANY + '"}}'},
    "key of dots": {"pyproject.toml": "a" + ".a" * MANY + " = 1"},
    "key of quotes": {"pyproject.toml": '"a"' + " . 'a'" * MANY + " = 1"},
    "table of dots": {"pyproject.toml": "[a" + ".a" * MANY + "]"},
    "long number": {"pyproject.toml": "a = " + "9" * 5000},
}


@pytest.mark.parametrize("name", SLOW)
def test_no_file_is_looked_at_for_long(name: str, tmp_path: Path) -> None:
    for file, text in SLOW[name].items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    start = time.process_time()
    _, found = detection.candidates(tmp_path)
    for candidate in found:
        with contextlib.suppress(InvalidInputError):
            draft.write(candidate, "x")
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "text", ["a" + ".a" * MANY + " = 1", "a = " + "9" * 5000, "[" * MANY, "a = [" + "[" * MANY]
)
def test_a_spec_that_takes_long_to_read_is_refused(text: str) -> None:
    start = time.process_time()
    with pytest.raises(InvalidInputError, match=r"imgforge\.toml"):
        tomlfile.parse(text.encode(), "imgforge.toml")
    assert time.process_time() - start < 2


DOCKERFILE = r"""FROM python:3.13-slim
COPY ["a\nb", "/x\n[build]\n"]
RUN ["x\n[evil]\ny = 1 \u001b[2J"]
VOLUME ["/da\nta\u001b[2J"]
ENTRYPOINT ["/nothing\n[evil]\nz = 1\u001b[31m"]
HEALTHCHECK CMD ["/no\n[evil]\nq = 1"]
"""


def test_a_dockerfile_adds_nothing_to_the_spec_and_no_line_to_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    assert main(["import", str(tmp_path / "Dockerfile")]) == 0
    said = capsys.readouterr()
    text = (tmp_path / "imgforge.toml").read_text(encoding="utf-8")
    assert "evil" not in tomllib.loads(text)
    assert "\x1b" not in text + said.out + said.err
    assert not any(line.startswith("[evil]") for line in (text + said.err).splitlines())


def test_an_import_writes_through_no_link(tmp_path: Path) -> None:
    (tmp_path / f".imgforge.toml-{os.getpid()}").symlink_to(tmp_path / "other")
    (tmp_path / "imgforge.toml").symlink_to(tmp_path / "another")
    newspec.write(tmp_path / "imgforge.toml", "[image]\n", replace=True)
    assert not (tmp_path / "other").exists()
    assert not (tmp_path / "another").exists()


def test_an_ignore_file_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("word-of-the-machine\n")
    project = tmp_path / "project"
    project.mkdir()
    (project / "Dockerfile").write_text("FROM python:3.13-slim\nCOPY . /app\n")
    (project / ".dockerignore").symlink_to("../secret")
    with pytest.raises(InvalidInputError, match="dockerignore"):
        importing.read(project / "Dockerfile", project)


def test_no_pattern_takes_long() -> None:
    start = time.process_time()
    found = compile_patterns(["*a" * 12 + "*b", "**/" + "?*a" * 12 + "b/*"])
    assert not found.fullmatch("a" * 200)
    assert not found.fullmatch("c/" + "a" * 200)
    assert found.fullmatch("a" * 200 + "b")
    assert time.process_time() - start < 2
