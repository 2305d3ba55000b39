"""Jinja templates that end up in a Dockerfile, and the filters that keep text text.

Everything a user wrote reaches a Dockerfile only through one of these filters; undefined names
are errors. Templates that did not ship with imgforge run in Jinja's sandbox, and that in a child
with bounds of its own (:mod:`imgforge.sandbox`).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgforge import assets
from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from jinja2 import Environment

STEPS = "steps.j2"
"""The shared template that every other may import: what stacks write their steps with."""

MAX_OUTPUT = 4 << 20
"""Characters that one template may render to."""

_UNSURE = ("lipsum", "random")
"""What gives another text each time."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a template is made of: the names of its blocks, and whether it extends another."""

    blocks: frozenset[str]
    extends: bool


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


def mount_path(value: str) -> str:
    """Write a path as a value of ``--mount``, which knows no quoting that every engine shares."""
    if not re.fullmatch(r"[\w.@+/-]+", value, re.ASCII):
        raise InvalidInputError(
            f"{value!r} cannot be named in a mount", hint="letters, digits and . _ @ + - / only"
        )
    return value


def script(text: str) -> str:
    """Join the lines of a shell script into one, as a RUN holds it; blank lines are left out."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if any(line.endswith("\\") for line in lines) or not lines:
        raise InvalidInputError(
            "a step's lines are joined by themselves: no backslash at their end"
        )
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    return " \\\n".join("    " + line[margin:] for line in lines)


def render(
    text: str,
    variables: Mapping[str, Any],
    *,
    name: str,
    trusted: bool,
    others: Mapping[str, str] | None = None,
) -> str:
    """Render one template; InvalidInputError names the template, the line and the reason.

    ``others`` are the templates that it may include, import or extend, by name, besides
    ``steps.j2``; nothing else can be reached.
    """
    out = _render(text, variables, name=name, trusted=trusted, others=others or {})
    return re.sub(r"\n{3,}", "\n\n", out).strip("\n") + "\n"


def outline(text: str, name: str, *, trusted: bool) -> Outline:
    """Return what a template is made of; InvalidInputError, with the line, if it is broken."""
    if trusted:
        return outline_here(text, name)
    from imgforge import sandbox

    found = sandbox.ask("outline", name, text=text)
    return Outline(frozenset(found["blocks"]), bool(found["extends"]))


def outline_here(text: str, name: str) -> Outline:
    """Do as :func:`outline` in this process, which a hostile template can keep busy for long."""
    import jinja2
    from jinja2 import nodes

    try:
        tree = jinja2.Environment(autoescape=False).parse(text)  # noqa: S701 - not rendered
    except jinja2.TemplateSyntaxError as error:
        raise InvalidInputError(f"{name}:{error.lineno}: {error.message}") from error
    except RecursionError as error:
        raise InvalidInputError(f"{name}: is nested too deeply") from error
    return Outline(
        frozenset(block.name for block in tree.find_all(nodes.Block)),
        next(tree.find_all(nodes.Extends), None) is not None,
    )


def matches(pattern: str, text: str, *, name: str, trusted: bool) -> bool:
    """Say whether all of ``text`` matches a stack's regular expression.

    Some expressions take for ever, so those from outside are tried by the child.
    """
    if trusted:
        return matches_here(pattern, text)
    from imgforge import sandbox

    return bool(sandbox.ask("matches", name, pattern=pattern, text=text))


def matches_here(pattern: str, text: str, *, name: str = "") -> bool:  # noqa: ARG001 - as asked for
    """Do as :func:`matches` in this process."""
    return re.fullmatch(pattern, text) is not None


def line(text: str, variables: Mapping[str, Any], *, name: str, trusted: bool) -> str:
    """Render a template of one line, such as a default entrypoint's word."""
    out = _render(text, variables, name=name, trusted=trusted, others={})
    if re.search(r"[\x00-\x1f\x7f]", out):
        raise InvalidInputError(f"{name}: {text!r} renders to more than a line")
    return out


def _render(
    text: str,
    variables: Mapping[str, Any],
    *,
    name: str,
    trusted: bool,
    others: Mapping[str, str],
) -> str:
    if trusted:
        return render_here(text, variables, name=name, trusted=True, others=others)
    from imgforge import sandbox

    asked = {"text": text, "variables": dict(variables), "others": dict(others)}
    return str(sandbox.ask("render", name, **asked))


def render_here(
    text: str,
    variables: Mapping[str, Any],
    *,
    name: str,
    trusted: bool,
    others: Mapping[str, str],
) -> str:
    """Do as :func:`render` in this process, with nothing tidied."""
    import jinja2

    own = name.rpartition("/")[2]
    texts = tuple(sorted({**others, own: text}.items()))
    try:
        out = _environment(texts, trusted).get_template(own).render(variables)
    except jinja2.TemplateSyntaxError as error:
        place = _sibling(name, error.name)
        raise InvalidInputError(f"{place}:{error.lineno}: {error.message}") from error
    except jinja2.TemplateNotFound as error:
        raise InvalidInputError(f"{name}: there is no template {error.name!r} here") from error
    except RecursionError as error:
        raise InvalidInputError(f"{name}: its templates or blocks go round in a circle") from error
    except SyntaxError as error:  # Python's own, for what is nested beyond its bounds
        raise InvalidInputError(f"{name}: cannot be compiled: {error.msg}") from error
    except InvalidInputError as error:
        place, at = _place(error, name)
        raise InvalidInputError(
            f"{place}:{at}: {error.message}", details=error.details, hint=error.hint
        ) from error
    except (*_FAULTS, jinja2.TemplateError) as error:
        place, at = _place(error, name)
        raise InvalidInputError(f"{place}:{at}: {str(error) or type(error).__name__}") from error
    if len(out) > MAX_OUTPUT:
        raise InvalidInputError(f"{name}: renders to more than {MAX_OUTPUT >> 20} MiB")
    return out


_FAULTS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError),
    *(RuntimeError, TypeError, ValueError),
)
"""What a template's own mistakes raise; another exception is imgforge's."""


@functools.cache
def steps_text() -> str:
    """Return the shared template, read once: where it is asked for no file may be opened."""
    return (assets.folder("templates") / STEPS).read_text(encoding="utf-8")


@functools.lru_cache(maxsize=64)
def _environment(texts: tuple[tuple[str, str], ...], trusted: bool) -> Environment:  # noqa: FBT001
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    own = dict(texts)

    def load(name: str) -> tuple[str, str, None] | None:
        if name == STEPS:
            return steps_text(), STEPS, None
        return (own[name], name, None) if name in own else None

    kind = jinja2.Environment if trusted else ImmutableSandboxedEnvironment
    environment = kind(
        loader=jinja2.FunctionLoader(load),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        auto_reload=False,
    )
    for name in _UNSURE:
        environment.globals.pop(name, None)
        environment.filters.pop(name, None)
    environment.filters.update(
        exec_form=exec_form,
        word=word,
        paths=paths,
        shell_word=shell_word,
        mount_path=mount_path,
        script=script,
    )
    return environment


def _sibling(name: str, other: str | None) -> str:
    """Name the template ``other`` as ``name`` is named."""
    folder = name.rpartition("/")[0]
    return f"{folder}/{other}" if folder and other and other != STEPS else other or name


def _place(error: BaseException, name: str) -> tuple[str, int]:
    """Return the innermost template and line that ``error`` went through."""
    place, at, trace = name, 0, error.__traceback__
    own = name.rpartition("/")[2]
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file == own or file.endswith(".j2"):
            place, at = _sibling(name, file), trace.tb_lineno
        trace = trace.tb_next
    return place, at
