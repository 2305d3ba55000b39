"""What public projects taught: each test is one thing that init once got wrong."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from imgforge import detection, spec
from imgforge.cli.main import main
from imgforge.detection import draft
from imgforge.detection.candidate import Candidate
from imgforge.errors import InvalidInputError

GUNICORN = "gunicorn==23.0 --hash=sha256:" + "0" * 64 + "\n"
FLASK = "app = Flask(__name__)\n"


def found(root: Path, files: dict[str, str], stack: str | None = None) -> Candidate:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    tree, candidates = detection.candidates(root)
    return detection.best(tree, candidates, stack)


def written(candidate: Candidate) -> dict[str, Any]:
    text = draft.write(candidate, "project").text
    spec.parse(text.encode())
    return tomllib.loads(text)


def package(**said: object) -> str:
    return json.dumps(said)


def test_pages_and_data_that_python_reads_are_shipped(tmp_path: Path) -> None:
    files = {"requirements.txt": GUNICORN, "app.py": f"{FLASK}open('prices/today.json')\n"}
    others = dict.fromkeys(("templates/a.html", "static/a.css", "prices/x", "notes/a.md"), "")
    said = written(found(tmp_path, {**files, **others}))
    assert said["app"]["source"] == ["app.py", "templates", "static", "prices"]


def test_data_that_node_reads_is_shipped(tmp_path: Path) -> None:
    files = {
        "package.json": package(main="server.js"),
        "server.js": "require('./data/a.json'); load(join(__dirname, 'proto'))\n",
        "package-lock.json": "{}",
    }
    others = dict.fromkeys(("data/a.json", "proto/a.proto", "notes/a.md"), "")
    said = written(found(tmp_path, {**files, **others}))
    assert said["app"]["source"] == ["package.json", "server.js", "data", "proto"]


def test_a_package_with_an_unlikely_name(tmp_path: Path) -> None:
    files = {"requirements.txt": GUNICORN, "example/__init__.py": "", "example/wsgi.py": ""}
    manage = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'example.settings')\n"
    candidate = found(tmp_path, {**files, "manage.py": manage, "tests/__init__.py": ""})
    assert candidate.source == ("example", "manage.py")


@pytest.mark.parametrize("start", ["/code/start.sh", "/app/bin/start", "/usr/local/bin/uwsgi"])
def test_a_dockerfiles_script_is_no_start(tmp_path: Path, start: str) -> None:
    files = {"requirements.txt": GUNICORN, "x/a.py": "", "Dockerfile": f'CMD ["{start}"]\n'}
    assert found(tmp_path, files).entrypoint == ()


def test_a_dockerfiles_manager_is_not_started(tmp_path: Path) -> None:
    text = 'CMD ["uv", "run", "celery", "-A", "x.a", "worker"]\n'
    files = {"requirements.txt": GUNICORN, "x/a.py": "", "Dockerfile": text}
    words = ("/usr/bin/python3", "-m", "celery", "-A", "x.a", "worker")
    assert found(tmp_path, files).entrypoint == words


def test_an_old_site_of_hugo(tmp_path: Path) -> None:
    assert (
        found(tmp_path, {"config.toml": "", "content/a.md": "", "themes/a": ""}).stack == "static"
    )


def test_where_nothing_starts_the_folders_below_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "go.mod").write_text("module api\n")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'top'\n")
    assert main(["init", str(tmp_path)]) == 2
    assert f"imgforge init {tmp_path / 'api'}: go" in capsys.readouterr().err


def test_what_a_dockerfiles_script_starts_in_the_end(tmp_path: Path) -> None:
    text = 'ENTRYPOINT ["/app/docker-entrypoint.sh"]\nCMD ["gunicorn", "x.a:app"]\n'
    files = {"requirements.txt": GUNICORN, "x/a.py": "", "Dockerfile": text}
    assert found(tmp_path, files).entrypoint == ("/usr/bin/python3", "-m", "gunicorn", "x.a:app")


POETRY = """\
[tool.poetry]
name = "tally"
version = "1.2"
license = "MIT"
[tool.poetry.dependencies]
python = "^3.11"
gunicorn = "*"
[tool.poetry.scripts]
tally = "tally.main:run"
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
"""


def test_a_poetry_project_says_who_it_is(tmp_path: Path) -> None:
    files = {"pyproject.toml": POETRY, "poetry.lock": "", "tally/main.py": ""}
    candidate = found(tmp_path, files)
    said = written(candidate)
    assert said["image"] == {"name": "tally", "version": "1.2", "licenses": "MIT"}
    assert candidate.wanted == "^3.11"
    assert said["app"]["lock"] == "poetry.lock"
    assert said["stack"]["parameters"] == {"script": "tally = tally.main:run"}
    assert any("project = true" in doubt for doubt in candidate.doubts)


def test_a_poetry_project_with_its_build_lock_is_installed(tmp_path: Path) -> None:
    files = {"pyproject.toml": POETRY, "poetry.lock": "", "tally/main.py": ""}
    said = written(found(tmp_path, {**files, "build-requirements.txt": GUNICORN}))
    assert said["stack"]["parameters"] == {"project": True}
    assert said["app"]["entrypoint"] == ["/app/bin/tally"]


def test_a_poetry_project_that_is_no_package_is_copied(tmp_path: Path) -> None:
    text = POETRY.replace("[tool.poetry]", "[tool.poetry]\npackage-mode = false", 1)
    files = {"pyproject.toml": text, "poetry.lock": "", "tally/main.py": ""}
    candidate = found(tmp_path, {**files, "build-requirements.txt": GUNICORN})
    assert written(candidate)["stack"]["parameters"] == {"script": "tally = tally.main:run"}
    assert not any("project = true" in doubt for doubt in candidate.doubts)


def test_poetrys_requirements_are_read(tmp_path: Path) -> None:
    text = POETRY.partition("[tool.poetry.scripts]")[0]
    files = {"pyproject.toml": text, "poetry.lock": "", "app.py": FLASK}
    assert "gunicorn" in found(tmp_path, files).entrypoint


def test_django_without_a_server_is_told(tmp_path: Path) -> None:
    files = {"requirements.txt": GUNICORN.replace("gunicorn", "django"), "manage.py": ""}
    candidate = found(tmp_path, {**files, "shop/wsgi.py": ""})
    assert any("gunicorn" in doubt for doubt in candidate.doubts)


@pytest.mark.parametrize(
    ("needs", "more", "root", "fallback"),
    [
        ("vite", {}, "dist", "index"),
        ("vite", {"vite.config.ts": "build: { outDir: 'out/www' }"}, "out/www", "index"),
        ("react-scripts", {}, "build", "index"),
        ("astro", {}, "dist", None),
        ("@angular/cli", {"angular.json": '"outputPath": "dist/shop"'}, "dist/shop", "index"),
    ],
)
def test_pages_of_nodes_tools_are_made_and_served(
    tmp_path: Path, needs: str, more: dict[str, str], root: str, fallback: str | None
) -> None:
    scripts = {"build": "make", "start": "make --serve"}
    manifest = package(scripts=scripts, devDependencies={needs: "1"})
    files = {"package.json": manifest, "yarn.lock": "", "index.html": "", "src/a.ts": ""}
    candidate = found(tmp_path, {**files, **more})
    said = written(candidate)
    assert said["stack"]["name"] == "static"
    assert said["app"]["source"] == [root]
    assert said["stack"]["parameters"].get("root", "public") == root
    assert said["stack"]["parameters"].get("fallback") == fallback
    assert f"yarn install && yarn build; they come to {root}" in candidate.doubts[0]


def test_a_server_whose_pages_vite_makes_is_a_server(tmp_path: Path) -> None:
    manifest = package(
        scripts={"build": "vite build", "start": "node server.js"},
        dependencies={"express": "5"},
        devDependencies={"vite": "7"},
    )
    files = {"package.json": manifest, "package-lock.json": "{}", "server.js": ""}
    assert found(tmp_path, files).stack == "node"


@pytest.mark.parametrize(
    ("settings", "root"),
    [("hugo.toml", "public"), ("_config.yml", "_site"), ("mkdocs.yml", "site")],
)
def test_generators_of_sites(tmp_path: Path, settings: str, root: str) -> None:
    said = written(found(tmp_path, {settings: "", "content/a.md": ""}))
    assert said["stack"]["name"] == "static"
    assert said["app"]["source"] == [root]


@pytest.mark.parametrize(
    ("said", "dockerfile", "lock"),
    [
        ({"packageManager": "pnpm@9.1.0"}, "RUN yarn install\n", "pnpm-lock.yaml"),
        ({}, "RUN corepack enable && yarn install\n", "yarn.lock"),
        ({}, "", "package-lock.json"),
    ],
)
def test_which_of_several_locks(
    tmp_path: Path, said: dict[str, str], dockerfile: str, lock: str
) -> None:
    names = ("package-lock.json", "pnpm-lock.yaml", "yarn.lock")
    files = {"package.json": package(**said), "index.js": "", "Dockerfile": dockerfile}
    candidate = found(tmp_path, {**files, **dict.fromkeys(names, "")})
    assert candidate.locks[0] == lock
    assert any(f"{lock} was taken" in doubt for doubt in candidate.doubts)


@pytest.mark.parametrize(
    ("scripts", "main"),
    [
        ({"start": "nest start", "start:prod": "node dist/main", "build": "b"}, "/app/dist/main"),
        ({"start": "nodemon src/a.js"}, "/app/src/a.js"),
    ],
)
def test_how_node_starts_for_good(tmp_path: Path, scripts: dict[str, str], main: str) -> None:
    files = {"package.json": package(scripts=scripts, main="gone.js"), "package-lock.json": "{}"}
    assert found(tmp_path, files).entrypoint == ("/nodejs/bin/node", main)


def test_a_main_that_is_not_there_starts_nothing(tmp_path: Path) -> None:
    files = {"package.json": package(main="gone.js"), "package-lock.json": "{}", "src/a.js": ""}
    assert found(tmp_path, files).entrypoint == ()


def test_the_dockerfiles_base_decides_between_equals(tmp_path: Path) -> None:
    files = {
        "requirements.txt": GUNICORN,
        "main.py": "",
        "package.json": package(main="index.js"),
        "package-lock.json": "{}",
        "index.js": "",
    }
    with pytest.raises(InvalidInputError, match="fit equally well"):
        found(tmp_path, files)
    text = "FROM node:24 AS assets\nFROM python:3.13 AS base\nFROM base\nCOPY . .\n"
    candidate = found(tmp_path, {"Dockerfile": text})
    assert candidate.stack == "python"
    assert candidate.evidence[-1].says == "FROM python:3.13"


def test_puma_with_settings_at_the_top(tmp_path: Path) -> None:
    files = {"Gemfile": "", "Gemfile.lock": "GEM\n    puma (6)\n", "config.ru": ""}
    candidate = found(tmp_path, {**files, "puma.rb": "port 9876\n"})
    assert candidate.entrypoint[-3:] == ("/opt/deps/bin/puma", "-C", "/app/puma.rb")
    assert candidate.ports == (9876,)


def test_a_port_that_is_exposed_twice_is_one(tmp_path: Path) -> None:
    files = {"Cargo.toml": '[package]\nname="a"\n', "src/main.rs": ""}
    assert found(tmp_path, {**files, "Dockerfile": "EXPOSE 8000\nEXPOSE 8000\n"}).ports == (8000,)
