"""The stacks go, rust and static: what their plans say; what they do is in tests/integration."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge import stack as stacks
from imgforge.errors import InvalidInputError
from imgforge.plan import BuildPlan
from imgforge.project import Project
from imgforge.render import render

Plan = Callable[..., BuildPlan]


@pytest.fixture
def plan(make_project: Callable[..., Project]) -> Plan:
    """Return a function that plans a project of a stack: parameters (TOML) and a lock."""

    def made(
        stack: str, parameters: str = "", lock: str = "", image: str = "acme/app", more: str = ""
    ) -> BuildPlan:
        spec = f'[image]\nname = "{image}"\n[stack]\nname = "{stack}"\n'
        spec += f'[stack.parameters]\n{parameters}\n[app]\nsource = ["src"]\n'
        spec += f'lock = "{lock}"\n' if lock else ""
        files = {"src/main": "", "Cargo.toml": "", "go.mod": "", **({lock: ""} if lock else {})}
        return make_project(spec + more, **files).plan()

    return made


def names(plan: BuildPlan) -> list[str]:
    return [stage.name for stage in plan.stages]


def instructions(plan: BuildPlan, name: str) -> str:
    return next(stage.instructions for stage in plan.stages if stage.name == name)


def runs(plan: BuildPlan, name: str) -> list[str]:
    text = instructions(plan, name)
    return [part.splitlines()[0] for part in text.split("\nRUN ")[1:]]


@pytest.mark.parametrize(
    ("stack", "lock"), [("go", "go.sum"), ("rust", "Cargo.lock")], ids=["go", "rust"]
)
def test_only_dependencies_reach_the_network_and_vendored_ones_do_not(
    plan: Plan, stack: str, lock: str
) -> None:
    fetched, vendored = plan(stack, "", lock), plan(stack, "vendored = true", lock)
    assert [stage.name for stage in fetched.stages if stage.network] == ["dependencies"]
    assert names(vendored) == ["program"]
    assert all(line.startswith("--network=none") for line in runs(fetched, "program"))
    assert "--from=" not in instructions(vendored, "program")


def test_go_without_a_lock_fetches_nothing(plan: Plan) -> None:
    assert names(plan("go")) == ["program"]


def test_go_crosses_unless_it_compiles_c(plan: Plan) -> None:
    assert [s.crosses for s in plan("go", "", "go.sum").stages] == [True, True]
    cgo = plan("go", "cgo = true")
    assert [s.crosses for s in cgo.stages] == [False]
    assert (cgo.runtime.base.name, cgo.stages[0].base.name) == ("cc", "go-cgo-dev")


def test_a_static_rust_program_runs_on_the_base_static(plan: Plan) -> None:
    assert plan("rust", "", "Cargo.lock").runtime.base.name == "cc"
    static = plan("rust", "static = true", "Cargo.lock")
    assert static.runtime.base.name == "static"
    assert "+crt-static" in instructions(static, "program")


@pytest.mark.parametrize(("stack", "lock"), [("go", "go.sum"), ("rust", "Cargo.lock")])
def test_what_compilers_keep_is_for_one_application_alone(
    plan: Plan, stack: str, lock: str
) -> None:
    def kept(image: str) -> set[str]:
        words = instructions(plan(stack, "", lock, image), "program").split("target=")[1:]
        return {word.split(",")[0] for word in words if word.startswith("/var/cache")}

    one, same, other = kept("acme/one"), kept("acme/one"), kept("acme/other")
    assert one == same
    assert one.isdisjoint(other)
    assert one


@pytest.mark.parametrize(
    ("stack", "parameter"),
    [
        ("go", 'package = "./cmd/$(id)"'),
        ("go", 'package = "github.com/acme/other"'),
        ("go", 'package = "-o"'),
        ("go", "variables = [\"main.version='1 -extldflags=x'\"]"),
        ("go", 'tags = ["a,b c"]'),
        ("go", 'assets = ["../secret", "-R"]'),
        ("rust", 'assets = ["a/../../etc/passwd"]'),
        ("rust", 'binary = "--help"'),
        ("rust", 'features = ["a b"]'),
        ("static", 'root = "../etc"'),
        ("static", 'root = "public; }"'),
        ("static", 'not-found = "/x; return 200"'),
        ("static", 'content-security-policy = "default-src $host"'),
        ("static", "content-security-policy = '\"; return 200; #'"),
        ("static", "headers = ['X-A: \"; deny all; #']"),
        ("static", "headers = ['X-A b']"),
        ("static", "immutable = ['/a\" 1; \"b']"),
    ],
)
def test_parameters_are_never_shell_nor_configuration(
    plan: Plan, stack: str, parameter: str
) -> None:
    lock = {"rust": "Cargo.lock"}.get(stack, "")
    with pytest.raises(InvalidInputError, match=r"imgforge\.toml"):
        plan(stack, parameter, lock)


def test_the_configuration_of_a_site_is_in_the_plan_and_the_same_in_its_step(
    plan: Plan, tmp_path: Path
) -> None:
    parameters = """\
clean-urls = true
fallback = "index"
not-found = "/404.html"
immutable = ["/assets", "/v1.2/img/"]
headers = ["Cross-Origin-Resource-Policy: same-origin"]
"""
    made = plan("static", parameters)
    (stage,) = made.stages
    assert stage.fill is not None
    text = stage.fill.parameters["nginx.conf"]
    assert "try_files $uri $uri.html $uri/ /index.html;" in text
    assert '"~^(200|206|304):/v1\\.2/img/" "public' in text
    assert 'add_header Cross-Origin-Resource-Policy "same-origin" always;' in text
    # What the step prints, printed by a shell here, is what the native engine writes.
    script = stage.instructions.split("set -eu;", 1)[1].replace("\\\n", "\n")
    script = script.replace("\n", " ").replace("/tmp/out", str(tmp_path / "out"))
    subprocess.run(["/bin/sh", "-euc", script], check=True)
    assert (tmp_path / "out" / "nginx.conf").read_text(encoding="utf-8") == text


def test_a_site_needs_run_only_to_compress(plan: Plan) -> None:
    assert [stage.needs_run for stage in plan("static").stages] == [""]
    packed = plan("static", "precompress = true")
    assert names(packed) == ["configuration", "compressed"]
    assert [bool(stage.needs_run) for stage in packed.stages] == [False, True]


def test_a_site_ends_gracefully_and_is_asked_without_a_shell(plan: Plan) -> None:
    runtime = plan("static").runtime
    assert runtime.stop_signal == "SIGQUIT"
    assert runtime.health is not None
    assert runtime.health.command[0] == "/usr/lib/nagios/plugins/check_tcp"
    text = render(plan("static"))
    line = next(n for n in text.splitlines() if n.startswith("HEALTHCHECK "))
    assert json.loads(line.partition(" CMD ")[2]) == list(runtime.health.command)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ('files = { "a" = "b.j2" }\nnative = { kind = "wheels" }', "go together"),
        ('native = { kind = "files" }', "go together"),
        ('files = { "../a" = "b.j2" }', "leaves"),
        ('files = { "a" = "b.txt" }', "not a template"),
        ("crosses = { nothing = true }", "no such parameter"),
    ],
)
def test_what_a_stage_cannot_declare(tmp_path: Path, more: str, match: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("a.Dockerfile.j2", "b.j2"):
        (folder / name).write_text("", encoding="utf-8")
    text = f"""\
name = "mine"
version = "1.0.0"
summary = "x"
default = "1"
lock = "none"
[versions.1]
runtime = "static"
builder = "slim"
[[stages]]
name = "a"
template = "a.Dockerfile.j2"
{more}
"""
    (folder / "stack.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInputError) as caught:
        stacks.read(folder, trusted=True)
    assert match in " ".join(caught.value.details)
