"""Templates from outside that want out, want all, or want for ever."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from imgforge import sandbox, template
from imgforge.errors import InvalidInputError

DOUBLING = """\
{% set n = namespace(x='a') %}
{% for _ in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}
"""
FROM_STEPS = '{% from "steps.j2" import run with context %}'


def render(text: str, **others: str) -> str:
    return template.render(
        text,
        {"items": ["a"], "stage": {"network": False, "secrets": []}, "flag": True},
        name="acme/own.j2",
        trusted=False,
        others={f"{name}.j2": body for name, body in others.items()},
    )


def test_an_honest_template_is_rendered() -> None:
    assert render("{% for item in items %}{{ item | word }}{% endfor %}") == '"a"\n'


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ items.__init__.__globals__ }}",
        "{{ (items | attr('__class__')).__base__ }}",
        "{{ ''['__cla' ~ 'ss__'].mro() }}",
        "{{ '{0.__class__}'.format(items) }}",
        "{{ '{x.__class__}'.format_map({'x': items}) }}",
        "{{ ('{0.__class__}' | attr('format'))(items) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ joiner.__init__.__globals__.os }}",
        "{{ self._TemplateReference__context }}",
        "{{ namespace.__init__ }}",
        "{{ word.__globals__ }}",
        f"{FROM_STEPS}{{{{ run.__call__.__globals__ }}}}",
        f"{FROM_STEPS}{{{{ run._func.__code__ }}}}",
        "{{ items.append('b') }}",
        "{{ {}.update(a=1) }}",
        "{{ lipsum() }}",
        "{{ items | random }}",
        "{% set x = items.pop() %}",
        "{% import 'os' as os %}",
    ],
)
def test_nothing_leads_out_of_the_sandbox(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        render(text)
    assert caught.value.message.startswith("acme/own.j2")


def test_a_filter_sees_no_more_than_an_expression() -> None:
    assert "class" not in render("{{ items | map(attribute='__class__') | list }}")


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../own.j2", "./own.j2", "templates/steps.j2", "Dockerfile.j2", ""]
)
@pytest.mark.parametrize("how", ["include", "import", "extends"])
def test_no_file_can_be_read(how: str, name: str) -> None:
    tail = " as x" if how == "import" else ""
    with pytest.raises(InvalidInputError, match="there is no template"):
        render(f"{{% {how} {name!r}{tail} %}}")


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'x' * 10 ** 9 }}",
        "{{ ['x'] * 10 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 'a' | center(10 ** 9) }}",
        "{{ items | tojson(indent=10 ** 9) }}",
        "{{ items | batch(10 ** 9, 1) | list }}",
        "{{ ('x' * 10 ** 6) | replace('x', 'x' * 10 ** 6) }}",
        DOUBLING,
        "{% for i in range(10 ** 9) %}{% endfor %}",
        f"{{{{ 'x' * {template.MAX_OUTPUT + 1} }}}}",
    ],
)
def test_no_template_gets_all_the_memory(text: str) -> None:
    started = time.monotonic()
    with pytest.raises(InvalidInputError):
        render(text)
    assert time.monotonic() - started < sandbox.PATIENCE
    assert render("{{ items[0] }}") == "a\n"


def test_no_template_runs_for_ever() -> None:
    loop = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3
    with pytest.raises(InvalidInputError, match="takes over 2 s or 512 MiB"):
        render(loop)
    assert render("{{ items[0] }}") == "a\n"


def test_no_pattern_runs_for_ever() -> None:
    with pytest.raises(InvalidInputError, match="takes over 2 s"):
        template.matches("(a+)+$", "a" * 64 + "!", name="acme/stack.toml", trusted=False)


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("{% include 'own.j2' %}", {}),
        ("{% include 'b.j2' %}", {"b": "{% include 'own.j2' %}"}),
        ("{% extends 'own.j2' %}", {}),
        ("{% extends 'b.j2' %}", {"b": "{% extends 'own.j2' %}"}),
        ("{% block a %}{{ self.a() }}{% endblock %}", {}),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", {}),
        ("{% import 'b.j2' as b %}{{ b.m() }}", {"b": "{% import 'own.j2' as o %}"}),
    ],
)
def test_circles_are_found(text: str, others: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match="go round in a circle"):
        render(text, **others)


@pytest.mark.parametrize(
    "text",
    [
        "{% if flag %}" * 200 + "{% endif %}" * 200,
        "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
        "{{" + "-" * 50_000 + "1 }}",
        "{{ [" * 3000,
        "{% for a in items %}" * 30 + "{% endfor %}" * 30,
    ],
)
def test_what_is_nested_beyond_reason_is_an_error_and_no_crash(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"acme/own\.j2"):
        render(text)


def test_mistakes_are_named_by_template_and_line() -> None:
    with pytest.raises(InvalidInputError, match=r"acme/own\.j2:3: 'colour' is undefined"):
        render("\n\n{{ colour }}")
    with pytest.raises(InvalidInputError, match=r"acme/b\.j2:2: 'colour' is undefined"):
        render("{% include 'b.j2' %}", b="\n{{ colour }}")
    with pytest.raises(InvalidInputError, match=r"acme/b\.j2:1: unexpected"):
        render("{% include 'b.j2' %}", b="{{ ) }}")
    with pytest.raises(InvalidInputError, match=r"acme/own\.j2:2: .*No filter named 'shell'"):
        render("\n{{ items | shell }}")
    with pytest.raises(InvalidInputError, match=r"acme/own\.j2:1: .* cannot be written in a RUN"):
        render("{{ 'a\\nb' | shell_word }}")


def test_the_child_has_no_environment_and_can_open_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMGFORGE_TEST_SECRET", "surely not")
    sandbox._child.cache_clear()
    render("{{ items[0] }}")
    process = sandbox._child()._process
    place = Path(f"/proc/{process.pid}")
    assert b"surely not" not in (place / "environ").read_bytes()
    limits = {
        row[:26].strip(): row[26:].split()[0]
        for row in (place / "limits").read_text().splitlines()[1:]
    }
    assert limits["Max open files"] == "0"
    assert limits["Max file size"] == "0"
    assert limits["Max address space"] == str(512 << 20)
    assert not list(tmp_path.iterdir())


def test_a_child_that_was_killed_is_replaced() -> None:
    render("{{ items[0] }}")
    sandbox._child()._process.kill()
    with pytest.raises(InvalidInputError, match="takes over"):
        render("{{ items[0] }}")
    assert render("{{ items[0] }}") == "a\n"
