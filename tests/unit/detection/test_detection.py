"""What projects are recognised as, and what their specs say."""

from __future__ import annotations

import json
import os
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imgforge import detection, spec
from imgforge.detection import draft
from imgforge.detection.candidate import Candidate
from imgforge.errors import InvalidInputError

GUNICORN = "gunicorn==23.0 --hash=sha256:" + "0" * 64 + "\n"
FLASK = "app = Flask(__name__)\n"


def made(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def found(root: Path, files: Mapping[str, str]) -> Candidate:
    tree, candidates = detection.candidates(made(root, files))
    return detection.best(tree, candidates, None)


def written(candidate: Candidate) -> dict[str, Any]:
    text = draft.write(candidate, "project").text
    spec.parse(text.encode())
    return tomllib.loads(text)


def test_a_python_package_that_runs(tmp_path: Path) -> None:
    candidate = found(
        tmp_path,
        {
            "pyproject.toml": '[project]\nname = "Acme_Web"\nversion = "1.2"\n'
            'requires-python = ">=3.11"\n',
            "requirements.txt": GUNICORN,
            "web/__init__.py": "",
            "web/__main__.py": 'port = int(os.environ.get("PORT", "9000"))',
            "tests/test_web.py": "",
        },
    )
    said = written(candidate)
    assert said["image"] == {"name": "acme-web", "version": "1.2"}
    assert said["stack"]["name"] == "python"
    assert said["app"] == {
        "source": ["web"],
        "lock": "requirements.txt",
        "entrypoint": ["/usr/bin/python3", "-m", "web"],
        "ports": [9000],
    }


@pytest.mark.parametrize(
    ("files", "entrypoint"),
    [
        ({"Procfile": "web: gunicorn --bind :8080 a:b\n"}, "-m gunicorn --bind :8080 a:b"),
        ({"app.py": "app = Flask(__name__)\n"}, "-m gunicorn --bind 0.0.0.0:8080 app:app"),
        ({"manage.py": "", "site1/wsgi.py": ""}, "-m gunicorn --bind 0.0.0.0:8080 site1.wsgi"),
        ({"main.py": "print(1)\n"}, "/app/main.py"),
        ({"Dockerfile": 'FROM x\nCMD ["python", "go.py"]\n', "go.py": ""}, "go.py"),
    ],
)  # fmt: skip
def test_how_python_starts(tmp_path: Path, files: Mapping[str, str], entrypoint: str) -> None:
    candidate = found(tmp_path, {"requirements.txt": GUNICORN, **files})
    assert candidate.entrypoint == ("/usr/bin/python3", *entrypoint.split())


@pytest.mark.parametrize("table", ["project.scripts", "tool.poetry.scripts"])
def test_console_script_is_named_as_the_project_does(tmp_path: Path, table: str) -> None:
    project = f'[project]\nname = "x"\n[{table}]\nx = "x.cli:main"\n'
    candidate = found(tmp_path, {"pyproject.toml": project, "requirements.txt": GUNICORN})
    assert candidate.parameters == {"script": "x = x.cli:main"}


def test_several_console_scripts_are_listed(tmp_path: Path) -> None:
    project = '[project.scripts]\na = "x:a"\nb = "x:b"\n'
    candidate = found(tmp_path, {"pyproject.toml": project, "requirements.txt": GUNICORN})
    assert candidate.parameters == {}
    assert any("a, b" in doubt for doubt in candidate.doubts)


def test_procfile_that_needs_a_shell_is_a_doubt(tmp_path: Path) -> None:
    files = {"requirements.txt": GUNICORN, "Procfile": "web: gunicorn a:b --bind 0.0.0.0:$PORT\n"}
    candidate = found(tmp_path, files)
    assert candidate.entrypoint == ()
    assert any("needs a shell" in doubt for doubt in candidate.doubts)


def test_version_that_is_not_offered_is_a_doubt(tmp_path: Path) -> None:
    files = {"requirements.txt": GUNICORN, "main.py": "", ".python-version": "3.7.1\n"}
    made_draft = draft.write(found(tmp_path, files), "x")
    assert any(".python-version asks for 3.7.1" in doubt for doubt in made_draft.doubts)


def test_requirements_without_hashes_are_a_doubt(tmp_path: Path) -> None:
    candidate = found(tmp_path, {"requirements.txt": "flask\n", "main.py": ""})
    assert any("pins no hashes" in doubt for doubt in candidate.doubts)


def test_library_that_a_requirement_needs_is_named_and_doubted(tmp_path: Path) -> None:
    candidate = found(tmp_path, {"requirements.txt": "psycopg2==2.9\n", "main.py": ""})
    assert candidate.packages == ("libpq5",)
    assert any("libpq5" in doubt for doubt in candidate.doubts)


@pytest.mark.parametrize(
    ("package", "entrypoint"),
    [
        ({"scripts": {"start": "node server/main.js --port 80"}}, "/app/server/main.js --port 80"),
        ({"scripts": {"start": "node --test ./a.js"}}, "--test /app/a.js"),
        ({"main": "./lib/index.js"}, "/app/lib/index.js"),
    ],
)  # fmt: skip
def test_how_node_starts(tmp_path: Path, package: dict[str, Any], entrypoint: str) -> None:
    files = {"package.json": json.dumps(package), "package-lock.json": "{}", "lib/index.js": ""}
    candidate = found(tmp_path, files)
    assert candidate.stack == "node"
    assert candidate.locks == ("package-lock.json",)
    assert candidate.entrypoint == ("/nodejs/bin/node", *entrypoint.split())


@pytest.mark.parametrize("start", ["npm run x", "node a.js && true", "node ../a.js", "next start"])
def test_start_script_that_is_no_plain_program_is_a_doubt(tmp_path: Path, start: str) -> None:
    candidate = found(tmp_path, {"package.json": json.dumps({"scripts": {"start": start}})})
    assert candidate.entrypoint == ()
    assert any(start in doubt for doubt in candidate.doubts)


def test_go_program(tmp_path: Path) -> None:
    candidate = found(
        tmp_path,
        {
            "go.mod": "module x.com/acme/shop/v2\n\ngo 1.22\n\nrequire (\n\tx.io/y v1.0.0\n)\n",
            "go.sum": "",
            "cmd/shopd/main.go": "package main\n",
            "store/store.go": "package store\n",
        },
    )
    assert (candidate.stack, candidate.name, candidate.wanted) == ("go", "shop", ">=1.22")
    assert candidate.parameters == {"package": "./cmd/shopd", "binary": "shopd"}
    assert candidate.source == ("go.mod", "go.sum", "cmd", "store")


def test_several_go_programs_are_listed(tmp_path: Path) -> None:
    files = {"go.mod": "module a\n", "cmd/a/a.go": "package main\n", "cmd/b/b.go": "package main\n"}
    candidate = found(tmp_path, files)
    assert any("./cmd/a, ./cmd/b" in doubt for doubt in candidate.doubts)


def test_rust_program(tmp_path: Path) -> None:
    manifest = '[package]\nname = "tally"\nversion = "0.3.0"\nrust-version = "1.70"\n'
    lock = '[[package]]\nname = "x"\nsource = "registry+https://x"\n'
    candidate = found(
        tmp_path, {"Cargo.toml": manifest, "Cargo.lock": lock, "src/main.rs": "fn main() {}"}
    )
    assert (candidate.stack, candidate.name, candidate.version) == ("rust", "tally", "0.3.0")
    assert candidate.parameters == {"binary": "tally"}


def test_java_project_is_named_by_its_own_artifact(tmp_path: Path) -> None:
    pom = (
        "<project><parent><artifactId>parent</artifactId></parent><artifactId>shop</artifactId>"
        "<version>2.1</version><properties><maven.compiler.release>21</maven.compiler.release>"
        "</properties><dependencies><artifactId>dep</artifactId></dependencies></project>"
    )
    candidate = found(tmp_path, {"pom.xml": pom, "src/main/java/A.java": ""})
    assert (candidate.stack, candidate.name, candidate.version) == ("java", "shop", "2.1")
    assert candidate.wanted == ">=21"
    assert candidate.source == ("pom.xml", "src")


@pytest.mark.parametrize(("inside", "build"), [("com/x", "jar"), ("BOOT-INF/layers.idx", "layers")])
def test_ready_jar(tmp_path: Path, inside: str, build: str) -> None:
    with zipfile.ZipFile(tmp_path / "shop.jar", "w") as jar:
        jar.writestr(inside, "")
    candidate = found(tmp_path, {"README.md": ""})
    assert candidate.parameters == {"build": build, "jar": "shop.jar"}
    assert candidate.source == ("shop.jar",)


def test_gradle_is_built_of_its_source(tmp_path: Path) -> None:
    properties = f"distributionSha256Sum={'a' * 64}\n"
    files = {
        "settings.gradle.kts": 'rootProject.name = "x"\ninclude(":core", ":app")\n',
        "build.gradle.kts": "",
        "gradle.sha256": "",
        "gradle/wrapper/gradle-wrapper.properties": properties,
        "app/src/main/java/A.java": "",
        "core/src/main/java/B.java": "",
    }
    candidate = found(tmp_path, files)
    assert candidate.parameters == {"build": "gradle"}
    assert candidate.locks == ("gradle.sha256",)
    assert candidate.source == ("build.gradle.kts", "settings.gradle.kts", "gradle", "app", "core")
    (doubt,) = candidate.doubts
    assert "several Gradle modules" in doubt


@pytest.mark.parametrize(
    ("files", "doubt"),
    [
        ({}, "no Gradle wrapper"),
        ({"gradle/wrapper/gradle-wrapper.properties": "a=b\n"}, "no distributionSha256Sum"),
    ],
)
def test_gradle_without_a_proven_wrapper_is_a_doubt(
    tmp_path: Path, files: Mapping[str, str], doubt: str
) -> None:
    project = {"build.gradle": "", "src/main/java/A.java": "", **files}
    candidate = found(tmp_path, project)
    assert any(doubt in said for said in candidate.doubts)
    drafted = draft.write(candidate, "project")
    assert tomllib.loads(drafted.text)["app"]["lock"] == "gradle.sha256"
    assert any("make gradle.sha256 with" in said for said in drafted.doubts)


def test_ruby_service_on_puma_from_its_lock(tmp_path: Path) -> None:
    lock = "GEM\n  specs:\n    pg (1.5.9)\n    puma (6.6.0)\n\nCHECKSUMS\n  puma (6.6.0)\n"
    gemfile = 'ruby "3.3.1"\ngem "puma"\ngem "own", path: "gems/own"\n'
    files = {"Gemfile": gemfile, "Gemfile.lock": lock, "config.ru": "", "config/puma.rb": ""}
    said = written(found(tmp_path, {**files, "gems/own/own.gemspec": ""}))
    assert said["stack"] == {
        "name": "ruby",
        "version": "3.3",
        "packages": ["libpq5"],
        "parameters": {"local-gems": ["gems/own"]},
    }
    puma = ["/usr/bin/ruby", "/opt/deps/bin/puma", "-C", "/app/config/puma.rb"]
    assert said["app"]["entrypoint"] == puma
    assert said["app"]["source"] == ["config", "config.ru", "gems/own"]


def test_bundle_exec_is_not_needed(tmp_path: Path) -> None:
    candidate = found(tmp_path, {"Gemfile": "", "Procfile": "worker: bundle exec sidekiq -c 5\n"})
    assert candidate.entrypoint == ("/usr/bin/ruby", "/opt/deps/bin/sidekiq", "-c", "5")


def test_php_page_and_extensions(tmp_path: Path) -> None:
    package = {
        "name": "acme/shop",
        "require": {"php": "^8.2", "ext-pdo_pgsql": "*", "ext-json": "*"},
        "repositories": [{"type": "path", "url": "./packages/*"}],
        "autoload": {"psr-4": {"A\\": "code/"}},
    }
    files = {"composer.json": json.dumps(package), "composer.lock": "{}", "public/index.php": ""}
    said = written(found(tmp_path, {**files, "code/A.php": ""}))
    assert said["image"]["name"] == "acme/shop"
    assert said["stack"] == {
        "name": "php",
        "version": "8.4",
        "packages": ["php8.4-pgsql"],
        "parameters": {"local-packages": ["packages"]},
    }
    assert said["app"] == {"source": ["public", "code"], "lock": "composer.lock"}


def test_php_command(tmp_path: Path) -> None:
    candidate = found(tmp_path, {"composer.json": "{}", "bin/report": "<?php\n"})
    assert candidate.entrypoint == ("/usr/bin/php", "/app/bin/report")
    assert candidate.parameters == {"server": "cli"}


def test_ready_program(tmp_path: Path) -> None:
    (tmp_path / "server").write_bytes(b"\x7fELF" + b"\0" * 60)
    (tmp_path / "server").chmod(0o755)
    said = written(found(tmp_path, {"README.md": ""}))
    assert said["stack"]["name"] == "binary"
    assert said["app"] == {"source": ["server"], "entrypoint": ["/app/server"]}


def test_static_site(tmp_path: Path) -> None:
    candidate = found(tmp_path, {"public/index.html": "<p>", "README.md": ""})
    assert (candidate.stack, candidate.source) == ("static", ("public",))


def test_equal_candidates_are_never_guessed_among(tmp_path: Path) -> None:
    files = {
        "main.py": "",
        "requirements.txt": GUNICORN,
        "package.json": '{"main": "index.js"}',
        "package-lock.json": "{}",
        "index.js": "",
    }
    tree, candidates = detection.candidates(made(tmp_path, files))
    with pytest.raises(InvalidInputError, match="2 stacks fit equally well") as caught:
        detection.best(tree, candidates, None)
    assert "--stack" in (caught.value.hint or "")
    assert [d.partition(":")[0] for d in caught.value.details] == ["python", "node"]
    assert detection.best(tree, candidates, "node").stack == "node"


def test_assets_of_a_service_do_not_make_it_a_node_project(tmp_path: Path) -> None:
    files = {
        "Gemfile": "", "Gemfile.lock": "GEM\n", "config.ru": "",
        "package.json": '{"scripts": {"build": "vite build"}}',
    }  # fmt: skip
    assert found(tmp_path, files).stack == "ruby"


def test_projects_in_other_folders_are_named(tmp_path: Path) -> None:
    files = {"services/api/go.mod": "module a\n", "web/package.json": "{}", "README.md": ""}
    tree, candidates = detection.candidates(made(tmp_path, files))
    with pytest.raises(InvalidInputError, match="nothing that a stack") as caught:
        detection.best(tree, candidates, None)
    assert caught.value.details == (
        f"imgforge init {tmp_path}/services/api: go",
        f"imgforge init {tmp_path}/web: node",
    )


def test_unknown_start_is_an_error_that_says_how_to_say_it(tmp_path: Path) -> None:
    candidate = found(tmp_path, {"requirements.txt": GUNICORN, "pkg/__init__.py": ""})
    with pytest.raises(InvalidInputError, match="how the program is started") as caught:
        draft.write(candidate, "x")
    assert "--entrypoint" in (caught.value.hint or "")


def test_folders_of_others_are_not_entered(tmp_path: Path) -> None:
    files = {"node_modules/a/package.json": "{}", ".git/config": "", "app/main.go": ""}
    tree, _ = detection.candidates(made(tmp_path, files))
    assert set(tree.folders) == {"", "app"}


def test_a_look_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgforge.detection.tree.MAX_ENTRIES", 3)
    tree, _ = detection.candidates(made(tmp_path, {f"d{i}/f/x.py": "" for i in range(5)}))
    assert not tree.whole
    assert len(tree.folders) == 1


@pytest.mark.parametrize("name", ["package.json", "composer.json", "pyproject.toml", "Cargo.toml"])
@pytest.mark.parametrize("text", ["[" * 5000, "\udcff", "{]"])
def test_broken_manifests_are_told_of(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    tree, _ = detection.candidates(tmp_path)
    assert tree.unreadable
    assert all(line.startswith(f"{name}: ") for line in tree.unreadable)


def test_links_pipes_and_large_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "package.json").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "Procfile")
    made(tmp_path, {"requirements.txt": "x" * (1 << 20) + "y", "main.py": ""})
    tree, candidates = detection.candidates(tmp_path)
    assert [c.stack for c in candidates] == ["python"]
    assert tree.unreadable == ["requirements.txt: over 1 MiB"]


@pytest.mark.parametrize(
    ("needs", "shape"),
    [
        ({"dependencies": {"express": "^4"}, "devDependencies": {"typescript": "^5"}}, "compile"),
        ({"dependencies": {"express": "^4"}, "devDependencies": {"esbuild": "^1"}}, "bundle"),
        ({"devDependencies": {"typescript": "^5"}}, "bundle"),
    ],
)
def test_what_a_compiler_makes_still_needs_its_packages(
    tmp_path: Path, needs: dict[str, Any], shape: str
) -> None:
    scripts = {"build": "tsc", "start": "node dist/index.js"}
    files = {"package.json": json.dumps({"scripts": scripts, **needs}), "src/index.ts": ""}
    assert found(tmp_path, files).parameters == {"build": shape}


@pytest.mark.parametrize(
    ("files", "port"),
    [
        ({"requirements.txt": GUNICORN, "Procfile": "web: gunicorn --bind :5000 a:b\n"}, 5000),
        ({"requirements.txt": GUNICORN, "Procfile": "web: gunicorn -b 0.0.0.0:5001 a:b\n"}, 5001),
        ({"requirements.txt": GUNICORN, "app.py": "app = Flask(__name__)\n"}, 8080),
        ({"Gemfile": "", "config.ru": "", "config/puma.rb": "port 3000\n"}, 3000),
        ({"Gemfile": "", "config.ru": ""}, 8080),
        ({"go.mod": "module x.y/z\n", "Dockerfile": "FROM a\nEXPOSE 9000\n"}, 9000),
    ],
)  # fmt: skip
def test_a_port_is_the_one_that_the_program_listens_on(
    tmp_path: Path, files: Mapping[str, str], port: int
) -> None:
    assert found(tmp_path, files).ports == (port,)


def test_a_lock_that_must_be_made_is_a_doubt_and_no_error(tmp_path: Path) -> None:
    pom = "<project><artifactId>demo</artifactId></project>"
    made_ = draft.write(found(tmp_path, {"pom.xml": pom, "src/A.java": ""}), "project")
    assert tomllib.loads(made_.text)["app"]["lock"] == "maven.sha256"
    assert any("make maven.sha256 with" in doubt for doubt in made_.doubts)


def test_an_empty_lock_needs_no_hashes(tmp_path: Path) -> None:
    files = {"requirements.txt": "# nothing\n", "web/__main__.py": ""}
    assert not found(tmp_path, files).doubts


def test_sources_without_a_manifest_are_told_what_they_lack(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="holds nothing") as caught:
        found(tmp_path, {"main.py": "print(1)"})
    assert "no requirements.txt" in caught.value.details[0]
    assert "imgforge init" in str(caught.value.hint)


_PACKAGE = {
    "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\n[project]\nname = "greet"\n'
    'version = "1"\n[project.scripts]\ngreet = "greet.main:main"\n',
    "uv.lock": "version = 1\n",
    "README.md": "",
    "src/greet/__init__.py": "",
    "src/greet/main.py": "",
}


def test_a_python_project_with_a_build_lock_is_installed_as_its_wheel(tmp_path: Path) -> None:
    said = written(found(tmp_path, {**_PACKAGE, "build-requirements.txt": GUNICORN}))
    assert said["stack"]["parameters"] == {"project": True}
    assert said["app"]["source"] == ["src", "README.md"]
    assert said["app"]["entrypoint"] == ["/app/bin/greet"]
    assert "env" not in said


def test_a_python_project_without_a_build_lock_is_copied_and_says_so(tmp_path: Path) -> None:
    candidate = found(tmp_path, _PACKAGE)
    said = written(candidate)
    assert said["stack"]["parameters"] == {"script": "greet = greet.main:main"}
    assert said["env"] == {"PYTHONPATH": "/opt/deps:/app/src"}
    assert any("project = true" in doubt for doubt in candidate.doubts)


@pytest.mark.parametrize(
    ("files", "target"),
    [
        ({"wsgi.py": "from a.b import app\n", "shop/main.py": FLASK}, "wsgi:app"),
        ({"shop/__init__.py": FLASK}, "shop:app"),
        ({"shop/main.py": FLASK}, "shop.main:app"),
        ({"src/shop/__init__.py": "", "src/shop/main.py": FLASK}, "shop.main:app"),
    ],
)  # fmt: skip
def test_an_application_in_a_package_is_served(
    tmp_path: Path, files: dict[str, str], target: str
) -> None:
    candidate = found(tmp_path, {"requirements.txt": GUNICORN, **files})
    entrypoint = written(candidate)["app"]["entrypoint"]
    assert entrypoint[1:] == ["-m", "gunicorn", "--bind", "0.0.0.0:8080", target]


def test_requirements_without_hashes_say_how_a_lock_is_made(tmp_path: Path) -> None:
    files = {"requirements.txt": "gunicorn==23.0\n", "app.py": "app = Flask(__name__)\n"}
    assert any(
        "mv requirements.txt requirements.in && uv pip compile" in doubt
        for doubt in found(tmp_path, files).doubts
    )


_MEMBER = """\
[build-system]
requires = ["hatchling"]
[project]
name = "{0}"
version = "2"
dependencies = [{1}]
"""
_WORKSPACE = {
    "pyproject.toml": '[project]\nname = "all"\nversion = "1"\ndependencies = ["api"]\n'
    '[tool.uv.workspace]\nmembers = ["packages/*"]\n',
    "uv.lock": """\
version = 1
[[package]]
name = "all"
source = { virtual = "." }
dependencies = [{ name = "api" }]
[package.metadata]
requires-dist = [{ name = "api", editable = "packages/api" }]
[[package]]
name = "api"
version = "2"
source = { editable = "packages/api" }
dependencies = [{ name = "common" }]
[package.metadata]
requires-dist = [{ name = "common", editable = "packages/common" }]
[[package]]
name = "common"
version = "2"
source = { editable = "packages/common" }
[[package]]
name = "worker"
version = "2"
source = { editable = "packages/worker" }
""",
    "packages/api/pyproject.toml": _MEMBER.format("api", '"common"')
    + '[project.scripts]\napi = "api:main"\n',
    "packages/common/pyproject.toml": _MEMBER.format("common", ""),
    "packages/worker/pyproject.toml": _MEMBER.format("worker", "")
    + '[project.scripts]\nworker = "worker:main"\n',
    "app.py": "print(1)\n",
}


def test_the_members_that_a_workspace_needs_are_built(tmp_path: Path) -> None:
    candidate = found(tmp_path, _WORKSPACE)
    said = written(candidate)
    assert said["stack"]["parameters"] == {"members": ["packages/api", "packages/common"]}
    assert said["app"]["source"] == ["app.py"]
    assert any("build-requirements.txt is made" in doubt for doubt in candidate.doubts)


def test_a_workspace_that_is_no_project_is_built_for_a_member_with_a_script(tmp_path: Path) -> None:
    root = '[tool.uv.workspace]\nmembers = ["packages/*"]\n'
    start = _WORKSPACE["uv.lock"].index('[[package]]\nname = "api"')
    lock = "version = 1\n" + _WORKSPACE["uv.lock"][start:]
    candidate = found(tmp_path, {**_WORKSPACE, "pyproject.toml": root, "uv.lock": lock})
    said = written(candidate)
    assert said["stack"]["parameters"] == {
        "project": True,
        "member": "api",
        "members": ["packages/common"],
    }
    assert said["app"]["source"] == ["packages/api"]
    assert said["app"]["entrypoint"] == ["/app/bin/api"]
    assert said["image"]["name"] == "api"
    assert any("another of the workspace: worker" in doubt for doubt in candidate.doubts)


@pytest.mark.parametrize(
    "lock",
    ["version = 9\n", "package = 3\n", "package = [1, {source = 2}, {source = {editable = 3}}]\n"],
)  # fmt: skip
def test_a_workspace_whose_lock_cannot_be_read_is_no_error(tmp_path: Path, lock: str) -> None:
    for number, root in enumerate((_WORKSPACE["pyproject.toml"], "[tool.uv.workspace]\n")):
        files = {**_WORKSPACE, "pyproject.toml": root, "uv.lock": lock}
        assert "members" not in found(tmp_path / str(number), files).parameters
