"""A Dockerfile in, the nearest spec out, with a row for every line of it. Nothing is built."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, Final

from imgforge import stack as stacks
from imgforge.checks.dockerfile.subject import Subject, subject
from imgforge.dockerfile import Dockerfile, Stage, Step
from imgforge.dockerfile.context import Context
from imgforge.importing import origin, parameters, runs, settings, starts, wanted
from imgforge.importing.own import site
from imgforge.importing.places import Places, moves
from imgforge.importing.row import Row, Setting, assembled
from imgforge.plan import DEFAULT_EXCLUDE

_NOT_SOURCES: Final = ("Dockerfile*", ".dockerignore", "docker-compose*", "compose*.y*ml")


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
    base, stack = _stack(read)
    offered = set(stacks.names())
    definition = stacks.load(stack).definition if stack in offered else None
    shipped = file.shipped()
    workdirs = list(_with_workdirs(shipped))
    copies = [(s, w) for s, w in workdirs if s.name in wanted.COPIES and wanted.of_context(s)]
    workdir = workdirs[-1][1] if workdirs else "/"
    found = Places(tuple(moves(copies, root)), workdir, root)
    rows = [base]
    seen = parameters.project(root, stack)
    if definition is not None:
        if seen is not None:
            rows += parameters.detected(seen, definition, base.line)
        rows += wanted.locks(definition, context, read, found)
        rows += wanted.version(definition, read, stack)
    rows += _sources(read, definition, found, context)
    rows += _carried(read, stack, definition, found)
    if definition is not None and stack == "static":
        rows += site(read, found, definition)
    chosen = _parameters(rows)
    rows += starts.rows(
        read,
        stack,
        found,
        root,
        starts_itself=seen is not None and seen.starts_itself,
        chosen=chosen,
    )
    if definition is not None and _parameters(rows).get("build") in {"maven", "gradle"}:
        rows += _unlocked(definition, rows, base.line)
    tables = assembled((Row(0, "", "kept", "", (Setting(("image", "name"), name),)), *rows))
    tables["stack"] = {"name": stack, **tables.get("stack", {})}
    if definition is not None:
        _settle(tables, definition)
    return Translation(file.name, tables, tuple(sorted(rows, key=lambda row: row.line)))


def _parameters(rows: Iterable[Row]) -> dict[str, Any]:
    stack: dict[str, Any] = assembled(tuple(rows)).get("stack", {})
    found: dict[str, Any] = stack.get("parameters", {})
    return found


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
    if "." in source:
        app["source"] = ["."]
    elif source and definition.requires:
        needed = [*definition.requires, *([app["lock"]] if "lock" in app else [])]
        app["source"] = [*(f for f in needed if f not in source), *source]
    elif len(source) > 1:
        app["source"] = [path for path in source if path != app.get("lock")]


def _stack(read: Subject) -> tuple[Row, str]:
    """Return the row of the base, and the stack: of the image's own base, else of a builder's."""
    file = read.file
    shipped = file.shipped()[0]
    found = origin.origin(shipped.base)
    if found is not None:
        return _base(shipped, found.stack), found.stack
    feeding = {
        step.source for stage in file.shipped() for step in stage.steps if step.source is not None
    }
    for index in sorted(feeding):
        stage: Stage | None = file.stages[index]
        while stage is not None and stage.parent is not None:
            stage = file.stages[stage.parent]
        found = origin.origin(stage.base) if stage else None
        if found is not None:
            return _base(shipped, found.stack), found.stack
    if origin.plain(shipped.base):
        return _base(shipped, "binary"), "binary"
    note = (
        "nothing is known of what this image brings; taken for a program that brings all it "
        "needs: choose a stack (imgforge stack list)"
    )
    return Row(shipped.line, f"FROM {shipped.written}", "person", note), "binary"


def _port(read: Subject, stack: str) -> str:
    """Say which port the stack has instead of a web server's own; empty if it has none."""
    if stack == "static":
        return "nginx listens on 8080, which needs no root: publish that port"
    apache = stack == "php" and "apache" in read.file.shipped()[0].base
    return "FPM answers at 9000; the port is the web server's" if apache else ""


def _base(stage: Stage, stack: str) -> Row:
    note = f"stack {stack}: a minimal base, pinned by digest in imgforge.lock"
    if stack == "php" and "apache" in stage.base:
        note = (
            f"{note}. Apache is not in it: FPM answers at 9000, and a web server stands before it "
            "(imgforge stack show php)"
        )
        return Row(stage.line, f"FROM {stage.written}", "person", note)
    if stack not in stacks.names():
        return Row(stage.line, f"FROM {stage.written}", "person", f"there is no stack {stack}")
    return Row(stage.line, f"FROM {stage.written}", "improved", note)


def _with_workdirs(shipped: tuple[Stage, ...]) -> Iterator[tuple[Step, str]]:
    """Yield the steps of the image itself with the working directory in which each stands."""
    here = PurePosixPath("/")
    for stage in shipped:
        for step in stage.steps:
            if step.name == "WORKDIR" and step.args:
                here /= step.args[0]
            yield step, str(here)


def _sources(
    read: Subject, definition: stacks.Definition | None, places: Places, context: Context
) -> Iterator[Row]:
    """Yield a row for each COPY and ADD: the sources of the application, or what they are not."""
    installs = {
        f
        for kind in (definition.locks if definition else ())
        for f in (*kind.beside, *kind.optional, *(() if "*" in kind.file else (kind.file,)))
    }
    shipped = {stage.index for stage in read.file.shipped()}
    builds = definition is not None and any(not s.installs for s in definition.stages)
    for stage, step in read.steps():
        if step.name not in wanted.COPIES:
            continue
        said = step.instruction.text
        if step.instruction.heredocs:
            yield Row(
                step.line,
                said,
                "person",
                "a file written in the Dockerfile: keep it beside the spec",
            )
        elif not wanted.of_context(step):
            yield _copied(read, step, said)
        elif step.name == "ADD" and any(
            "://" in word or word.startswith("git@") for word in step.args[:-1]
        ):
            yield Row(
                step.line, said, "person", "a download that no lock pins: keep it beside the spec"
            )
        elif stage.index not in shipped and not builds:
            yield Row(step.line, said, "dropped", "the stack copies what installing needs")
        elif stage.index not in shipped and definition is not None and definition.name == "static":
            yield Row(step.line, said, "dropped", "only what was made of it is served")
        elif definition is not None and definition.name == "static" and _nginx(step):
            yield Row(
                step.line, said, "person", "the stack writes nginx's settings: see its parameters"
            )
        else:
            made = _source(step, installs, places, context)
            beside = definition if stage.index in shipped else None
            yield _beside(made, beside, places) if beside else made


def _beside(made: Row, definition: stacks.Definition, places: Places) -> Row:
    """Return the row of a COPY into the image; where only a program is shipped, as its assets."""
    if definition.runtime.source != "none":
        return made
    names: list[str] = next((s.value for s in made.settings if s.key == ("app", "source")), [])
    assets = parameters.named({"assets": names}, definition)
    moved = [f"{p.new} instead of {p.old}" for p in places.moved if p.source in names]
    if not assets or not moved:
        return made
    note = f"{', '.join(moved)}: change it where the program names that"
    return replace(made, verdict="person", note=note, settings=(*made.settings, *assets))


def _nginx(step: Step) -> bool:
    return step.args[-1].startswith("/etc/nginx")


def _copied(read: Subject, step: Step, said: str) -> Row:
    source = step.instruction.flag("from") or ""
    if step.source is not None:
        title = read.file.stages[step.source].title
        note = f"the stack's own stages make it, instead of {title}; see imgforge stack show"
        return Row(step.line, said, "improved", note)
    return Row(step.line, said, "person", f"{source} is another image: no stack copies from it")


def _source(step: Step, installs: Collection[str], places: Places, context: Context) -> Row:
    """Return the row of what is copied from the context; ``installs`` are patterns of locks."""
    said = step.instruction.text
    names = [str(PurePosixPath(word.lstrip("/") or ".")) for word in step.args[:-1]]
    names = [match for name in names for match in _matches(name, context)]
    if any(c in n for n in names for c in "*?[$"):
        return Row(step.line, said, "person", "a pattern: list the files or folders in app.source")
    needed = [
        n for n in names if not any(fnmatchcase(PurePosixPath(n).name, kind) for kind in installs)
    ]
    if not needed:
        return Row(step.line, said, "improved", "the stack takes it along with the lock")
    values = [Setting(("app", "source"), needed)]
    if "." in needed:
        values.append(Setting(("app", "exclude"), _exclude(context)))
    moved = sorted(p.new for p in places.moved if p.source in needed and p.old != p.new)
    if any(n != "." and "/" not in n and n not in context.names for n in needed):
        note = "it does not exist beside the Dockerfile"
        return Row(step.line, said, "person", note, tuple(values))
    note = f"to {', '.join(moved)}, root's and read-only" if moved else "root's and read-only"
    return Row(step.line, said, "improved", note, tuple(values))


def _matches(name: str, context: Context) -> list[str]:
    """Return the files at the context's top that a pattern stands for; itself if there is none."""
    if "/" in name or "$" in name or not any(c in name for c in "*?["):
        return [name]
    return sorted(n for n in context.names if fnmatchcase(n, name)) or [name]


def _exclude(context: Context) -> list[str]:
    """Return what a ``.dockerignore`` leaves out and what no image needs, as a spec's patterns."""
    lines = [line.strip("/") for line in context.ignore or () if not line.startswith("!")]
    known = {*DEFAULT_EXCLUDE, *(p.removeprefix("**/") for p in DEFAULT_EXCLUDE)}
    kept = [line for line in lines if line and line not in known and not line.startswith("#")]
    names = [n for n in sorted(context.names) if any(fnmatchcase(n, p) for p in _NOT_SOURCES)]
    return list(dict.fromkeys([*kept, *names, "imgforge.toml", "imgforge.lock"]))


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
