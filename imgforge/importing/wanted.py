"""What a Dockerfile and its project want of a stack: a version, and a lock."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

from imgforge import stack as stacks
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.installs import use
from imgforge.dockerfile import Stage, Step
from imgforge.dockerfile.context import Context
from imgforge.importing import launched, origin
from imgforge.importing.places import Places
from imgforge.importing.row import Row, Setting

COPIES: Final = frozenset({"COPY", "ADD"})
_VERBS: Final = frozenset({"install", "i", "ci", "sync", ""})
"""Verbs of managers that install what a project's own lock says."""

_COMPATIBLE: Final = frozenset({"go", "rust"})
"""Languages whose newer compilers build what was written for older ones (go.dev/doc/go1compat)."""


def version(definition: stacks.Definition, read: Subject, stack: str) -> Iterator[Row]:
    """Yield the version that the image's or a builder's tag names, or the nearest to it."""
    for stage in read.file.built():
        found = origin.origin(stage.base) if stage.parent is None else None
        if found is None or found.stack != stack or not found.version:
            continue
        offered = origin.offered(found.version, definition.versions)
        if offered:
            note = f"version {offered}"
            yield Row(
                stage.line,
                f"FROM {stage.written}",
                "kept",
                note,
                (Setting(("stack", "version"), offered),),
            )
        else:
            yield _nearest(stage, stack, found.version, definition)
        return


def _nearest(stage: Stage, stack: str, wanted: str, definition: stacks.Definition) -> Row:
    """Return the row of a version that is not offered: the next that is, for a person to try."""
    newer = origin.nearest(wanted, definition.versions)
    version = newer or definition.default
    note = f"{stack} {wanted} is not offered ({', '.join(definition.versions)}): {version} is taken"
    values = (Setting(("stack", "version"), version),)
    said = f"FROM {stage.written}"
    if newer and stack in _COMPATIBLE:
        return Row(stage.line, said, "improved", f"{note}, which builds what older ones do", values)
    return Row(
        stage.line,
        said,
        "person",
        f"{note}; try it, or name a base of your own in stack.base",
        values,
    )


def locks(
    definition: stacks.Definition, context: Context, read: Subject, places: Places
) -> Iterator[Row]:
    """Yield the lock, if the stack wants one and the context has one of its kinds."""
    if definition.lock == "none":
        return
    line = read.file.stages[read.file.target].line
    copied = {
        str(PurePosixPath(word))
        for _, step in read.steps()
        if step.name in COPIES and of_context(step)
        for word in step.args[:-1]
    }
    managers, named = _installers(read)
    kinds = sorted(definition.locks, key=lambda kind: kind.manager not in managers)
    for kind in kinds:
        names = sorted(
            n for n in {*context.names, *copied} if fnmatchcase(PurePosixPath(n).name, kind.file)
        )
        if kind.file == "*.txt":  # other texts lie about too
            names = [n for n in names if "require" in PurePosixPath(n).name.lower()]
        names = [n for n in names if n in copied] or names
        asked = [n for n in named if fnmatchcase(PurePosixPath(n).name, kind.file)]
        names = [n for n in asked if (places.root / n).is_file()] or names
        if not names:
            continue
        names.sort(key=lambda n: PurePosixPath(n).name != "requirements.txt")
        if loose := _unhashed(places.root / names[0], names[0], kind.manager):
            yield Row(line, "lock", "person", loose, (Setting(("app", "lock"), names[0]),))
            return
        note = f"installed exactly as locked; if it is not a full lock: {kind.mend}"
        yield Row(line, "lock", "improved", note, (Setting(("app", "lock"), names[0]),))
        return
    if definition.lock == "required":
        known = [kind for kind in kinds if kind.manager in managers] or list(definition.locks)
        mends = "; ".join(f"{kind.file}: {kind.mend}" for kind in known)
        name = known[0].file.replace("*", "requirements")
        note = f"there is none beside the Dockerfile; make one: {mends}"
        yield Row(line, "lock", "person", note, (Setting(("app", "lock"), name),))


def _installers(read: Subject) -> tuple[set[str], list[str]]:
    """Return the managers that install in the Dockerfile, and files of requirements they name."""
    managers, files = set(), list[str]()
    for command in (c for run in read.runs if run.built for c in run.commands()):
        found = use(command)
        manager, verb = command.name, next(iter(command.args), "")
        if found is not None and found.installs:
            if found.packages:
                continue
            values = [*found.options.values("-r", "--requirement", "--requirements")]
            files += [str(PurePosixPath(v.lstrip("/"))) for v in values if v]
            manager = "pip" if values else manager
        elif verb not in _VERBS and (manager != "yarn" or not verb.startswith("-")):
            continue
        managers.add(manager)
    return managers, files


def _unhashed(path: Path, name: str, manager: str) -> str:
    """Say what makes a lock of requirements without hashes; '' if they have them, or are none."""
    if manager != "pip":
        return ""
    text = launched.beginning(path).decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines or "--hash=" in text:
        return ""
    loose = f"{name.removesuffix('.txt')}.in"
    return (
        f"{name} pins no hashes, and is no lock: mv {name} {loose} && "
        f"uv pip compile --generate-hashes {loose} -o {name}"
    )


def of_context(step: Step) -> bool:
    """Whether a COPY or ADD takes files of the build context."""
    return (
        step.source is None
        and step.instruction.flag("from") is None
        and not step.instruction.heredocs
    )
