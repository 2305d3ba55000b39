"""What COPY and ADD bring: sources of the application, or what stages and other images make."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

from imgforge import stack as stacks
from imgforge.checks.dockerfile.subject import Subject
from imgforge.dockerfile import Stage, Step
from imgforge.dockerfile.context import Context
from imgforge.fields import Pattern
from imgforge.importing import lineage, origin, parameters, settings, wanted
from imgforge.importing.places import Places
from imgforge.importing.row import Row, Setting
from imgforge.plan import DEFAULT_EXCLUDE

_NOT_SOURCES: Final = (
    *("Dockerfile*", "*.Dockerfile", ".dockerignore", "docker-compose*", "compose*.y*ml"),
    *(".github", ".gitlab*", ".gitignore", ".gitattributes", ".devcontainer", ".vscode", ".idea"),
)
_COVERED: Final = frozenset({"*.py[cod]", "**/*.py[cod]", "*.py[co]", "**/*.py[co]"})
"""What a spec leaves out by itself, in other words."""

_SHOWN: Final = 8
_GIVEN: Final = re.compile(r"/(?:etc/(?:ssl|pki|passwd|group|nsswitch)|usr/share/(?:zoneinfo|ca-))")
"""What every base has: CA certificates, time zones, accounts."""


def rows(
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
            yield _copied(read, step, said, definition)
        elif step.name == "ADD" and any(
            "://" in word or word.startswith("git@") for word in step.args[:-1]
        ):
            yield Row(
                step.line, said, "person", "a download that no lock pins: keep it beside the spec"
            )
        elif stage.index not in shipped and not builds:
            yield Row(step.line, said, "dropped", "the stack copies what installing needs")
        elif stage.index not in shipped and (other := _other(read, stage, definition)):
            yield Row(step.line, said, "dropped", f"{stage.title} alone needs it, of stack {other}")
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


def unsaid(read: Subject, context: Context) -> Iterator[Row]:
    """Yield the patterns of a ``.dockerignore`` that the spec of a whole folder cannot say."""
    whole = (s for _, s in read.steps() if s.name in wanted.COPIES and "." in s.args[:-1])
    step = next((s for s in whole if wanted.of_context(s)), None)
    if step is not None and (lost := _lost(context)):
        note = f"app.exclude cannot say {lost}: list such files in it by their names"
        if "!" in lost:
            note += "; what ! brings back is left out as long as another pattern says so"
        yield Row(step.line, context.ignore_file, "person", note)


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


def _other(read: Subject, stage: Stage, definition: stacks.Definition | None) -> str:
    """Return the stack that a stage is of, if it is another than the image's; else ''."""
    name = definition.name if definition is not None else ""
    found = lineage.of_stage(read, stage) if name != "static" else ""
    return found if found != name else ""


def _copied(read: Subject, step: Step, said: str, definition: stacks.Definition | None) -> Row:
    """Return the row of what another stage or another image makes."""
    if all(_GIVEN.match(word) for word in step.args[:-1]):
        return Row(step.line, said, "improved", "the base has it")
    name = definition.name if definition is not None else ""
    if step.source is None:
        image = step.instruction.flag("from") or ""
        found = origin.origin(image)
        if found is not None and found.stack == name:
            return Row(step.line, said, "improved", f"the stack {name} brings what it needs of it")
        note = f"{image} is another image: no stack copies from it"
        return Row(step.line, said, "person", note)
    stage = read.file.stages[step.source]
    if name == "static":
        note = "made before the image is built, and served from the folder that app.source names"
        return Row(step.line, said, "improved", note)
    of = lineage.of_stage(read, stage)
    if of == name or stage.index in {s.index for s in read.file.shipped()}:
        note = f"the stack's own stages make it, instead of {stage.title}; see imgforge stack show"
        return Row(step.line, said, "improved", note)
    why = f"{stage.title} is of the stack {of}" if of else f"no stage of a stack is {stage.title}"
    note = f"{why}: make it before the build, keep it beside the spec, and name it in app.source"
    return Row(step.line, said, "person", note)


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
    kept = [line for line in _ignored(context) if not settings.misfit(Pattern, line)]
    names = [n for n in sorted(context.names) if any(fnmatchcase(n, p) for p in _NOT_SOURCES)]
    return list(dict.fromkeys([*kept, *names, "imgforge.toml", "imgforge.lock"]))


def _lost(context: Context) -> str:
    """Return patterns of a ``.dockerignore`` that a spec has no words for; '' if there are none."""
    found = [line for line in _ignored(context) if settings.misfit(Pattern, line)]
    found += [line for line in context.ignore or () if line.startswith("!")]
    return ", ".join(found[:_SHOWN]) + (" …" if len(found) > _SHOWN else "")


def _ignored(context: Context) -> list[str]:
    lines = [line.strip("/") for line in context.ignore or () if not line.startswith("!")]
    known = {*DEFAULT_EXCLUDE, *(p.removeprefix("**/") for p in DEFAULT_EXCLUDE), *_COVERED}
    return [line for line in lines if line and line not in known and not line.startswith("#")]
