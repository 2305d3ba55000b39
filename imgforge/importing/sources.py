"""What the image is made of, where the Dockerfile's copies and commands do not say just that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from imgforge import stack as stacks
from imgforge.checks.dockerfile.subject import Subject
from imgforge.importing.row import Row, Setting, Verdict

if TYPE_CHECKING:
    from imgforge.detection.candidate import Candidate

_SOURCE: Final = ("app", "source")
_BINARY: Final = ("stack", "parameters", "binary")


def programs(rows: list[Row], read: Subject) -> list[Row]:
    """Of several programs that are compiled, let the one be made that the image starts."""
    made = {
        at: setting.value
        for at, row in enumerate(rows)
        for setting in row.settings
        if setting.key == _BINARY and row.said.startswith("RUN ")
    }
    started = {
        PurePosixPath(command.words[0]).name
        for run in read.runs
        if run.shipped and not run.built
        for command in run.commands()
    }
    if len(set(made.values())) < 2 or not started & set(made.values()):  # noqa: PLR2004 - others
        return rows
    out = []
    for at, row in enumerate(rows):
        other = at in made and made[at] not in started
        note = f"{made.get(at)} is a second program: make an image of its own for it"
        out.append(Row(row.line, row.said, "person", note) if other else row)
    return out


def needed(
    rows: list[Row], read: Subject, definition: stacks.Definition | None, seen: Candidate | None
) -> list[Row]:
    """Return ``rows`` with the sources that the stack needs; ``seen`` is what init would take."""
    build = next((s.value for row in rows for s in row.settings if s.key[-1] == "build"), "")
    if build in {"maven", "gradle"} and seen is not None:
        rows = _compiled(rows, seen, read.final.line)
    if definition is None or any(s.key == _SOURCE for row in rows for s in row.settings):
        return rows
    return [*rows, *_uncopied(read, definition, seen)]


def _compiled(rows: list[Row], seen: Candidate, line: int) -> list[Row]:
    """Let Maven and Gradle have their sources, where the Dockerfile copies what they made."""
    named = [name for row in rows for s in row.settings if s.key == _SOURCE for name in s.value]
    if "." in named or set(seen.source) <= set(named):
        return rows
    kept = [
        replace(row, settings=tuple(s for s in row.settings if s.key != _SOURCE)) for row in rows
    ]
    own = ", ".join(seen.source)
    note = f"made anew of {own}, instead of copied: {', '.join(named) or 'what was made before'}"
    settings = (Setting(_SOURCE, list(seen.source)),)
    return [*kept, Row(line, "app.source", "improved", note, settings)]


def _uncopied(
    read: Subject, definition: stacks.Definition, seen: Candidate | None
) -> Iterator[Row]:
    """Yield the sources of an image that nothing is copied into: they are mounted when it runs."""
    if definition.name in {"static", "binary"}:
        return
    names = list(seen.source) if seen is not None and seen.source else ["."]
    builds = definition.runtime.source == "none"
    verdict: Verdict = "improved" if builds else "person"
    note = (
        "the sources that the program is made of"
        if builds
        else "the Dockerfile copies no sources: these are what imgforge init would take"
    )
    settings = (Setting(_SOURCE, names),)
    yield Row(read.final.line, "app.source", verdict, f"{note}: {', '.join(names)}", settings)
