"""What public Dockerfiles taught: each test is one thing that an import once got wrong."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from imgforge import importing
from imgforge.importing import origin, written
from imgforge.importing.row import Row
from imgforge.importing.translation import Translation

UV = "FROM python:3.13\nWORKDIR /app\nCOPY uv.lock pyproject.toml ./\nRUN uv sync --frozen\n"
LOCKED = {"uv.lock": "", "pyproject.toml": "[project]\nname = 'x'\n", "main.py": ""}
NODE = "FROM node:24\nWORKDIR /srv\nCOPY . .\n"
SCRIPT = '#!/usr/bin/env bash\nset -e\nmigrate\nexec "$@"\n'
START = 'CMD ["python", "-m", "main"]\n'


def read(root: Path, text: str, files: dict[str, str]) -> tuple[Translation, dict[str, Any]]:
    (root / "Dockerfile").write_text(text)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    found = importing.read(root / "Dockerfile", root, name="demo")
    return found, tomllib.loads(written.text(found))


def rows(found: Translation, start: str) -> list[Row]:
    return [r for r in found.rows if r.said.startswith(start)]


def row(found: Translation, start: str) -> Row:
    return rows(found, start)[0]


def complete(found: Translation) -> bool:
    return importing.problems(written.text(found)) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ('"uv", "run", "uvicorn", "main:app"', ["-m", "uvicorn", "main:app"]),
        ('"uv", "run", "--frozen", "main.py"', ["main.py"]),
        ('"uv", "run", "--package", "x", "python", "-m", "main"', ["-m", "main"]),
        ('"poetry", "run", "gunicorn", "main:app"', ["-m", "gunicorn", "main:app"]),
        ('"tini", "--", "pipenv", "run", "celery", "worker"', ["-m", "celery", "worker"]),
    ],
)
def test_a_manager_does_not_start_the_program(
    tmp_path: Path, command: str, words: list[str]
) -> None:
    found, spec = read(tmp_path, f"{UV}COPY main.py .\nCMD [{command}]\n", LOCKED)
    assert spec["app"]["entrypoint"] == ["/usr/bin/python3", *words]
    assert complete(found)
    assert "no" in row(found, "CMD").note


def test_an_empty_entrypoint_sets_back_what_the_base_starts(tmp_path: Path) -> None:
    found, spec = read(tmp_path, f"{UV}COPY main.py .\nENTRYPOINT []\n{START}", LOCKED)
    assert spec["app"]["entrypoint"] == ["/usr/bin/python3", "-m", "main"]
    assert "command" not in spec["app"]
    assert complete(found)


@pytest.mark.parametrize(
    ("command", "script", "app"),
    [
        ('"demo", "-v"', "demo = main:run", {"command": ["-v"]}),
        ('"uv", "run", "demo"', "demo = main:run", {}),
        ('"python", "-m", "main"', None, {"entrypoint": ["/usr/bin/python3", "-m", "main"]}),
    ],
)
def test_a_projects_script_is_the_stacks_if_it_is_started(
    tmp_path: Path, command: str, script: str | None, app: dict[str, list[str]]
) -> None:
    project = "[project]\nname = 'demo'\n[project.scripts]\ndemo = 'main:run'\n"
    files = {**LOCKED, "pyproject.toml": project}
    found, spec = read(tmp_path, f"{UV}COPY main.py .\nCMD [{command}]\n", files)
    assert spec["stack"].get("parameters", {}).get("script") == script
    assert {k: v for k, v in spec["app"].items() if k in {"command", "entrypoint"}} == app
    assert found.open == ()
    assert complete(found)


def test_a_list_in_single_quotes_is_told_from_a_list(tmp_path: Path) -> None:
    found, _ = read(tmp_path, f"{UV}CMD ['python', 'main.py']\n", LOCKED)
    assert row(found, "CMD").verdict == "person"
    assert "double quotes" in row(found, "CMD").note


def test_a_script_that_hands_on_leaves_its_command_to_be_started(tmp_path: Path) -> None:
    text = f'{UV}COPY . .\nENTRYPOINT ["/app/bin/start"]\n{START}'
    found, spec = read(tmp_path, text, {**LOCKED, "bin/start": SCRIPT})
    assert spec["app"]["entrypoint"] == ["/usr/bin/python3", "-m", "main"]
    assert row(found, "ENTRYPOINT").verdict == "person"
    assert complete(found)


def test_a_script_in_path_that_hands_on(tmp_path: Path) -> None:
    text = f'{UV}COPY start.sh /usr/local/bin/start\nENTRYPOINT ["start"]\n{START}'
    _, spec = read(tmp_path, text, {**LOCKED, "start.sh": SCRIPT})
    assert spec["app"]["entrypoint"] == ["/usr/bin/python3", "-m", "main"]


def test_a_script_that_does_all_itself_is_a_persons(tmp_path: Path) -> None:
    text = f'{UV}COPY . .\nENTRYPOINT ["/app/start"]\n{START}'
    found, spec = read(tmp_path, text, {**LOCKED, "start": "#!/bin/sh\npython -m main\n"})
    assert "entrypoint" not in spec["app"]
    assert "shell script" in row(found, "ENTRYPOINT").note


def test_a_programs_first_line_says_what_starts_it(tmp_path: Path) -> None:
    text = f'{UV}COPY . .\nCMD ["./tool"]\n'
    _, spec = read(tmp_path, text, {**LOCKED, "tool": "#!/usr/bin/env python3\n"})
    assert spec["app"]["entrypoint"] == ["/usr/bin/python3", "/app/tool"]


@pytest.mark.parametrize(
    ("install", "lock"),
    [
        ("corepack enable && pnpm install --frozen-lockfile", "pnpm-lock.yaml"),
        ("yarn --frozen-lockfile", "yarn.lock"),
        ("npm install -g pnpm && npm ci", "package-lock.json"),
    ],
)
def test_the_lock_is_the_one_that_the_dockerfile_installs(
    tmp_path: Path, install: str, lock: str
) -> None:
    names = ("package-lock.json", "pnpm-lock.yaml", "yarn.lock")
    files = {"package.json": "{}", "a.js": "", **dict.fromkeys(names, "")}
    found, spec = read(tmp_path, f'{NODE}RUN {install}\nCMD ["node", "a.js"]\n', files)
    assert spec["app"]["lock"] == lock
    assert complete(found)


def test_requirements_are_those_that_pip_is_told(tmp_path: Path) -> None:
    text = f"FROM python:3.13\nWORKDIR /app\nCOPY . .\nRUN pip install -r req/prod.txt\n{START}"
    files = {"requirements.txt": "", "req/prod.txt": "", "main.py": ""}
    _, spec = read(tmp_path, text, files)
    assert spec["app"]["lock"] == "req/prod.txt"


def test_a_lock_that_is_not_there_is_named_and_told_how_to_make(tmp_path: Path) -> None:
    text = f"FROM python:3.13\nWORKDIR /app\nCOPY . .\nRUN pipenv install --system\n{START}"
    found, spec = read(tmp_path, text, {"Pipfile": "", "Pipfile.lock": "{}", "main.py": ""})
    assert spec["app"]["lock"] == "requirements.txt"
    assert row(found, "lock").verdict == "person"
    assert complete(found)


def test_patterns_that_a_spec_cannot_say_are_told(tmp_path: Path) -> None:
    files = {**LOCKED, ".dockerignore": "docs\n*~\n*.py[cod]\nreport.[0-9].txt\n!docs/keep\n"}
    found, spec = read(tmp_path, f"{UV}COPY . .\n{START}", files)
    assert complete(found)
    assert "docs" in spec["app"]["exclude"]
    told = row(found, ".dockerignore")
    assert told.verdict == "person"
    assert all(text in told.note for text in ("*~", "report.[0-9].txt", "!docs/keep"))
    assert "*.py[cod]" not in told.note


PAGES = """\
FROM node:24 AS pages
WORKDIR /web
COPY web/package.json ./
RUN npm ci
COPY web .
RUN npm run build
"""


def test_what_another_stack_makes_is_no_work_of_this_ones(tmp_path: Path) -> None:
    text = f"{PAGES}{UV}COPY main.py .\nCOPY --from=pages /web/dist ./static\n{START}"
    found, spec = read(tmp_path, text, {**LOCKED, "web/package.json": "{}"})
    assert spec["app"]["source"] == ["main.py"]
    made = row(found, "COPY --from=pages")
    assert made.verdict == "person"
    assert "before the build" in made.note
    assert row(found, "COPY web .").verdict == "dropped"


def test_an_installers_image_and_certificates_are_not_missed(tmp_path: Path) -> None:
    copies = "COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/\n"
    copies += "COPY --from=certs /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\n"
    text = f"FROM alpine AS certs\n{UV}{copies}COPY main.py .\n{START}"
    found, _ = read(tmp_path, text, LOCKED)
    assert [r.verdict for r in rows(found, "COPY --from")] == ["improved", "improved"]


def test_a_working_directory_below_the_application(tmp_path: Path) -> None:
    text = f"{UV}COPY . .\nWORKDIR /app/src\n{START}"
    found, spec = read(tmp_path, text, {**LOCKED, "src/main.py": ""})
    assert spec["env"]["PYTHONPATH"] == "/opt/deps:/app/src"
    assert "/app/src" in row(found, "WORKDIR /app/src").note


def test_a_folder_whose_working_directory_is_its_parent(tmp_path: Path) -> None:
    text = "FROM python:3.13\nCOPY uv.lock .\nWORKDIR /app/backend\nCOPY backend/main main\n"
    _, spec = read(tmp_path, f"{text}{START}", {**LOCKED, "backend/main/a.py": ""})
    assert spec["env"]["PYTHONPATH"] == "/opt/deps:/app/backend"


def test_a_file_that_is_copied_to_the_working_directory_lies_in_it(tmp_path: Path) -> None:
    text = f'{UV}COPY main.py /app\nCOPY . /app\nCMD ["python", "/app/main.py"]\n'
    found, spec = read(tmp_path, text, LOCKED)
    assert "env" not in spec
    assert spec["app"]["entrypoint"] == ["/usr/bin/python3", "/app/main.py"]
    assert row(found, "WORKDIR").verdict == "improved"


def test_files_are_followed_through_stages(tmp_path: Path) -> None:
    text = (
        "FROM ruby:3.3 AS made\nWORKDIR /app\nCOPY . .\nRUN bundle install\n"
        "FROM ruby:3.3\nCOPY --from=made /app /rails\nWORKDIR /rails\n"
        'CMD ["./bin/thrust", "./bin/rails", "server"]\n'
    )
    files = {"Gemfile": "", "Gemfile.lock": "", "bin/rails": "#!/usr/bin/env ruby\n"}
    found, spec = read(tmp_path, text, {**files, "bin/thrust": "#!/usr/bin/env ruby\n"})
    assert spec["app"]["entrypoint"] == ["/usr/bin/ruby", "/app/bin/rails", "server"]
    assert "PIDFILE" in row(found, "CMD").note


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("bundle exec puma -C config/puma.rb", ["/opt/deps/bin/puma", "-C", "config/puma.rb"]),
        ("rails s -b ::", ["/app/bin/rails", "s", "-b", "::"]),
        ("bundle exec rails server", ["/app/bin/rails", "server"]),
        ("bundle exec rackup -p 9292", ["/opt/deps/bin/rackup", "-p", "9292"]),
    ],
)
def test_rubys_usual_starts(tmp_path: Path, command: str, words: list[str]) -> None:
    text = f"FROM ruby:3.3\nWORKDIR /app\nCOPY . .\nRUN bundle install\nCMD {command}\n"
    files = {"Gemfile": "", "Gemfile.lock": "", "bin/rails": "#!/usr/bin/env ruby\n"}
    found, spec = read(tmp_path, text, {**files, "config/puma.rb": ""})
    assert spec["app"]["entrypoint"] == ["/usr/bin/ruby", *words]
    assert complete(found)


def test_nothing_is_copied_where_the_project_is_mounted(tmp_path: Path) -> None:
    text = "FROM ruby:3.3\nWORKDIR /app\nCOPY Gemfile* ./\nRUN bundle install\nCMD rails s\n"
    files = {
        "Gemfile": "",
        "Gemfile.lock": "",
        "app/a.rb": "",
        "bin/rails": "#!/usr/bin/env ruby\n",
    }
    found, spec = read(tmp_path, text, files)
    assert "app" in spec["app"]["source"]
    assert row(found, "app.source").verdict == "person"
    assert spec["app"]["entrypoint"] == ["/usr/bin/ruby", "/app/bin/rails", "s"]


def test_a_variable_that_nobody_sets_is_not_written_down(tmp_path: Path) -> None:
    text = f"{UV}ARG LEVEL\nENV LEVEL=$LEVEL OTHER=1\nCOPY main.py .\n{START}"
    found, spec = read(tmp_path, text, LOCKED)
    assert spec["env"] == {"OTHER": "1"}
    assert row(found, "ENV LEVEL").verdict == "person"


def test_a_volume_below_the_application_moves_with_its_folder(tmp_path: Path) -> None:
    text = f"{UV}COPY main.py .\nRUN mkdir -p /app/media\nVOLUME /app/media\n{START}"
    found, spec = read(tmp_path, text, LOCKED)
    assert spec["run"]["writable"] == ["/data/media"]
    assert "/data/media" in row(found, "VOLUME").note
    assert complete(found)


def test_folders_of_the_build_are_nothing_to_write_to(tmp_path: Path) -> None:
    text = f"FROM python:3.13 AS b\nRUN mkdir /node && chown a /node\n{UV}RUN mkdir /app\n{START}"
    _, spec = read(tmp_path, text, LOCKED)
    assert "run" not in spec


def test_packages_that_a_variable_of_the_same_run_names(tmp_path: Path) -> None:
    install = 'RUN DEPS=" libpq5 \\\n curl " && apt-get install -y $DEPS\n'
    _, spec = read(tmp_path, f"{UV}{install}COPY main.py .\n{START}", LOCKED)
    assert spec["stack"]["packages"] == ["libpq5"]


def test_a_file_that_a_run_writes_is_not_lost(tmp_path: Path) -> None:
    text = f"{UV}RUN echo a > /etc/demo.conf && echo b 2>/dev/null\nCOPY main.py .\n{START}"
    found, _ = read(tmp_path, text, LOCKED)
    assert [r.verdict for r in rows(found, "RUN echo")] == ["person"]


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("tiangolo/uvicorn-gunicorn-fastapi:python3.11", ("python", "3.11")),
        ("lukemathwalker/cargo-chef:latest-rust-1", ("rust", "1")),
        ("webdevops/php-nginx:8.3", ("php", "")),
        ("dunglas/frankenphp:1-php8.4", ("php", "8.4")),
        ("registry.example/ubi9/openjdk-21:1.23", ("java", "21")),
        ("grafana/loki:3", None),
        ("gogs/django-free:1", ("python", "")),
    ],
)
def test_words_in_a_name_speak_of_a_stack(image: str, found: tuple[str, str] | None) -> None:
    assert origin.guessed(image) == found


def test_the_base_that_starts_the_program_itself(tmp_path: Path) -> None:
    text = "FROM tiangolo/uvicorn-gunicorn-fastapi:python3.11\nCOPY . /app\n"
    files = {"requirements.txt": "uvicorn\n", "app/main.py": "app = FastAPI()\n"}
    found, spec = read(tmp_path, text, files)
    assert spec["stack"]["name"] == "python"
    assert "app.main:app" in spec["app"]["entrypoint"]
    assert row(found, "FROM").verdict == row(found, "ENTRYPOINT").verdict == "person"
    assert complete(found)


CHEF = """\
FROM lukemathwalker/cargo-chef:latest-rust-1 AS chef
WORKDIR /app
FROM chef AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json
FROM chef AS made
COPY --from=plan /app/recipe.json recipe.json
RUN cargo chef cook --release
COPY . .
RUN cargo build --release --bin demo
FROM debian:trixie-slim
COPY --from=made /app/target/release/demo /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/demo"]
"""


def test_rust_by_cargo_chef(tmp_path: Path) -> None:
    found, spec = read(tmp_path, CHEF, {"Cargo.toml": '[package]\nname="demo"\n', "Cargo.lock": ""})
    assert spec["stack"]["name"] == "rust"
    assert spec["stack"]["parameters"]["binary"] == "demo"
    assert found.open == ()
    assert complete(found)


def test_a_program_that_is_built_before(tmp_path: Path) -> None:
    text = 'FROM busybox\nCOPY out/amd64/demo /bin/demo\nENTRYPOINT ["/bin/demo"]\n'
    _, spec = read(tmp_path, text, {})
    assert spec["app"] == {"source": ["out/amd64/demo"], "entrypoint": ["/app/out/amd64/demo"]}


JEKYLL = """\
FROM ruby AS b
COPY . /s
RUN jekyll build -s /s -d /tmp
FROM nginx
COPY --from=b /tmp /usr/share/nginx/html
"""


@pytest.mark.parametrize(
    ("text", "folder", "maker"),
    [
        (f"{PAGES}FROM nginx\nWORKDIR /usr/share/nginx/html\nCOPY --from=pages /web/dist .\n",
         "dist", "npm run build"),
        ("FROM nginx\nWORKDIR /src\nCOPY . .\nRUN hugo\nRUN cp -r public/* /usr/share/nginx/html\n",
         "public", "hugo"),
        (JEKYLL, "_site", "jekyll build"),
    ],
)  # fmt: skip
def test_the_folder_of_pages_and_what_makes_it(
    tmp_path: Path, text: str, folder: str, maker: str
) -> None:
    found, spec = read(tmp_path, text, {})
    assert spec["app"]["source"][-1:] == [folder]
    assert maker in row(found, "the folder").note
    assert complete(found)


def test_a_proxy_is_no_site(tmp_path: Path) -> None:
    text = "FROM nginx\nCOPY nginx.conf /etc/nginx/conf.d/default.conf\n"
    found, _ = read(tmp_path, text, {"nginx.conf": "location / { proxy_pass http://a; }"})
    assert "no proxy" in row(found, "the pages").note


def test_what_only_starts_anew_is_no_start(tmp_path: Path) -> None:
    files = {"package.json": '{"scripts": {"start": "nodemon a.js"}}', "package-lock.json": "{}"}
    text = f'{NODE}RUN npm ci\nCMD ["npm", "start"]\n'
    found, spec = read(tmp_path, text, {**files, "a.js": ""})
    assert spec["app"]["entrypoint"] == ["/nodejs/bin/node", "a.js"]
    assert "nodemon" in row(found, "CMD").note


def test_next_starts_from_its_standalone_output(tmp_path: Path) -> None:
    package = '{"scripts": {"start": "next start -p 80", "build": "next build"},'
    package += '"dependencies": {"next": "15"}}'
    text = f'{NODE}RUN npm ci && npm run build\nCMD ["npm", "start"]\n'
    files = {"package.json": package, "package-lock.json": ""}
    found, spec = read(tmp_path, text, files)
    assert spec["stack"]["parameters"] == {"build": "standalone"}
    assert spec["app"]["entrypoint"] == ["/nodejs/bin/node", "server.js"]
    assert "-p 80" in row(found, "CMD").note


def test_stages_that_copy_of_each_other_cost_little(tmp_path: Path) -> None:
    copies = "".join(f"COPY --from=s{{}} / /d{n}/\n" for n in range(4))
    stages = [f"FROM scratch AS s{n}\n" + copies.replace("{}", str(n - 1)) for n in range(1, 40)]
    text = "FROM scratch AS s0\nCOPY a b /\n" + "".join(stages)
    found, _ = read(tmp_path, text, {"a": "", "b": ""})
    assert found.spec["stack"]["name"] == "binary"


@pytest.mark.parametrize(
    ("image", "version"), [("golang:1-alpine", "1.24"), ("golang:1.24.5", "1.24")]
)
def test_a_tag_that_names_a_line_of_versions(tmp_path: Path, image: str, version: str) -> None:
    text = f'FROM {image}\nCOPY . .\nRUN go build -o /demo\nENTRYPOINT ["/demo"]\n'
    found, spec = read(tmp_path, text, {"go.mod": "module demo\n", "main.go": "package main\n"})
    assert spec["stack"]["version"] == version
    assert found.open == ()


def test_of_several_programs_the_one_that_is_started(tmp_path: Path) -> None:
    text = (
        "FROM golang:1.24 AS b\nCOPY . .\nRUN go build -o /bin/demo ./cmd/demo\n"
        "RUN go build -o /bin/tool ./cmd/tool\nFROM scratch\n"
        'COPY --from=b /bin/demo /bin/tool /\nCMD ["/demo"]\n'
    )
    found, spec = read(tmp_path, text, {"go.mod": "module demo\n"})
    parameters = spec["stack"]["parameters"]
    assert (parameters["binary"], parameters["package"]) == ("demo", "./cmd/demo")
    assert row(found, "RUN go build -o /bin/tool").verdict == "person"


MAIN = "require('node:http').createServer().listen(8080)\n"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [(MAIN, "person"), (f"{MAIN}process.on('SIGTERM', () => process.exit(0))\n", "improved")],
)
def test_who_ends_a_program_that_an_init_ended(tmp_path: Path, text: str, verdict: str) -> None:
    dockerfile = f'{NODE}RUN npm ci\nENTRYPOINT ["tini", "--"]\nCMD ["node", "a.js"]\n'
    files = {"package.json": "{}", "package-lock.json": "", "a.js": text}
    found, spec = read(tmp_path, dockerfile, files)
    assert spec["app"]["entrypoint"] == ["/nodejs/bin/node", "a.js"]
    assert row(found, "ENTRYPOINT").verdict == verdict


def test_what_maven_made_before_is_made_anew(tmp_path: Path) -> None:
    text = (
        "FROM eclipse-temurin:21\nCOPY target/lib /app/lib\nCOPY target/classes /app\n"
        'ENTRYPOINT ["java", "-Xmx1g", "-cp", "app:app/lib/*", "demo.Main"]\n'
    )
    found, spec = read(tmp_path, text, {"pom.xml": "<project/>", "src/main/java/A.java": ""})
    assert spec["app"]["source"] == ["pom.xml", "src"]
    assert "entrypoint" not in spec["app"]
    assert spec["env"] == {"JAVA_TOOL_OPTIONS": "-Xmx1g"}
    assert "target/lib" in row(found, "app.source").note
    assert complete(found)


def test_several_programs_in_an_image_of_php(tmp_path: Path) -> None:
    text = 'FROM acme/php-nginx:8.4\nCOPY . /app\nEXPOSE 80\nCMD ["supervisord"]\n'
    found, spec = read(tmp_path, text, {"public/index.php": ""})
    assert "ports" not in spec["app"]
    assert "several programs" in row(found, "CMD").note
    assert complete(found)


def test_a_pipe_beside_the_dockerfile_is_not_read(tmp_path: Path) -> None:
    text = 'FROM nginx\nCOPY a.conf /etc/nginx/conf.d/a.conf\nCOPY start /\nCMD ["/start"]\n'
    for name in ("a.conf", "start", "requirements.txt", "package.json"):
        os.mkfifo(tmp_path / name)
    for base in ("nginx", "python:3.13\nRUN pip install -r requirements.txt", "node:24"):
        lines = text.replace("nginx", base, 1).replace('"/start"', '"npm", "start"')
        for dockerfile in (lines, text.replace("nginx", base, 1)):
            found, _ = read(tmp_path, dockerfile, {})
            assert found.rows
