"""What stopped people with the Dockerfiles that they really have."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from imgforge import importing
from imgforge.importing import written
from imgforge.importing.row import Row
from imgforge.importing.translation import Translation

PYTHON = "FROM python:3.13\nWORKDIR /code\n"
X = {"x_py": "", "requirements_txt": ""}
START = 'CMD ["python", "-m", "x"]\n'


def read(root: Path, dockerfile: str, **files: str) -> tuple[Translation, dict[str, Any]]:
    """Return what is made of ``dockerfile``; files are named with __ for / and _ for a dot."""
    (root / "Dockerfile").write_text(dockerfile)
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = importing.read(root / "Dockerfile", root, name="demo")
    return found, tomllib.loads(written.text(found))


def row(found: Translation, start: str) -> Row:
    return next(r for r in found.rows if r.said.startswith(start))


def test_the_projects_search_path_keeps_the_stacks(tmp_path: Path) -> None:
    text = f"{PYTHON}COPY src ./src\nENV PYTHONPATH=/code/src:$PYTHONPATH\n{START}"
    _, spec = read(tmp_path, text, requirements_txt="", src__x_py="")
    assert spec["env"]["PYTHONPATH"] == "/opt/deps:/app/src"


def test_the_working_directory_is_a_path_that_moves(tmp_path: Path) -> None:
    _, spec = read(tmp_path, f"{PYTHON}COPY . .\nENV PYTHONPATH=/code HOME_OF=/code\n{START}")
    assert spec["env"] == {"PYTHONPATH": "/opt/deps:/app", "HOME_OF": "/app"}


@pytest.mark.parametrize(
    ("given", "command", "words"),
    [
        ("", "python -m web --port ${PORT:-8000}", ["--port", "8000"]),
        ("ENV PORT=81\n", "python -m web --port $PORT", ["--port", "81"]),
        ("ENV PORT=81\n", "python -m web --port ${PORT:-8000}", ["--port", "81"]),
        ('ENV OPTS="-a -b"\n', "python -m web $OPTS", ["-a", "-b"]),
    ],
)
def test_a_variable_that_is_known_is_fixed_and_said(
    tmp_path: Path, given: str, command: str, words: list[str]
) -> None:
    found, spec = read(tmp_path, f"{PYTHON}{given}COPY x.py .\nCMD {command}\n", **X)
    assert spec["app"]["entrypoint"] == ["/usr/bin/python3", "-m", "web", *words]
    (still,) = found.open
    assert "PORT" in still.note or "OPTS" in still.note
    assert importing.problems(written.text(found)) == []


@pytest.mark.parametrize(
    "command",
    ["python -m web $PORT", "python -m web '$A'", r"python -m web \$A", "python $@", "a $(b)"],
)
def test_what_only_a_shell_knows_is_never_guessed(tmp_path: Path, command: str) -> None:
    found, spec = read(tmp_path, f"{PYTHON}ENV A=1\nCMD {command}\n", requirements_txt="")
    assert "entrypoint" not in spec["app"]
    assert found.open


def test_a_value_that_a_shell_would_read_is_not_put_in(tmp_path: Path) -> None:
    text = f'{PYTHON}ENV A="$(id);x"\nCMD python -m web ${{A}}\n'
    found, spec = read(tmp_path, text, requirements_txt="")
    assert "entrypoint" not in spec["app"]
    assert "id" not in row(found, "CMD").note.split()


def test_options_of_java_go_by_its_own_variable(tmp_path: Path) -> None:
    text = (
        "FROM eclipse-temurin:21-jre\nCOPY a.jar /app/a.jar\nENV JAVA_OPTS=\n"
        'ENTRYPOINT ["sh", "-c", "java $JAVA_OPTS -jar /app/a.jar"]\n'
    )
    found, _ = read(tmp_path, text, a_jar="")
    assert importing.problems(written.text(found)) == []
    assert "JAVA_TOOL_OPTIONS" in row(found, "ENTRYPOINT").note


@pytest.mark.parametrize(
    ("run", "writable"),
    [
        ("mkdir -p /code/uploads && chown -R app /code", ["/data/uploads"]),
        ("mkdir -p uploads /var/lib/demo", ["/data/uploads", "/var/lib/demo"]),
        ("chown -R app /code /data", ["/data"]),
        ("mkdir -p /code /code/src /etc/demo /tmp/x", []),
    ],
)
def test_an_empty_folder_is_made_to_be_written(
    tmp_path: Path, run: str, writable: list[str]
) -> None:
    text = f"{PYTHON}COPY src src\nRUN {run}\n{START}"
    found, spec = read(tmp_path, text, requirements_txt="", src__x_py="")
    assert spec.get("run", {}).get("writable", []) == writable
    assert importing.problems(written.text(found)) == []


def test_a_folder_of_a_build_stage_is_nothing_to_write_to(tmp_path: Path) -> None:
    text = f"FROM python:3.13 AS b\nRUN mkdir /data\nFROM python:3.13\n{START}"
    _, spec = read(tmp_path, text, requirements_txt="")
    assert "run" not in spec


def test_a_secret_is_asked_for_when_the_image_runs(tmp_path: Path) -> None:
    found, spec = read(tmp_path, f"{PYTHON}COPY x.py .\nENV API_TOKEN=abc\n{START}", **X)
    assert spec["run"]["required-env"] == ["API_TOKEN"]
    assert "env" not in spec
    assert "abc" not in written.text(found)
    assert "--env API_TOKEN" in row(found, "ENV API_TOKEN").note
    assert importing.problems(written.text(found)) == []


@pytest.mark.parametrize(
    ("image", "version", "verdict"),
    [
        ("python:3.12-slim", "3.13", "person"),
        ("node:20-alpine", "22", "person"),
        ("php:8.3-fpm", "8.4", "person"),
        ("python:3.14", "3.13", "person"),
        ("golang:1.22", "1.24", "improved"),
        ("golang:1.99", "1.24", "person"),
    ],
)
def test_the_nearest_newer_version_is_taken_and_said(
    tmp_path: Path, image: str, version: str, verdict: str
) -> None:
    found, spec = read(tmp_path, f'FROM {image}\nCMD ["x"]\n')
    assert spec["stack"]["version"] == version
    said = next(r for r in found.rows if "is not offered" in r.note)
    assert (said.verdict, f"{version} is taken" in said.note) == (verdict, True)


def test_requirements_without_hashes_are_no_lock(tmp_path: Path) -> None:
    found, spec = read(tmp_path, f"{PYTHON}{START}", requirements_txt="flask==3.1.2\n")
    assert spec["app"]["lock"] == "requirements.txt"
    assert row(found, "lock").verdict == "person"
    assert "mv requirements.txt requirements.in && uv pip compile" in row(found, "lock").note


def test_another_text_is_not_taken_for_a_lock(tmp_path: Path) -> None:
    hashed = "a==1 --hash=sha256:0\n"
    files = {"LICENSE_txt": "x", "requirements-dev_txt": hashed, "requirements_txt": hashed}
    _, spec = read(tmp_path, f"{PYTHON}COPY . .\n{START}", **files)
    assert spec["app"]["lock"] == "requirements.txt"


def test_a_text_beside_another_lock_leaves_the_lock_alone(tmp_path: Path) -> None:
    files = {"LICENSE_txt": "x", "poetry_lock": "", "pyproject_toml": ""}
    _, spec = read(tmp_path, f"{PYTHON}COPY . .\n{START}", **files)
    assert spec["app"]["lock"] == "poetry.lock"


GO = """\
FROM golang:1.24 AS build
ARG VERSION=dev
ARG COMMIT
WORKDIR /src
COPY . .
RUN go build -ldflags="-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /bin/x ./cmd/x
FROM scratch
COPY --from=build /bin/x /x
COPY migrations /migrations
ENTRYPOINT ["/x"]
"""


def test_files_beside_a_compiled_program_go_along(tmp_path: Path) -> None:
    files = {"go_mod": "module x\n", "cmd__x__main_go": "", "migrations__1_sql": ""}
    found, spec = read(tmp_path, GO, **files)
    assert spec["stack"]["parameters"]["assets"] == ["migrations"]
    assert spec["stack"]["parameters"]["variables"] == ["main.version=dev"]
    moved = row(found, "COPY migrations")
    assert (moved.verdict, "/app/migrations instead of /migrations" in moved.note) == (
        "person",
        True,
    )
    built = row(found, "RUN go build")
    assert (built.verdict, "main.commit" in built.note) == ("person", True)


def test_a_web_server_in_the_image_of_php_stands_before_it_now(tmp_path: Path) -> None:
    text = (
        "FROM php:8.2-apache\nRUN docker-php-ext-install pdo opcache\nRUN a2enmod rewrite\n"
        "ENV APACHE_DOCUMENT_ROOT=/x\nRUN sed -i s/a/b/ /etc/apache2/ports.conf\n"
        "COPY . /var/www/html\nEXPOSE 80\n"
    )
    found, spec = read(tmp_path, text, public__index_php="")
    assert [r.line for r in found.open] == [1]
    assert "9000" in found.open[0].note
    assert "ports" not in spec.get("app", {})
    assert "env" not in spec
    assert importing.problems(written.text(found)) == []
