from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from imgforge import project
from imgforge.errors import InvalidInputError
from imgforge.inventory.declared import Declared, of_project
from imgforge.lock import Lock
from imgforge.oci.types import Platform

AMD64 = Platform("linux", "amd64")
GO = "module example.test/demo\nrequire example.test/one v1.0.0\n"
YARN = "b@1:\n  version 1.0.0\n"
Make = Callable[..., project.Project]


def declared(found: project.Project, *ecosystems: str, lock: Lock | None = None) -> Declared:
    return of_project(
        *(found.plan(), lock or found.read_lock(), found.root, AMD64),
        ecosystems=ecosystems,
        layers=("sha256:0",),
    )


def test_what_the_stack_installs_and_where(make_project: Make) -> None:
    found = declared(make_project(**{"requirements.txt": "a==1\n"}))
    (install,) = found.installs
    assert install.place == "opt/deps"
    assert [entry.key for entry in install.locked.entries] == ["a@1"]
    assert found.places[0] == "opt/deps"
    assert found.own == ("app", "app/web")  # bytecode was made of it, without network
    assert found.layers == ("sha256:0",)


def test_a_stage_that_needs_run_installs_from_the_same_lock(make_project: Make) -> None:
    made = make_project(**{"requirements.txt": "a==1\n"})
    plan = made.plan()
    stages = tuple(dataclasses.replace(stage, fill=None) for stage in plan.stages)
    plan = dataclasses.replace(plan, stages=stages)
    found = of_project(plan, made.read_lock(), made.root, AMD64)
    assert [i.locked.path for i in found.installs] == ["requirements.txt"]


def test_other_locks_are_read_if_the_image_has_what_they_list(make_project: Make) -> None:
    made = make_project(
        **{"go.mod": GO, "web/yarn.lock": YARN, "web/.venv/uv.lock": "", "poetry.lock": "a = = 1\n"}
    )
    assert declared(made).beside == ()
    found = declared(made, "golang", "npm").beside
    assert [locked.path for locked in found] == ["go.mod", "web/yarn.lock"]
    with pytest.raises(InvalidInputError, match=r"^poetry\.lock:1: "):
        declared(made, "pypi")


def test_what_is_kept_out_of_the_context_says_nothing(make_project: Make) -> None:
    made = make_project(**{"web/yarn.lock": YARN})
    plan = dataclasses.replace(made.plan(), exclude=("**/yarn.lock",))
    args = (made.read_lock(), made.root, AMD64)
    assert of_project(plan, *args, ecosystems=["npm"]).beside == ()


def test_bases_of_the_lock(make_project: Make) -> None:
    made = make_project()
    lock = made.read_lock()
    found = declared(made)
    names = [p.name for layer in lock.runtime.on(AMD64).layers for p in layer.packages]
    assert [entry.name for entry in found.base.entries] == names
    assert found.base_name == lock.runtime.name
    assert found.builder is not None
    without = of_project(made.plan(), lock, made.root, AMD64, builder=False)
    assert without.builder is None
    assert without.tools == {}
    # Of a registry's base the lock lists nothing.
    platforms = tuple(dataclasses.replace(p, layers=()) for p in lock.runtime.platforms)
    pulled = dataclasses.replace(lock.runtime, source="registry", platforms=platforms)
    assert declared(made, lock=dataclasses.replace(lock, runtime=pulled)).base.entries == ()


def test_python_is_known_from_the_stack_or_the_base(make_project: Make) -> None:
    made = make_project()
    assert declared(made).target == (AMD64, "3.13")
    lock, plan = made.read_lock(), made.plan()
    stages = tuple(dataclasses.replace(stage, fill=None) for stage in plan.stages)
    plan = dataclasses.replace(plan, stages=stages)
    for abi, python in (("debian12 python3.11", "3.11"), ("debian13", "")):
        runtime = dataclasses.replace(lock.runtime, abi=abi)
        other = dataclasses.replace(lock, runtime=runtime)
        assert of_project(plan, other, made.root, AMD64).target == (AMD64, python)


WORKSPACE = """\
version = 1
[[package]]
name = "all"
source = { virtual = "." }
dependencies = [{ name = "queue" }]
[package.metadata]
requires-dist = [{ name = "queue" }]
[[package]]
name = "api"
version = "2"
source = { editable = "libs/api" }
dependencies = [{ name = "common" }]
[package.metadata]
requires-dist = [{ name = "common", directory = "libs/common" }]
[[package]]
name = "common"
version = "3"
source = { directory = "libs/common" }
dependencies = [{ name = "web" }]
[package.metadata]
requires-dist = [{ name = "web" }]
""" + "".join(
    f"""\
[[package]]
name = "{name}"
version = "1"
source = {{ registry = "https://pypi.org/simple" }}
sdist = {{ hash = "sha256:{"a" * 64}" }}
"""
    for name in ("queue", "web")
)
MEMBER = """\
[build-system]
requires = ["hatchling"]
[project]
name = "NAME"
VERSION
dependencies = ["NEEDS"]
"""


def test_members_of_a_workspace_are_declared_where_their_wheels_go(make_project: Make) -> None:
    spec = """\
[image]
name = "x"
[stack]
name = "python"
parameters = { project = true, member = "api", members = ["libs/common"] }
[app]
source = ["libs/api"]
lock = "uv.lock"
entrypoint = ["/app/bin/api"]
"""
    api = MEMBER.replace("NAME", "api").replace("NEEDS", "common")
    common = MEMBER.replace("NAME", "common").replace("NEEDS", "web")
    made = make_project(
        spec,
        **{
            "uv.lock": WORKSPACE,
            "pyproject.toml": '[project]\nname = "all"\nversion = "1"\ndependencies = ["queue"]\n',
            "libs/api/pyproject.toml": api.replace("VERSION", 'version = "2"'),
            "libs/common/pyproject.toml": common.replace("VERSION", 'dynamic = ["version"]'),
        },
    )
    found = declared(made)
    installs = {install.place: install.locked for install in found.installs}
    assert list(installs) == ["opt/deps", "opt/members", "app"]
    assert [entry.key for entry in installs["opt/members"].entries] == ["common@3"]
    assert [entry.line for entry in installs["opt/members"].entries] == [15]
    assert installs["opt/members"].path == "uv.lock"
    assert [entry.key for entry in installs["app"].entries] == ["api@2"]
    assert installs["app"].path == "libs/api/pyproject.toml"
    scopes = {entry.name: entry.scope for entry in installs["opt/deps"].entries}
    assert scopes == {"queue": "optional", "web": "required"}
