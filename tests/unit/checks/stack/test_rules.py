"""Each rule of stacks finds its fault, at its file and line, and nothing else does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ownstack import TEMPLATE, change, made

from imgforge import stack, template
from imgforge.checks import Finding
from imgforge.checks.commands import every, pipelines
from imgforge.checks.stack import expressions, installers
from imgforge.dockerfile import hadolint
from imgforge.policy.bounds import Policy
from imgforge.workshop import linting

STACKS = Path(__file__).parents[4] / "stacks"
RUN = "mkdir -p /out;"
"""A line of the template's last step, where faults are put."""
BLOCK = "{% block build %}"
DOC = "Run the application's unittest suite first; the image is only made if it passes."


@pytest.fixture(autouse=True)
def _without_hadolint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hadolint, "installed", lambda: False)


def lint(folder: Path) -> tuple[Finding, ...]:
    return linting.lint(folder, Policy(fail_on="medium"), lambda _: None).dockerfile


def told(folder: Path) -> list[str]:
    return [f"{f.check} {Path(f.path).relative_to(folder)}:{f.line}" for f in lint(folder)]


def test_a_new_stack_is_clean(tmp_path: Path) -> None:
    assert told(made(tmp_path)) == []


@pytest.mark.parametrize("name", stack.names())
def test_those_that_ship_are_clean(name: str) -> None:
    report = linting.lint(STACKS / name, Policy(fail_on="medium"), lambda _: None)
    assert [f for f in report.dockerfile if f.severity >= 2] == []


@pytest.mark.parametrize(
    ("part", "old", "new", "found"),
    [
        ("toml", '"python-3.13"', '"registry.example.com/base/python:3.13"', "IF221 stack.toml:8"),
        ("template", BLOCK, f"FROM scratch AS other\n{BLOCK}", "IF221 {t}:14"),
        ("toml", "[runtime.env]", '[runtime.env]\nAPI_TOKEN = "abcdefgh"', "IF222 stack.toml:26"),
        ("template", RUN, f"{RUN} echo {{{{ sources | join(' ') }}}};", "IF223 {t}:16"),
        ("template", RUN, RUN + "{% for s in sources %}{{ s }}{% endfor %}", "IF223 {t}:16"),
        ("template", RUN, f"curl -fsS https://example.com;{RUN}", "IF225 {t}:16"),
        ("template", BLOCK, f"{BLOCK}\nRUN --network=none true", "IF226 {t}:15"),
        ("template", RUN, f"pip install requests; {RUN}", "IF228 {t}:16"),
        ("template", RUN, f"{RUN} echo {{{{ parameters.nothing }}}};", "IF229 {t}:16"),
        ("template", RUN, f"{RUN} echo {{{{ variables.nothing }}}};", "IF229 {t}:16"),
        ("template", RUN, f"{{% if 0 %}}{{{{ typo }}}}{{% endif %}} {RUN}", "IF229 {t}:16"),
        (
            "toml",
            "[[stages]]",
            '[parameters.spare]\ntype = "boolean"\ndefault = true\ndoc = "Nothing."\n\n[[stages]]',
            "IF230 stack.toml:16",
        ),
        (
            "toml",
            'builder = "python-3.13-dev"',
            'builder = "python-3.13-dev"\nvariables = { spare = "1" }',
            "IF230 stack.toml:10",
        ),
        ("toml", f'doc = "{DOC}"', 'doc = ""', "IF231 stack.toml:14"),
        ("changelog", "## 0.1.0", "## 0.2.0", "IF234 stack.toml:2"),
        ("changelog", "## 0.1.0", "## next", "IF234 CHANGELOG.md:1"),
    ],
)  # fmt: skip
def test_a_fault_is_told_at_its_line(
    tmp_path: Path, part: str, old: str, new: str, found: str
) -> None:
    folder = made(tmp_path, **{part: (old, new)})
    assert found.format(t=TEMPLATE) in told(folder)


def test_what_cannot_be_rendered_is_told_with_the_variant(tmp_path: Path) -> None:
    bad = "{% if not parameters.tests %}{{ 1 // 0 }}{% endif %}\n{% block build %}"
    folder = made(tmp_path, template=("{% block build %}", bad))
    (finding,) = lint(folder)
    assert (finding.check, finding.line) == ("IF220", 14)
    assert "tests = False" in finding.message


def test_a_broken_template_is_told_at_its_line(tmp_path: Path) -> None:
    folder = made(tmp_path, template=("{% endblock %}", "{% endblok %}"))
    assert told(folder) == [f"IF220 {TEMPLATE}:12"]


def test_sources_beside_a_network(tmp_path: Path) -> None:
    folder = made(tmp_path, toml=('destination = "/app"', 'destination = "/app"\nnetwork = true'))
    assert told(folder) == [f"IF224 {TEMPLATE}:3"]


def test_a_cache_without_lock(tmp_path: Path) -> None:
    step = "RUN --network=none --mount=type=cache,id=folder/c,target=/c true\n{% block build %}"
    folder = made(tmp_path, template=("{% block build %}", step))
    assert f"IF227 {TEMPLATE}:14" in told(folder)


def test_templates_in_a_circle(tmp_path: Path) -> None:
    folder = made(tmp_path, template=("{{ before }}", '{{ before }}{% include "a.j2" %}'))
    (folder / "a.j2").write_text('\n{% include "b.j2" %}\n', encoding="utf-8")
    (folder / "b.j2").write_text('{% include "a.j2" %}\n', encoding="utf-8")
    assert "IF232 a.j2:2" in told(folder)


def test_a_stack_without_papers_and_tests(tmp_path: Path) -> None:
    folder = made(tmp_path)
    (folder / "README.md").unlink()
    (folder / "CHANGELOG.md").unlink()
    shutil.rmtree(folder / "tests")
    assert [line.split()[0] for line in told(folder)] == ["IF233", "IF233", "IF235"]


def test_a_test_that_expects_nothing(tmp_path: Path) -> None:
    folder = made(tmp_path)
    (folder / "tests/basic/expect.toml").unlink()
    assert told(folder) == ["IF235 tests/basic/imgforge.toml:1"]


def test_variants_are_judged_as_dockerfiles_at_the_templates_line(tmp_path: Path) -> None:
    folder = made(tmp_path, template=(RUN, f"sudo true; {RUN}"))
    (finding,) = lint(folder)
    assert (finding.path, finding.line) == (str(folder / TEMPLATE), 16)
    assert finding.check.startswith("IF1")


@pytest.mark.parametrize(
    ("declared", "safe"),
    [
        ({"type": "boolean", "default": True}, True),
        ({"type": "string", "default": ""}, False),
        ({"type": "string", "default": "a", "choices": ["a", "b-1"]}, True),
        ({"type": "string", "default": "a b", "choices": ["a b"]}, False),
        ({"type": "string", "default": "a", "pattern": "[a-z][a-z0-9-]*"}, True),
        ({"type": "string", "default": "a", "pattern": r"[\w.]+(/[\w.-]+)?"}, True),
        ({"type": "string", "default": "a", "pattern": ".+"}, False),
        ({"type": "string", "default": "a", "pattern": "[^;]+"}, False),
        ({"type": "string", "default": "a", "pattern": "[a-z ;]+"}, False),
        ({"type": "string", "default": "a", "pattern": r"\S+"}, False),
    ],
)
def test_which_parameters_mean_nothing_to_a_shell(declared: dict[str, object], safe: bool) -> None:  # noqa: FBT001
    found = stack.ParameterDeclaration.model_validate({**declared, "doc": "x"})
    assert expressions.plain(found) is safe


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("{{ sources | map('shell_word') | join(' ') }}", 0),
        ("{{ sources | join(' ') | shell_word }}", 0),
        ("{{ ('/src/' ~ sources[0]) | shell_word }}", 0),
        ("{{ '/src/' ~ sources[0] }}", 1),
        ("{{ sources[0] if parameters.x else 'a' }}", 1),
        ("{{ 'b' if sources else 'a' }}", 0),
        ("{% set a = sources[0] %}{{ a }}", 1),
        ("{% set a = 'x' %}{{ a }}", 0),
        ("{% macro m(p) %}{{ p }}{% endmacro %}{{ m('x') }}", 0),
        ("{% macro m(p) %}{{ p }}{% endmacro %}{{ m(sources[0]) }}", 1),
        ("COPY {{ sources | paths }}", 0),
        ("{% call run() %}{{ sources | paths }}{% endcall %}", 1),
        ("{% call run(shell=sources[0]) %}x{% endcall %}", 1),
        ("{{ lock }}{{ version }}{{ stage.name }}{{ sources | length }}", 0),
    ],
)
def test_what_counts_as_printed_unquoted(text: str, count: int) -> None:
    import jinja2

    tree = jinja2.Environment(autoescape=False).parse(text)  # noqa: S701
    assert len(list(expressions.free(tree, {}))) == count


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("npm install", True),
        ("npm ci", False),
        ("npm install -g pnpm", False),
        ("python3 -m pip install -r x", True),
        ("pip install --require-hashes -r x", False),
        ("pip install --no-index --no-deps ./x.whl", False),
        ("uv pip install --target /out x", True),
        ("uv sync", True),
        ("uv sync --frozen", False),
        ("cargo build --release", True),
        ("set -- --frozen; cargo build $@", False),
        ("bundle install", True),
        ("BUNDLE_FROZEN=1 bundle install", False),
        ("composer update", True),
        ("composer install", False),
        ("go get ./...", True),
    ],
)  # fmt: skip
def test_installers_that_take_what_no_lock_pins(text: str, lacks: bool) -> None:  # noqa: FBT001
    commands = list(every(pipelines(text)))
    assert any(installers.inexact(command, text) for command in commands) is lacks


def test_every_name_that_templates_are_given_is_known(
    make_plan: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[set[str]] = []
    render = template.render

    def seen(text: str, variables: dict[str, Any], **more: Any) -> str:  # noqa: ANN401 - handed on
        if "before" in variables:
            given.append(set(variables))
        return render(text, variables, **more)

    monkeypatch.setattr(template, "render", seen)
    make_plan()
    assert given
    assert set.union(*given) == expressions.KNOWN


def test_changing_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        change(made(tmp_path) / "stack.toml", "nothing like this", "")
