"""The rows of what is started: ENTRYPOINT and CMD together, and HEALTHCHECK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from imgforge.checks.dockerfile.subject import Subject
from imgforge.dockerfile import Step
from imgforge.importing import launched, process
from imgforge.importing.own import own_start
from imgforge.importing.places import Places
from imgforge.importing.row import Row, Setting
from imgforge.plan import APP
from imgforge.secrets import secret_name, secret_value


def rows(
    read: Subject,
    stack: str,
    places: Places,
    root: Path,
    *,
    starts_itself: bool,
    chosen: dict[str, Any],
    usual: tuple[str, ...] = (),
) -> Iterator[Row]:
    """Yield what is started: ENTRYPOINT and CMD together, and HEALTHCHECK.

    ``usual`` is how ``imgforge init`` would start the project.
    """
    last = {s.name: s for stage in read.file.shipped() for s in stage.steps}
    # A CMD before the ENTRYPOINT of a later stage is forgotten by it (Dockerfile reference, CMD).
    # An empty list sets back what the base or an earlier stage starts.
    entry, command = (s if (s := last.get(n)) and s.args else None for n in ("ENTRYPOINT", "CMD"))
    health = last.get("HEALTHCHECK")
    first = entry or command
    env = {
        name: value or ""
        for stage in read.file.shipped()
        for step in stage.steps
        if step.name == "ENV"
        for name, value in step.pairs
        if not secret_name(name) and not secret_value(value or "")
    }
    if first is None and (stack == "static" or (stack == "php" and starts_itself)):
        yield Row(read.final.line, "ENTRYPOINT", "kept", "the stack's own entry point")
    elif first is None:
        note = "the base's own is started: name it in app.entrypoint"
        if usual:
            note = "the base's own was started; this is how imgforge init would start the project"
        settings = (Setting(("app", "entrypoint"), list(usual)),) if usual else ()
        yield Row(read.final.line, "ENTRYPOINT", "person", note, settings)
    else:
        yield from _started(first, command if entry else None, stack, places, root, chosen, env)
    if health is None or health.args[:1] == ("NONE",):
        return
    said = process.words(health, env)
    now = process.health(said.words, stack, places, root) if not said.doubt else said
    if now.doubt:
        yield Row(health.line, health.instruction.text, "person", now.doubt)
        return
    values = [Setting(("health", "command"), list(now.words))]
    for flag, key in (
        ("interval", "interval"),
        ("timeout", "timeout"),
        ("start-period", "start-period"),
    ):
        if value := health.instruction.flag(flag):
            values.append(Setting(("health", key), value))
    if (retries := health.instruction.flag("retries")) and retries.isdecimal() and int(retries):
        values.append(Setting(("health", "retries"), int(retries)))
    same = now.words == said.words and not now.notes and not said.notes
    note = "; ".join((*said.notes, *now.notes)) or "absolute, without a shell"
    yield Row(
        health.line, health.instruction.text, "kept" if same else "improved", note, tuple(values)
    )


def _started(  # noqa: PLR0917 - what a start depends on
    first: Step,
    command: Step | None,
    stack: str,
    places: Places,
    root: Path,
    chosen: dict[str, Any],
    env: Mapping[str, str],
) -> Iterator[Row]:
    said = process.words(first, env)
    now = process.started(said.words, stack, places, root) if not said.doubt else said
    if command is not None and not said.doubt and process.only_init(said.words):
        more = process.words(command, env)
        said = process.Started((*said.words, *more.words), more.doubt, more.notes, more.fixed)
        now = process.started(said.words, stack, places, root) if not said.doubt else said
        command = None
    text = first.instruction.text
    if (
        now.doubt
        and not said.doubt
        and command is not None
        and process.hands_on(said.words, places)
    ):
        note = (
            "a shell script, and the image has no shell: what it does before it starts CMD must "
            "be done before, or by the program; CMD is started at once"
        )
        yield Row(first.line, text, "person", note)
        yield from _started(command, None, stack, places, root, chosen, env)
        return
    program, _ = launched.without_runner(list(said.words))
    own = own_start(program, stack, places, chosen) if not said.doubt else None
    if own is not None:
        yield _fixed(Row(first.line, text, "kept", own.note, own.settings), said, stack)
        now = said
    elif now.doubt:
        yield Row(first.line, text, "person", now.doubt)
    else:
        same = now.words == said.words and first.instruction.json
        note = "; ".join((*said.notes, *now.notes)) or "absolute, without a shell"
        values = (Setting(("app", "entrypoint"), list(now.words)),)
        made = Row(first.line, text, "kept" if same else "improved", note, values)
        yield _fixed(_signalled(made, now, places), said, stack)
    if command is None:
        return
    more = process.words(command, env)
    text = command.instruction.text
    if more.doubt or now.doubt:
        yield Row(command.line, text, "person", more.doubt or "see ENTRYPOINT")
        return
    arguments = Setting(("app", "command"), [places.argument(word) for word in more.words])
    yield _fixed(Row(command.line, text, "kept", "default arguments", (arguments,)), more, stack)


def _signalled(made: Row, now: process.Started, places: Places) -> Row:
    """Return the row of a start; a person's, if a script that an init ended must end itself now.

    As PID 1 a program gets no signal that it has no handler for (pid_namespaces(7)).
    """
    if launched.INIT not in now.notes or len(now.words) < 2 or now.words[1].startswith("-"):  # noqa: PLR2004 - interpreter, script
        return made
    file = places.file(now.words[1]) or places.root / now.words[1].removeprefix(f"{APP}/")
    if launched.ends(file):
        return made
    note = "no init program stands between: end at SIGTERM, which nothing else does for PID 1"
    return replace(made, verdict="person", note=note)


def _fixed(made: Row, said: process.Started, stack: str) -> Row:
    """Return the row of a start; a person's, if a shell let variables change it at each start."""
    if not said.fixed:
        return made
    own = ". Java reads JAVA_TOOL_OPTIONS itself" if stack == "java" else ""
    note = f"no shell expands variables when it starts: {', '.join(said.fixed)} for good{own}"
    return replace(made, verdict="person", note=note)
