"""What the stack node makes of a spec; that it installs and runs is in the integration tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imgforge.errors import InvalidInputError
from imgforge.plan import BuildPlan
from imgforge.project import Project
from imgforge.render import render

Make = Callable[..., Project]
SPEC = """\
[image]
name = "acme/web"

[stack]
name = "node"

[stack.parameters]
{parameters}

[app]
source = ["package.json", "src"]
lock = "{lock}"
entrypoint = ["/nodejs/bin/node", "/app/src/server.js"]
"""


@pytest.fixture
def plan(make_project: Make) -> Callable[..., BuildPlan]:
    def make(parameters: str = "", lock: str = "package-lock.json") -> BuildPlan:
        return make_project(SPEC.format(parameters=parameters, lock=lock)).plan()

    return make


Plan = Callable[..., BuildPlan]


@pytest.mark.parametrize(
    ("build", "stages", "destinations"),
    [
        ("none", ["dependencies"], ["/app/", "/app/package.json", "/app/src"]),
        ("compile", ["dependencies", "tools", "build"], ["/app/", "/app/"]),
        ("bundle", ["dependencies", "tools", "build"], ["/app/", "/app/"]),
        ("standalone", ["tools", "standalone"], ["/app/node_modules/", "/app/"]),
    ],
)
def test_shapes(plan: Plan, build: str, stages: list[str], destinations: list[str]) -> None:
    made = plan(f'build = "{build}"')
    assert [stage.name for stage in made.stages] == stages
    assert [copy.destination for copy in made.runtime.copies] == destinations
    assert [s.name for s in made.stages if s.network] == [
        name for name in stages if name in {"dependencies", "tools"}
    ]


def test_what_needs_no_packages_needs_no_lock_and_no_engine(make_project: Make) -> None:
    spec = SPEC.format(parameters='build = "ready"', lock="x").replace('lock = "x"\n', "")
    assert make_project(spec).plan().stages == ()
    with pytest.raises(InvalidInputError) as caught:
        make_project(SPEC.format(parameters='build = "ready"', lock="package-lock.json"))
    assert 'no use for a lock with build = "ready"' in str(caught.value.details)
    with pytest.raises(InvalidInputError) as caught:
        make_project(spec.replace("ready", "none"))
    assert "npm install --package-lock-only" in str(caught.value.details)


@pytest.mark.parametrize(
    ("lock", "commands"),
    [
        ("package-lock.json", ["npm ci --ignore-scripts", "--omit=dev"]),
        ("npm-shrinkwrap.json", ["npm ci --ignore-scripts", "--omit=dev"]),
        ("pnpm-lock.yaml", ["install --frozen-lockfile --ignore-scripts", "--prod\n"]),
        ("yarn.lock", ["yarn install --frozen-lockfile --ignore-scripts", "--production=true"]),
        ("yarn.lock", ["install --immutable", "workspaces focus --production"]),
    ],
)
def test_locks_are_installed_as_they_are(plan: Plan, lock: str, commands: list[str]) -> None:
    body = plan(lock=lock).stages[0].instructions.replace(" \\\n", "\n")
    for command in commands:
        assert command in body
    assert "rebuild" not in body


@pytest.mark.parametrize(
    ("lock", "tool"), [("package-lock.json", "npm"), ("pnpm-lock.yaml", "pnpm")]
)
def test_scripts_run_only_of_packages_that_are_named(plan: Plan, lock: str, tool: str) -> None:
    body = plan('scripts = ["sharp", "@acme/native"]', lock).stages[0].instructions
    words = body.replace(" \\\n", " ").split()
    at = words.index("rebuild")
    assert words[at : at + 4] == ["rebuild", "sharp", "@acme/native", ";"]
    assert tool in words[at - 2 : at]


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ("", "--max-old-space-size-percentage=70"),
        ("heap = 50", "--max-old-space-size-percentage=50"),
        ("heap = 0", ""),
        ("heap = 0\nsource-maps = true", "--enable-source-maps"),
        ("source-maps = true", "--max-old-space-size-percentage=70 --enable-source-maps"),
    ],
)
def test_options_of_node(plan: Plan, parameters: str, options: str) -> None:
    assert plan(parameters).runtime.env == {"NODE_ENV": "production", "NODE_OPTIONS": options}


@pytest.mark.parametrize(
    "parameters",
    [
        "heap = 100",
        "heap = -1",
        'script = "build; id"',
        'script = "$(id)"',
        'output = "../x"',
        'output = "/etc"',
        'workspace = "a b"',
        'scripts = ["a`id`"]',
        'scripts = ["--all"]',
        'manifests = ["../package.json"]',
        'assets = ["-R"]',
    ],
)
def test_parameters_that_are_no_names_are_refused(plan: Plan, parameters: str) -> None:
    with pytest.raises(InvalidInputError):
        plan(parameters)


def test_secrets_are_variables_of_the_step_alone(make_project: Make) -> None:
    secret = '\n[[build.secrets]]\nid = "npm-token"\nstep = "dependencies"\n'
    text = render(
        make_project(SPEC.format(parameters="", lock="package-lock.json") + secret).plan()
    )
    assert 'export NPM_TOKEN="$(cat /run/secrets/npm-token)"' in text
    assert "ARG NPM" not in text
    assert "ENV NPM" not in text


def test_a_lock_in_a_folder_is_installed_there(make_project: Make) -> None:
    spec = SPEC.format(parameters="", lock="server/package-lock.json")
    plan = make_project(spec.replace('"src"', '"server"')).plan()
    body = plan.stages[0].instructions
    assert (
        '"server/package.json", "server/package-lock.json", "server/.npmr[c]", "/src/server/"'
        in (body)
    )
    assert "/out/server" in body


def test_a_part_of_a_lock_is_not_held_against_the_whole(plan: Plan) -> None:
    assert plan().stages[0].lock == "package-lock.json"
    assert plan('workspace = "packages/api"').stages[0].lock == ""
