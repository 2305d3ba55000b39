from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge import context, manifests
from imgforge.errors import InvalidInputError
from imgforge.project import Project

SPEC = """\
[image]
name = "acme/web"

[stack]
name = "node"

[app]
source = ["package.json"]
lock = "package-lock.json"
entrypoint = ["/nodejs/bin/node", "/app/server.js"]
"""
Make = Callable[..., Project]


def check(project: Project) -> None:
    manifests.check(project.spec_path, project.root, project.plan().inputs)


@pytest.fixture
def files() -> dict[str, str]:
    return {"package.json": "{}", "package-lock.json": "{}"}


def test_settings_that_name_a_variable_are_fine(make_project: Make, files: dict[str, str]) -> None:
    files[".npmrc"] = "registry=https://npm.example.org/\n//npm.example.org/:_authToken=${TOKEN}\n"
    check(make_project(SPEC, **files))


@pytest.mark.parametrize(
    "line",
    [
        "//npm.example.org/:_authToken=abc",
        "_auth = dXNlcjpwYXNz",
        '//npm.example.org/:_password="cGFzcw=="',
        "  //npm.example.org/:_authToken=x${TOKEN}",
    ],
)
def test_a_credential_in_settings_is_refused(
    make_project: Make, files: dict[str, str], line: str
) -> None:
    project = make_project(SPEC, **files, **{".npmrc": f"; ours\n{line}\n"})
    with pytest.raises(InvalidInputError, match="credential") as caught:
        check(project)
    (detail,) = caught.value.details
    assert detail.startswith(".npmrc:2: _")
    assert line.rpartition("=")[2] not in detail


def test_settings_too_large_to_be_any_are_refused(
    make_project: Make, files: dict[str, str]
) -> None:
    text = ";\n" * (1 << 19) + "_auth=x\n"
    with pytest.raises(InvalidInputError, match="over 1 MiB"):
        check(make_project(SPEC, **files, **{".npmrc": text}))


def test_a_credential_for_yarn_is_refused(make_project: Make, files: dict[str, str]) -> None:
    files = {"package.json": "{}", "yarn.lock": "", ".yarnrc.yml": 'npmAuthToken: "abc"\n'}
    with pytest.raises(InvalidInputError, match="credential"):
        check(make_project(SPEC.replace("package-lock.json", "yarn.lock"), **files))


def test_a_missing_lock_is_told_with_what_makes_it(
    make_project: Make, files: dict[str, str]
) -> None:
    del files["package-lock.json"]
    with pytest.raises(InvalidInputError, match=r"package-lock\.json does not exist") as caught:
        check(make_project(SPEC, **files))
    assert "npm install --package-lock-only" in (caught.value.hint or "")


def test_settings_count_in_the_fingerprint_once_they_are_there(
    make_project: Make, files: dict[str, str]
) -> None:
    project = make_project(SPEC, **files)
    plan = project.plan()
    before = context.fingerprint(project.root, plan.inputs, plan.exclude)
    Path(project.root / ".npmrc").write_text("save-exact=true\n", encoding="utf-8")
    assert context.fingerprint(project.root, plan.inputs, plan.exclude) != before
    assert "!.npmr[c]" in context.ignore_file(plan.inputs, plan.exclude)


def test_what_is_heeded_is_never_what_a_spec_names() -> None:
    assert context.existing(Path("/nonexistent"), [context.heeded("a/.npmrc"), "b"]) == ["b"]


@pytest.mark.parametrize("folder", ["", "svc/"])
def test_a_file_that_the_stack_requires_is_demanded_before_a_build(
    make_project: Make, folder: str
) -> None:
    lock = f'lock = "{folder}go.sum"' if folder else ""
    spec = f"""\
[image]
name = "acme/web"

[stack]
name = "go"

[app]
source = ["cmd"]
{lock}
"""
    sources = {"cmd/main.go": "package main\n", f"{folder}go.sum": ""}
    with pytest.raises(InvalidInputError) as caught:
        make_project(spec, **sources)
    assert caught.value.details == (f"{folder}go.mod is not there",)
    plan = make_project(spec, **sources, **{f"{folder}go.mod": "module a\n"}).plan()
    assert f"{folder}go.mod" in plan.inputs


@pytest.mark.parametrize(
    ("stack", "manifest", "lock"),
    [("php", "composer.json", "composer.lock"), ("ruby", "Gemfile", "Gemfile.lock")],
)
def test_a_manifest_without_a_lock_is_told_how_one_is_made(
    make_project: Make, stack: str, manifest: str, lock: str
) -> None:
    spec = f"""\
[image]
name = "acme/web"

[stack]
name = "{stack}"

[app]
source = ["web"]
entrypoint = ["/usr/bin/{stack}", "/app/web/main"]
"""
    with pytest.raises(InvalidInputError, match=manifest) as caught:
        make_project(spec, **{"web/main": "", manifest: "{}"})
    assert f'lock = "{lock}"' in (caught.value.hint or "")
