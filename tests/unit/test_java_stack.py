"""The stack java: which stages and words follow from its parameters."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imgforge import spec as specs
from imgforge import stack as stacks
from imgforge.catalogs.choosing import Wanted
from imgforge.catalogs.opening import stand_in
from imgforge.choice import Choice, choose
from imgforge.compiler import compile_plan
from imgforge.errors import InvalidInputError
from imgforge.lock import Lock
from imgforge.oci.layer import MTIME
from imgforge.plan import BuildPlan
from imgforge.project import Project
from imgforge.render import render

Make = Callable[..., BuildPlan]

SPEC = """
[image]
name = "x"
[stack]
name = "java"
version = "{version}"
parameters = {{ {parameters} }}
[app]
source = ["pom.xml", "src", "app.jar"]
{lock}
"""
KINDS = [
    (version, build, jlink, data)
    for version, build, jlink, data in itertools.product(
        ("17", "21"), ("jar", "layers", "maven", "gradle"), (False, True), (False, True)
    )
]


def chosen(version: str = "21", lock: str = "", **parameters: Any) -> tuple[specs.Spec, Choice]:  # noqa: ANN401 - as in TOML
    told = ", ".join(f"{n.replace('_', '-')} = {json.dumps(v)}" for n, v in parameters.items())
    line = f'lock = "{lock}"' if lock else ""
    data = SPEC.format(version=version, parameters=told, lock=line).encode()
    spec = specs.parse(data)
    return spec, choose(stacks.load("java"), spec, data, "imgforge.toml")


@pytest.fixture(name="plan_of")
def _plan_of(tmp_path: Path, made_lock: Callable[[Project], Lock]) -> Make:
    def make(version: str = "21", **parameters: Any) -> BuildPlan:  # noqa: ANN401 - as in TOML
        build = parameters.get("build")
        lock = f"{build}.sha256" if build in {"maven", "gradle"} else ""
        spec, choice = chosen(version, lock, **parameters)
        stack = stacks.load("java")
        opened = stand_in(stack, Wanted("java"))
        project = Project(tmp_path, tmp_path / "imgforge.toml", b"", spec, opened, choice)
        return compile_plan(spec, stack, choice, made_lock(project))

    return make


@pytest.mark.parametrize(("version", "build", "jlink", "data"), KINDS)
def test_every_kind_can_be_planned(
    plan_of: Make,
    version: str,
    build: str,
    jlink: bool,  # noqa: FBT001 - a table
    data: bool,  # noqa: FBT001 - a table
) -> None:
    plan = plan_of(version, build=build, jlink=jlink, class_data=data)
    wanted = {
        "jar": [],
        "layers": ["application"],
        "maven": ["dependencies", "application"],
        "gradle": ["gradle", "application"],
    }[build]
    wanted += ["jlink"] * jlink + ["class-data"] * data
    assert [stage.name for stage in plan.stages] == wanted
    assert [stage.name for stage in plan.stages if stage.network] == (
        {"maven": ["dependencies"], "gradle": ["gradle"]}.get(build, [])
    )
    assert plan.runtime.entrypoint[0] == ("/opt/java/bin/java" if jlink else "/usr/bin/java")
    assert ("-XX:SharedArchiveFile=/opt/class-data/app.jsa" in plan.runtime.entrypoint) == data
    assert any(copy.origin == "context" for copy in plan.runtime.copies) == (build == "jar")
    suffix = "-bookworm" if version == "17" else ""
    assert plan.runtime.base.name == (f"cc{suffix}" if jlink else f"java-{version}")
    assert "{{" not in render(plan)


def test_a_plain_jar_needs_no_container(plan_of: Make) -> None:
    plan = plan_of(jar="target/shop-1.0.jar")
    assert plan.stages == ()
    assert plan.runtime.entrypoint[-2:] == ("-jar", "/app/target/shop-1.0.jar")


def test_the_heap_is_a_share_of_the_container_s_memory(plan_of: Make) -> None:
    assert "-XX:MaxRAMPercentage=60" in plan_of(memory=60).runtime.entrypoint


def test_rarely_changing_layers_come_first(plan_of: Make) -> None:
    copies = plan_of(build="layers").runtime.copies
    assert [c.source.strip("/").split("/")[1] for c in copies] == [
        *("dependencies", "snapshot-dependencies", "application"),
    ]


def test_maven_without_a_lock_is_told_how_to_make_it() -> None:
    with pytest.raises(InvalidInputError) as caught:
        chosen(build="maven")
    said = "\n".join(caught.value.details)
    assert "is required for stage dependencies" in said
    assert "sha256sum) > maven.sha256" in said


def test_the_lock_decides_what_the_build_without_network_sees(plan_of: Make) -> None:
    first, second = plan_of(build="maven", modules=["core", "web"], module="web").stages
    assert "sha256sum --quiet --strict --check" in first.instructions
    assert '"core/pom.xml", "/src/core/"' in first.instructions
    assert "--network=none" in second.instructions
    assert "--offline" in second.instructions
    assert "--projects web --also-make" in second.instructions


def test_gradle_runs_without_network_and_nothing_of_the_project_with_it(plan_of: Make) -> None:
    first, second = plan_of(build="gradle", module="web").stages
    assert "java /tmp/Fetch.java /src/gradle.sha256" in first.instructions
    assert "https://repo.maven.apache.org/maven2 https://plugins.gradle.org/m2" in (
        first.instructions
    )
    assert "imgforge-index-gradle" in first.instructions
    assert '"/src/src"' not in first.instructions
    assert "--network=none" in second.instructions
    assert "--offline" in second.instructions
    assert "IMGFORGE_MODULE=web" in second.instructions


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("jar", "a b.jar"),
        ("repositories", ["file:///etc"]),
        ("repositories", ["https://ada:word@example.com/maven2"]),
        ("repositories", ["https://example.com/$(id)"]),
        ("jar", "../app.jar"),
        ("jar", "x$(id).jar"),
        ("module", "a;b"),
        ("modules", ["../up"]),
        ("java_modules", ["java.sql,ALL-SYSTEM"]),
        ("class_list", "/etc/passwd"),
        ("memory", 0),
        ("memory", 100),
    ],
)
def test_no_parameter_carries_more_than_it_says(
    parameter: str,
    value: Any,  # noqa: ANN401 - as in TOML
) -> None:
    with pytest.raises(InvalidInputError):
        chosen(**{parameter: value})


def test_files_have_the_time_that_they_have_in_the_image(plan_of: Make) -> None:
    """Prepared classes are of use only to a jar of just the time that they were made with."""
    for stage in plan_of(build="layers", jlink=True, class_data=True).stages:
        assert f"touch -h -d @{MTIME} " in stage.instructions
