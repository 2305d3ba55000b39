"""A Dockerfile becomes the nearest spec, and every line is accounted for."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from imgforge import importing
from imgforge.errors import InvalidInputError
from imgforge.importing import origin, written
from imgforge.importing.row import Row
from imgforge.importing.translation import Translation

FLASK = """\
FROM python:3.13-slim AS build
RUN apt-get update && apt-get install -y build-essential libpq-dev
COPY requirements.txt .
RUN pip install --prefix=/install -r requirements.txt
FROM python:3.13-slim
LABEL org.opencontainers.image.title="Notes" com.example.team=web
ENV PYTHONUNBUFFERED=1 APP_HOME=/srv/notes API_TOKEN=abc LEVEL=info
RUN apt-get update && apt-get install -y libpq5 curl && rm -rf /var/lib/apt/lists/*
RUN useradd -m app && mkdir -p /data && chown app /data
WORKDIR /srv
COPY --from=build /install /usr/local
COPY notes notes
USER app
EXPOSE 8080
VOLUME /data
STOPSIGNAL 2
HEALTHCHECK --interval=10s --retries=2 CMD curl -f http://localhost:8080/healthz || exit 1
CMD ["python", "-m", "notes"]
"""


def translated(root: Path, dockerfile: str, *files: str) -> Translation:
    (root / "Dockerfile").write_text(dockerfile)
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text("")
    return importing.read(root / "Dockerfile", root, name="demo")


def spec_of(found: Translation) -> dict[str, Any]:
    return tomllib.loads(written.text(found))


def row(found: Translation, start: str) -> Row:
    return next(r for r in found.rows if r.said.startswith(start))


def test_a_usual_python_file(tmp_path: Path) -> None:
    found = translated(tmp_path, FLASK, "requirements.txt", "notes/app.py")
    spec = spec_of(found)
    assert spec["image"] == {
        "name": "demo",
        "title": "Notes",
        "labels": {"com.example.team": "web"},
    }
    assert spec["stack"] == {"name": "python", "version": "3.13", "packages": ["libpq5"]}
    assert spec["app"] == {
        "source": ["notes"],
        "lock": "requirements.txt",
        "entrypoint": ["/usr/bin/python3", "-m", "notes"],
        "ports": [8080],
        "stop-signal": "SIGINT",
    }
    assert spec["env"] == {"APP_HOME": "/app/notes", "LEVEL": "info"}
    assert spec["run"] == {"required-env": ["API_TOKEN"], "writable": ["/data"]}
    assert spec["health"]["command"][:2] == ["/usr/bin/python3", "-c"]
    assert (spec["health"]["interval"], spec["health"]["retries"]) == ("10s", 2)
    assert [r.said for r in found.open] == ["ENV API_TOKEN"]
    assert importing.problems(written.text(found)) == []


def test_every_instruction_has_a_row(tmp_path: Path) -> None:
    found = translated(tmp_path, FLASK, "requirements.txt", "notes/app.py")
    lines = {r.line for r in found.rows}
    assert lines == set(range(1, FLASK.count("\n") + 1))


def test_files_that_went_elsewhere_take_the_arguments_with_them(tmp_path: Path) -> None:
    found = translated(
        tmp_path,
        "FROM python:3.13\nWORKDIR /code\nCOPY src/ ./\nCOPY conf/app.ini /etc/app.ini\n"
        'ENTRYPOINT ["python", "main.py", "--config", "/etc/app.ini"]\n',
        *("src/main.py", "conf/app.ini", "requirements.txt"),
    )
    spec = spec_of(found)
    assert spec["app"]["source"] == ["src", "conf/app.ini"]
    assert spec["app"]["entrypoint"] == [
        *("/usr/bin/python3", "/app/src/main.py", "--config", "/app/conf/app.ini"),
    ]


def test_the_whole_context_is_taken_without_what_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("docs\n!docs/keep\n*.log\n.git\n")
    found = translated(
        tmp_path,
        'FROM python:3.13\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["python", "app.py"]\n',
        *("app.py", "requirements.txt", "docker-compose.yml"),
    )
    app = spec_of(found)["app"]
    assert app["source"] == ["."]
    assert app["exclude"] == [
        *("docs", "*.log", ".dockerignore", "Dockerfile", "docker-compose.yml"),
        *("imgforge.toml", "imgforge.lock"),
    ]
    assert app["entrypoint"] == ["/usr/bin/python3", "app.py"]


@pytest.mark.parametrize(
    ("line", "entrypoint"),
    [
        ("CMD python -m web", ["/usr/bin/python3", "-m", "web"]),
        ("CMD exec python3 -m web --port 80", ["/usr/bin/python3", "-m", "web", "--port", "80"]),
        ('CMD ["sh", "-c", "python -m web"]', ["/usr/bin/python3", "-m", "web"]),
        ('CMD ["gunicorn", "web:app"]', ["/usr/bin/python3", "-m", "gunicorn", "web:app"]),
        ('ENTRYPOINT ["tini", "-g", "--"]\nCMD ["python", "-m", "web"]',
         ["/usr/bin/python3", "-m", "web"]),
        ('ENTRYPOINT ["/app/tool"]', ["/app/tool"]),
    ],
)  # fmt: skip
def test_programs_are_absolute_and_need_no_shell(
    tmp_path: Path, line: str, entrypoint: list[str]
) -> None:
    found = translated(
        tmp_path,
        f"FROM python:3.13\nWORKDIR /app\nCOPY tool .\n{line}\n",
        "tool",
        "requirements.txt",
    )
    assert spec_of(found)["app"]["entrypoint"] == entrypoint
    assert not found.open


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("CMD python -m web --port $PORT", "expanded"),
        ("CMD a && b", "several commands"),
        ("CMD python -m web > /log", "redirections"),
        ('ENTRYPOINT ["./docker-entrypoint.sh"]', "shell script"),
        ('ENTRYPOINT ["rails", "server"]', "PATH"),
        ('ENTRYPOINT ["/usr/local/bin/tool"]', "nothing that the Dockerfile copies"),
        ("CMD npm start", "no such script"),
    ],
)
def test_what_cannot_be_started_without_a_shell_is_for_a_person(
    tmp_path: Path, line: str, why: str
) -> None:
    found = translated(tmp_path, f"FROM python:3.13\n{line}\n", "requirements.txt")
    assert "entrypoint" not in spec_of(found)["app"]
    assert any(why in r.note for r in found.open), found.open
    assert importing.problems(written.text(found))


def test_npm_start_is_what_node_runs(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"start": "node server.js"}}))
    found = translated(tmp_path, "FROM node:22\nCOPY . /app\nCMD npm start\n", "server.js")
    assert spec_of(found)["app"]["entrypoint"] == ["/nodejs/bin/node", "server.js"]


@pytest.mark.parametrize(
    ("line", "verdict", "note"),
    [
        ("RUN curl -O https://example.com/x", "person", "download"),
        ("RUN pip install flask", "person", "flask must be listed"),
        ("RUN pip install --upgrade pip", "improved", "stack python"),
        ("RUN apk add libpq", "person", "apk names packages"),
        ("RUN chmod -R 777 /srv", "improved", "root's"),
        ("RUN ./configure && make", "person", "runs nothing"),
        ("RUN npm ci", "person", "stack node"),
        ("ADD https://example.com/x.tar.gz /", "person", "download"),
        ("ONBUILD RUN true", "person", "not built on"),
        ("EXPOSE 80", "person", "1024"),
        ("EXPOSE 8000-8010", "person", "not one port"),
        ("USER 1000:1000", "kept", "as it was"),
        ("USER root", "improved", "never as root"),
        ("ENV LD_PRELOAD=/x.so", "person", "loaded"),
        ("ENV PATH=/opt/bin:$PATH", "dropped", "stacks and bases"),
        ("VOLUME /etc/app", "person", "system"),
        ("COPY absent /app/", "person", "does not exist"),
        ("COPY *.py /app/", "person", "pattern"),
        ("COPY --from=nginx:1 /etc/nginx /etc/nginx", "person", "another image"),
        ("MAINTAINER someone", "improved", "label"),
        ("ARG X=1", "dropped", "varies"),
        ("LABEL org.opencontainers.image.created=now", "improved", "imgforge writes it"),
    ],
)
def test_single_lines(tmp_path: Path, line: str, verdict: str, note: str) -> None:
    found = translated(
        tmp_path, f'FROM python:3.13\n{line}\nCMD ["python", "-m", "x"]\n', "requirements.txt"
    )
    said = [r for r in found.rows if r.line == 2]
    assert [(r.verdict, note in r.note) for r in said] == [(verdict, True)] * len(said)
    assert said


@pytest.mark.parametrize(
    ("image", "stack", "version"),
    [
        ("python:3.13.1-slim-bookworm", "python", "3.13"),
        ("docker.io/library/python:3.13", "python", "3.13"),
        ("gcr.io/distroless/python3-debian12:nonroot", "python", ""),
        ("scratch", "binary", ""),
        ("registry.example.com/team/mystery:1", "binary", ""),
    ],
)
def test_the_base_chooses_the_stack(tmp_path: Path, image: str, stack: str, version: str) -> None:
    found = translated(tmp_path, f'FROM {image}\nCOPY x /x\nENTRYPOINT ["/x"]\n', "x")
    made = spec_of(found)["stack"]
    assert (made["name"], made.get("version", "")) == (stack, version)
    assert ("mystery" in image) == any(r.said.startswith("FROM") for r in found.open)


def test_a_version_that_is_not_offered_is_for_a_person(tmp_path: Path) -> None:
    found = translated(tmp_path, 'FROM python:2.7\nCMD ["python", "-m", "x"]\n', "requirements.txt")
    assert any("2.7 is not offered" in r.note for r in found.open)


def test_a_builder_chooses_the_stack_of_an_image_on_nothing(tmp_path: Path) -> None:
    found = translated(
        tmp_path,
        "FROM golang:1.24 AS b\nCOPY . /src\nRUN go build -o /x .\nFROM scratch\n"
        'COPY --from=b /x /x\nENTRYPOINT ["/x"]\n',
        *("go.mod", "go.sum", "main.go"),
    )
    assert found.spec["stack"]["name"] == "go"


def test_a_comment_cannot_be_left(tmp_path: Path) -> None:
    found = translated(
        tmp_path, "FROM python:3.13\nRUN echo a; frob 'x\\\ny\x07' \n", "requirements.txt"
    )
    assert found.open
    assert tomllib.loads(written.text(found))["stack"]["name"] == "python"
    assert "\x07" not in written.text(found)


def test_a_broken_file_is_one_error_with_lines(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        translated(tmp_path, "FROM python\nCOPPY a b\nEXPOSE\n")
    assert any("Dockerfile:2" in line for line in caught.value.details)


GO = """\
FROM golang:1.24 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY pkg pkg
RUN CGO_ENABLED=0 go build -tags netgo -ldflags="-s -w -X main.version=1.2" -o /bin/api ./cmd/api
FROM gcr.io/distroless/static-debian12
COPY --from=build /bin/api /api
ENTRYPOINT ["/api"]
"""


def test_what_go_builds_becomes_parameters(tmp_path: Path) -> None:
    files = ("go.mod", "go.sum", "cmd/api/main.go", "cmd/job/main.go", "pkg/a.go")
    found = translated(tmp_path, GO, *files)
    spec = spec_of(found)
    assert spec["stack"]["parameters"] == {
        "package": "./cmd/api",
        "binary": "api",
        "tags": ["netgo"],
        "variables": ["main.version=1.2"],
        "vendored": True,
    }
    assert spec["app"] == {"source": ["go.mod", "go.sum", "cmd", "pkg"], "lock": "go.sum"}
    assert not found.open
    assert not importing.problems(written.text(found))


def test_arguments_of_an_own_program_are_kept(tmp_path: Path) -> None:
    files = ("go.mod", "go.sum", "cmd/api/main.go", "pkg/a.go")
    text = GO.replace('ENTRYPOINT ["/api"]', 'ENTRYPOINT ["/api", "serve"]\nCMD ["--all"]')
    app = spec_of(translated(tmp_path, text, *files))["app"]
    assert app["entrypoint"] == ["/app/api", "serve"]
    assert app["command"] == ["--all"]


def test_a_compiled_node_project_keeps_its_packages(tmp_path: Path) -> None:
    scripts = {"build": "tsc", "start": "node dist/index.js"}
    package = {"scripts": scripts, "dependencies": {"express": "^4"}}
    (tmp_path / "package.json").write_text(json.dumps(package))
    text = (
        "FROM node:24 AS build\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\n"
        "RUN npm run build\nFROM node:24-slim\nWORKDIR /app\nCOPY package*.json ./\n"
        'COPY --from=build /app/dist ./dist\nCMD ["node", "dist/index.js"]\n'
    )
    found = translated(tmp_path, text, "package-lock.json", "src/index.ts")
    spec = spec_of(found)
    assert spec["stack"]["parameters"] == {"build": "compile"}
    assert spec["app"]["source"] == ["."]
    assert not found.open


def test_maven_needs_a_lock_and_says_how_it_is_made(tmp_path: Path) -> None:
    text = (
        "FROM maven:3.9-eclipse-temurin-21 AS build\nWORKDIR /app\nCOPY pom.xml .\n"
        "COPY src src\nRUN mvn package\nFROM eclipse-temurin:21-jre\n"
        "COPY --from=build /app/target/*.jar app.jar\n"
        'ENTRYPOINT ["java", "-Xss1m", "-jar", "app.jar"]\n'
    )
    found = translated(tmp_path, text, "pom.xml", "src/main/java/A.java")
    spec = spec_of(found)
    assert spec["stack"]["parameters"]["build"] == "maven"
    assert spec["app"] == {"source": ["pom.xml", "src"], "lock": "maven.sha256"}
    assert spec["env"] == {"JAVA_TOOL_OPTIONS": "-Xss1m"}
    assert "make maven.sha256 with" in row(found, "lock").note


def test_a_ready_jar_that_is_copied(tmp_path: Path) -> None:
    text = (
        "FROM eclipse-temurin:21-jre\nWORKDIR /opt\nCOPY shop-1.0.jar app.jar\n"
        'CMD ["java", "-jar", "app.jar"]\n'
    )
    found = translated(tmp_path, text, "shop-1.0.jar")
    spec = spec_of(found)
    assert spec["stack"]["parameters"] == {"build": "jar", "jar": "shop-1.0.jar"}
    assert spec["app"] == {"source": ["shop-1.0.jar"]}


def test_gradle_needs_a_lock_of_its_own(tmp_path: Path) -> None:
    text = "FROM gradle:8-jdk21 AS build\nRUN gradle bootJar\nFROM eclipse-temurin:21-jre\n"
    found = translated(tmp_path, text, "build.gradle")
    assert spec_of(found)["stack"]["parameters"]["build"] == "gradle"
    assert "make gradle.sha256 with" in row(found, "lock").note


def test_pages_are_made_before_and_served_from_their_folder(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("location / { try_files $uri /index.html; }")
    text = (
        "FROM node:24 AS build\nWORKDIR /app\nCOPY . .\nRUN npm ci\nRUN npm run build\n"
        "FROM nginx:alpine\nCOPY --from=build /app/dist /usr/share/nginx/html\n"
        "COPY nginx.conf /etc/nginx/conf.d/default.conf\nEXPOSE 80\n"
    )
    found = translated(tmp_path, text, "package.json")
    spec = spec_of(found)
    assert spec["stack"] == {
        "name": "static",
        "parameters": {"root": "dist", "fallback": "index"},
    }
    assert spec["app"] == {"source": ["dist"]}
    assert "make the pages before" in row(found, "RUN npm ci").note


def test_php_served_by_fpm(tmp_path: Path) -> None:
    text = (
        "FROM composer:2 AS vendor\nCOPY composer.json composer.lock ./\nRUN composer install\n"
        "FROM php:8.4-fpm\nRUN docker-php-ext-install pdo_mysql opcache\nWORKDIR /var/www\n"
        'COPY . .\nCOPY --from=vendor /app/vendor vendor\nCMD ["php-fpm"]\n'
    )
    found = translated(tmp_path, text, "composer.json", "composer.lock", "public/index.php")
    spec = spec_of(found)
    assert spec["stack"] == {"name": "php", "version": "8.4", "packages": ["php8.4-mysql"]}
    assert "entrypoint" not in spec["app"]
    assert not found.open


def test_bundler_does_not_stand_between(tmp_path: Path) -> None:
    text = (
        "FROM ruby:3.3\nWORKDIR /srv\nCOPY . .\nRUN bundle install --without development test\n"
        'CMD ["bundle", "exec", "puma", "-C", "config/puma.rb"]\n'
    )
    found = translated(tmp_path, text, "Gemfile", "Gemfile.lock", "config/puma.rb")
    spec = spec_of(found)
    assert spec["app"]["entrypoint"][:3] == ["/usr/bin/ruby", "/opt/deps/bin/puma", "-C"]
    assert spec["stack"]["parameters"]["without"] == ["development", "test"]


def test_cargo_builds_what_is_named(tmp_path: Path) -> None:
    text = (
        "FROM rust:1 AS build\nWORKDIR /src\nCOPY Cargo.toml Cargo.lock ./\nCOPY src src\n"
        "RUN cargo build --release --bin tally --features json,csv --no-default-features\n"
        "FROM debian:stable-slim\nCOPY --from=build /src/target/release/tally /usr/bin/\n"
        'ENTRYPOINT ["tally"]\n'
    )
    found = translated(tmp_path, text, "Cargo.toml", "Cargo.lock", "src/main.rs")
    stack = spec_of(found)["stack"]["parameters"]
    assert stack["binary"] == "tally"
    assert stack["features"] == ["json", "csv"]
    assert stack["default-features"] is False
    assert spec_of(found)["app"]["source"] == ["Cargo.toml", "Cargo.lock", "src"]


@pytest.mark.parametrize("image", ["composer:2", "ghcr.io/astral-sh/uv:0.5"])
def test_a_tools_version_is_not_the_languages(image: str) -> None:
    assert not origin.origin(image).version  # type: ignore[union-attr]
