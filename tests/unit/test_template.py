from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgforge import template
from imgforge.errors import InvalidInputError

PRINTABLE = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", codec="utf-8"))


def lexed(word: str) -> str:
    """Undo a double-quoted word as the Dockerfile lexer does (moby/buildkit frontend shell)."""
    assert word[0] == word[-1] == '"'
    out, body = "", iter(word[1:-1])
    for c in body:
        assert c not in '"$', "an unprotected special character"
        if c == "\\":
            following = next(body)
            out += following if following in '"$\\' else c + following
        else:
            out += c
    return out


@given(PRINTABLE)
def test_a_word_comes_back_as_it_was(value: str) -> None:
    assert lexed(template.word(value)) == value
    assert "\n" not in template.word(value)


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_exec_form_is_json_on_one_line(arguments: list[str]) -> None:
    text = template.exec_form(arguments)
    assert json.loads(text) == arguments
    assert "\n" not in text


@pytest.mark.parametrize("value", ["a\nb", "\x00", "\x7f", "a\rb"])
def test_a_word_with_a_control_character_cannot_be_written(value: str) -> None:
    with pytest.raises(InvalidInputError):
        template.word(value)
    with pytest.raises(InvalidInputError):
        template.shell_word(value)


def test_an_undefined_name_is_an_error_with_its_line() -> None:
    with pytest.raises(InvalidInputError, match=r"x\.j2:2: 'missing' is undefined"):
        template.render("a\n{{ missing }}\n", {}, name="x.j2", trusted=True)


def test_a_syntax_error_is_an_error_with_its_line() -> None:
    with pytest.raises(InvalidInputError, match=r"x\.j2:3"):
        template.render("a\nb\n{% if %}\n", {}, name="x.j2", trusted=True)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ x.append(1) }}",
        "{% include '/etc/passwd' %}",
        "{{ range(999999999) | list }}",
    ],
)
def test_foreign_templates_stay_in_the_sandbox(text: str) -> None:
    with pytest.raises(InvalidInputError):
        template.render(text, {"x": []}, name="x.j2", trusted=False)
