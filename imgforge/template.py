"""Jinja templates that end up in a Dockerfile, and the filters that keep text text.

Everything a user wrote reaches a Dockerfile only through one of these filters; undefined names
are errors, and templates that did not ship with imgforge run in Jinja's sandbox.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_OUTPUT = 4 << 20
"""Characters that one template may render to."""


def exec_form(arguments: list[str] | tuple[str, ...]) -> str:
    """Write arguments as the JSON array of an exec-form instruction; nothing in it is expanded."""
    return json.dumps(list(arguments))


def word(value: str) -> str:
    """Quote one word of ENV, LABEL or a path so that BuildKit's and buildah's lexers give it back.

    In double quotes only the backslash, the quote and the dollar sign mean anything (Dockerfile
    reference, "Environment replacement"); a line break cannot be written at all.
    """
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise InvalidInputError(f"{value!r} cannot be written in a Dockerfile")
    return '"' + re.sub(r'([\\"$])', r"\\\1", value) + '"'


def paths(values: list[str] | tuple[str, ...]) -> str:
    """Write sources and destination of a COPY as a JSON array, protected from expansion."""
    return json.dumps([re.sub(r"""([\\"'$])""", r"\\\1", value) for value in values])


def shell_word(value: str) -> str:
    """Quote one word for a POSIX shell inside a RUN."""
    import shlex

    if re.search(r"[\x00-\x1f\x7f]", value):
        raise InvalidInputError(f"{value!r} cannot be written in a RUN instruction")
    return shlex.quote(value)


def render(text: str, variables: Mapping[str, Any], *, name: str, trusted: bool) -> str:
    """Render one template; InvalidInputError names the template, the line and the reason."""
    import jinja2

    try:
        out = _environment(trusted=trusted).from_string(text).render(variables)
    except jinja2.TemplateSyntaxError as error:
        raise InvalidInputError(f"{name}:{error.lineno}: {error.message}") from error
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError) as error:
        raise InvalidInputError(f"{name}:{_line(error)}: {error}") from error
    if len(out) > MAX_OUTPUT:
        raise InvalidInputError(f"{name}: renders to more than {MAX_OUTPUT >> 20} MiB")
    return re.sub(r"\n{3,}", "\n\n", out).strip("\n") + "\n"


def _environment(*, trusted: bool) -> Environment:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    kind = jinja2.Environment if trusted else ImmutableSandboxedEnvironment
    environment = kind(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(exec_form=exec_form, word=word, paths=paths, shell_word=shell_word)
    return environment


def _line(error: BaseException) -> int:
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
