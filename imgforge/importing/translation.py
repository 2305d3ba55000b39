"""A Dockerfile in, the nearest spec out, with a row for every line of it. Nothing is built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, Final

from imgforge import stack as stacks
from imgforge.checks.dockerfile.subject import Subject, subject
from imgforge.dockerfile import Dockerfile, Stage, Step
from imgforge.dockerfile.context import Context
from imgforge.importing import (
    copies,
    lineage,
    parameters,
    runs,
    settings,
    sources,
    starts,
    wanted,
)
from imgforge.importing.own import site
from imgforge.importing.places import Place, Places, placed
from imgforge.importing.row import Row, Setting, assembled
from imgforge.plan import APP

_INTERPRETED: Final = frozenset({"python", "node", "ruby"})
"""Stacks whose programs lie under /app as they were written."""


@dataclass(frozen=True, slots=True)
class Translation:
    """The spec's tables and how each line fared; ``open`` are rows that a person must settle."""

    name: str
    spec: dict[str, Any]
    rows: tuple[Row, ...]

    @property
    def open(self) -> tuple[Row, ...]:
        """The rows that need a person."""
        return tuple(row for row in self.rows if row.verdict == "person")


def translate(file: Dockerfile, context: Context, root: Path, *, name: str) -> Translation:
    """Translate ``file``; ``root`` is its build context, ``name`` what the image is called."""
    read = subject(file, context)
    base, stack = lineage.image(read)
    offered = set(stacks.names())
    definition = stacks.load(stack).definition if stack in offered else None
    shipped = file.shipped()
    workdirs = list(_with_workdirs(shipped))
    workdir = workdirs[-1][1] if workdirs else "/"
    put = placed(file, root)
    if _mounted(put, definition):
        put += (Place(".", workdir, APP),)
    found = Places(put, workdir, root)
    rows = [base]
    seen = parameters.project(root, stack)
    if definition is not None:
        if seen is not None:
            rows += parameters.detected(seen, definition, base.line)
        rows += wanted.locks(definition, context, read, found)
        rows += wanted.version(definition, read, stack)
    rows += copies.rows(read, definition, found, context)
    if stack != "static":
        rows += copies.unsaid(read, context)
    rows += _carried(read, stack, definition, found)
    if definition is not None and stack == "static":
        rows += site(read, found, definition)
    rows = sources.programs(rows, read)
    chosen = _parameters(rows)
    rows = sources.needed(rows, read, definition, seen)
    if elsewhere := _elsewhere(read, stack, found):
        at = (elsewhere.line, elsewhere.said)
        rows = [row for row in rows if (row.line, row.said) != at] + [elsewhere]
    rows += starts.rows(
        read,
        stack,
        found,
        root,
        starts_itself=seen is not None and seen.starts_itself,
        chosen=chosen,
        usual=seen.entrypoint if seen is not None else (),
    )
    rows = _unscripted(rows)
    if definition is not None and _parameters(rows).get("build") in {"maven", "gradle"}:
        rows += _unlocked(definition, rows, base.line)
    tables = assembled((Row(0, "", "kept", "", (Setting(("image", "name"), name),)), *rows))
    tables["stack"] = {"name": stack, **tables.get("stack", {})}
    if definition is not None:
        _settle(tables, definition)
        if stack == "python" and found.home != APP:
            _searched(tables, definition, found.home)
    return Translation(file.name, tables, tuple(sorted(rows, key=lambda row: row.line)))


def _elsewhere(read: Subject, stack: str, places: Places) -> Row | None:
    """Return a working directory below the application: a program starts in /app itself."""
    steps = list(read.shipped("WORKDIR"))
    if stack not in _INTERPRETED or places.home == APP or not steps:
        return None
    step = steps[-1]
    note = f"the program starts in {APP}, not in {places.home}: give it whole paths of its files"
    if stack == "python":
        note += "; PYTHONPATH finds its modules"
    return Row(step.line, step.instruction.text, "person", note)


def _parameters(rows: Iterable[Row]) -> dict[str, Any]:
    stack: dict[str, Any] = assembled(tuple(rows)).get("stack", {})
    found: dict[str, Any] = stack.get("parameters", {})
    return found


def _mounted(put: tuple[Place, ...], definition: stacks.Definition | None) -> bool:
    """Whether only locks are copied: the project is mounted over the working directory then."""
    kinds = definition.locks if definition is not None else ()
    known = {name for k in kinds for name in (k.file, *k.beside, *k.optional)}
    names = [PurePosixPath(place.source).name.replace("*", "") for place in put]
    return all(any(fnmatchcase(name, pattern) for pattern in known) for name in names)


def _unscripted(rows: list[Row]) -> list[Row]:
    """Leave out a script of the project's, where the Dockerfile starts something else."""
    if not any(s.key == ("app", "entrypoint") for row in rows for s in row.settings):
        return rows
    out = []
    for row in rows:
        kept = tuple(s for s in row.settings if s.key != ("stack", "parameters", "script"))
        if row.said != parameters.PROJECT or kept == row.settings:
            out.append(row)
        elif kept:
            out.append(replace(row, settings=kept))
    return out


def _unlocked(definition: stacks.Definition, rows: Iterable[Row], line: int) -> Iterator[Row]:
    """Yield the lock that source of Maven or Gradle is not built without, and how it is made."""
    if not any(s.key == ("app", "lock") for row in rows for s in row.settings):
        kind = stacks.lock_lacking(definition, _parameters(rows))
        note = f"there is none yet; make {kind.file} with: {kind.mend}"
        yield Row(line, "lock", "person", note, (Setting(("app", "lock"), kind.file),))


def _settle(tables: dict[str, Any], definition: stacks.Definition) -> None:
    """Leave out sources that others hold, and add files without which the stack cannot build."""
    stack, app = tables["stack"], tables.setdefault("app", {})
    if packages := stack.get("packages"):
        version = stack.get("version", definition.default)
        stack["packages"] = [name.replace("{}", version) for name in packages]
    source = app.get("source", [])
    root = stack.get("parameters", {}).get("root")
    if definition.name == "static" and root in source:
        app["source"] = [root]
        app.pop("exclude", None)
    elif "." in source:
        app["source"] = ["."]
    elif source and definition.requires:
        needed = [*definition.requires, *([app["lock"]] if "lock" in app else [])]
        app["source"] = [*(f for f in needed if f not in source), *source]
    elif len(source) > 1:
        app["source"] = [path for path in source if path != app.get("lock")]


def _searched(tables: dict[str, Any], definition: stacks.Definition, home: str) -> None:
    """Let Python find the modules that lay in the working directory of the Dockerfile's image."""
    env = tables.setdefault("env", {})
    said = env.get("PYTHONPATH", dict(definition.runtime.env).get("PYTHONPATH", ""))
    env["PYTHONPATH"] = ":".join(dict.fromkeys([*filter(None, said.split(":")), home]))


def _port(read: Subject, stack: str) -> str:
    """Say which port the stack has instead of a web server's own; empty if it has none."""
    if stack == "static":
        return "nginx listens on 8080, which needs no root: publish that port"
    base = read.file.shipped()[0].base
    served = stack == "php" and any(name in base for name in ("apache", "nginx", "franken"))
    return "FPM answers at 9000; the port is the web server's" if served else ""


def _with_workdirs(shipped: tuple[Stage, ...]) -> Iterator[tuple[Step, str]]:
    """Yield the steps of the image itself with the working directory in which each stands."""
    here = PurePosixPath("/")
    for stage in shipped:
        for step in stage.steps:
            if step.name == "WORKDIR" and step.args:
                here /= step.args[0]
            yield step, str(here)


def _carried(
    read: Subject, stack: str, definition: stacks.Definition | None, places: Places
) -> Iterator[Row]:
    """Yield the rows of everything else, of the image itself and of its build stages."""
    given = dict(definition.runtime.env) if definition else {}
    shipped = {stage.index for stage in read.file.shipped()}
    written = {p.rstrip("/") for s in read.shipped("VOLUME") for p in s.args}
    for run in read.runs:
        if run.built:
            yield from runs.rows(run, stack, definition, places, written)
    for stage, step in read.steps():
        if step.name in {"ARG", "SHELL"}:
            note = "nothing of a spec varies by build"
            yield Row(step.line, step.instruction.text, "dropped", note)
        elif step.name == "EXPOSE" and (note := _port(read, stack)):
            yield Row(step.line, step.instruction.text, "improved", note)
        elif stage.index in shipped:
            yield from settings.rows(step, given, places)
    for stage in read.file.stages:
        for step in stage.steps:
            if step.instruction.trigger is not None:
                note = "what images built on this one do: imgforge's images are not built on"
                yield Row(step.line, step.instruction.text, "person", note)
