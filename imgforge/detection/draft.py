"""A spec for what was detected: fitted to its stack, checked, and written with reasons."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import PydanticCustomError

from imgforge import spec as specs
from imgforge import stack as stacks
from imgforge.choice import choose
from imgforge.console import harmless
from imgforge.detection import ranges
from imgforge.detection.candidate import Candidate, Evidence
from imgforge.errors import InvalidInputError
from imgforge.fields import relative
from imgforge.files import SPEC
from imgforge.stack import Definition

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """A spec that was written for a project: its text, why it says so, and what to check."""

    stack: str
    text: str
    evidence: tuple[Evidence, ...]
    doubts: tuple[str, ...]


def write(candidate: Candidate, folder_name: str, others: Sequence[str] = ()) -> Draft:
    """Write the spec of ``candidate``; ``folder_name`` names the image if nothing else does.

    ``others`` are what may be meant instead, where nothing says how this one is started.

    InvalidInputError if the project does not say what the stack must know.
    """
    stack = stacks.load(candidate.stack)
    definition = stack.definition
    doubts = list(candidate.doubts)
    version = _version(candidate, definition, doubts)
    candidate = replace(
        candidate,
        packages=tuple(p.replace("{}", version) for p in candidate.packages),
        parameters=_parameters(candidate, definition, doubts),
        source=_source(candidate, doubts),
    )
    lock = _lock(candidate, definition, doubts)
    text = "\n".join(_lines(candidate, definition, version, lock, folder_name, doubts)) + "\n"
    try:
        _check(stack, text)
    except InvalidInputError as error:
        if not lock and any("app.lock: is required" in detail for detail in error.details):
            lock = _missing(candidate, definition, doubts)
            text = (
                "\n".join(_lines(candidate, definition, version, lock, folder_name, doubts)) + "\n"
            )
            _check(stack, text)
            return Draft(candidate.stack, text, candidate.evidence, tuple(doubts))
        if any("app.entrypoint: is required" in detail for detail in error.details):
            raise InvalidInputError(
                "nothing says how the program is started",
                details=[*doubts, *others],
                hint="say it: imgforge init --entrypoint '/usr/bin/PROGRAM ARGUMENT …'",
            ) from error
        raise
    return Draft(candidate.stack, text, candidate.evidence, tuple(doubts))


def _check(stack: stacks.LoadedStack, text: str) -> None:
    data = text.encode()
    choose(stack, specs.parse(data), data, SPEC)


def _version(candidate: Candidate, definition: Definition, doubts: list[str]) -> str:
    offered = list(definition.versions)
    found = ranges.choose(candidate.wanted, offered, definition.default)
    if found is None:
        doubts.append(
            f"{candidate.wanted_by} asks for {candidate.wanted}, which the stack does not offer "
            f"({', '.join(offered)}): {definition.default} was taken"
        )
    return found or definition.default


def _parameters(candidate: Candidate, definition: Definition, doubts: list[str]) -> dict[str, Any]:
    kept = {}
    for name, value in candidate.parameters.items():
        declared = definition.parameters.get(name)
        if declared is not None and stacks.fits(declared, value, trusted=True):
            kept[name] = value
        else:
            doubts.append(f"the stack has no place for {name} = {_value(value)}")
    return kept


def _source(candidate: Candidate, doubts: list[str]) -> tuple[str, ...]:
    kept = []
    for path in candidate.source:
        try:
            kept.append(relative(path))
        except PydanticCustomError as error:
            doubts.append(f"{path} is left out: {error.message()}")
    if not kept:
        doubts.append("no sources were recognised: app.source names the whole folder")
    return tuple(kept) or (".",)


def _lock(candidate: Candidate, definition: Definition, doubts: list[str]) -> str:
    """Return the lock that the spec names, which may not be there yet; '' for none."""
    if definition.lock == "none":
        return ""
    known = [name for name in candidate.locks if stacks.lock_kind(definition, name)]
    if known:
        return known[0]
    if candidate.locks:
        doubts.append(f"the stack has no use for {', '.join(candidate.locks)}")
    if definition.lock == "optional":
        return ""
    return _missing(candidate, definition, doubts)


def _missing(candidate: Candidate, definition: Definition, doubts: list[str]) -> str:
    """Return the name of the lock that must be made, and say how."""
    kind = stacks.lock_lacking(definition, candidate.parameters)
    name = "requirements.txt" if kind.file == "*.txt" else kind.file.replace("*", "lock")
    doubts.append(f"there is no lock file yet; make {name} with: {kind.mend}")
    return name


def _lines(  # noqa: PLR0917 - what a spec is made of
    candidate: Candidate,
    definition: Definition,
    version: str,
    lock: str,
    folder_name: str,
    doubts: Sequence[str],
) -> Iterator[str]:
    yield "# Written by imgforge init: read it, change it, keep it. What made it decide:"
    yield from (_comment(f"  {seen.file}: {seen.says}") for seen in candidate.evidence)
    if doubts:
        yield "# What is unsure, and a person must check:"
        yield from (_comment(f"  {doubt}") for doubt in doubts)
    yield from _head(candidate, folder_name)
    yield from _stack(candidate, definition, version)
    yield from _app(candidate, lock)
    yield from ("", "[run]")
    yield f"writable = {_value(list(candidate.writable))} # all else is read-only"
    yield '# required-env = ["PUBLIC_URL"] # without which it must not start'
    yield '# secrets = ["session-key"] # mounted at /run/secrets/NAME when it runs'
    if not any(r.health for r in (definition.runtime, *definition.variants)):
        yield from ("", "# [health] # a program that ends with 0 if all is well; there is no shell")
        yield '# command = ["/app/health"]'


def _head(candidate: Candidate, folder_name: str) -> Iterator[str]:
    yield from ("", "[image]")
    yield f"name = {_value(_name(candidate.name) or _name(folder_name) or 'app')}"
    if _plain(candidate.version):
        yield f"version = {_value(candidate.version)}"
    if _plain(candidate.licence):
        yield f"licenses = {_value(candidate.licence)}"


def _stack(candidate: Candidate, definition: Definition, version: str) -> Iterator[str]:
    yield from ("", "[stack]")
    yield f"name = {_value(candidate.stack)}"
    why = f" # {candidate.wanted_by} asks for {candidate.wanted}" if candidate.wanted else ""
    yield f"version = {_value(version)}" + harmless(why)[:_WIDTH]
    if candidate.packages:
        yield f"packages = {_value(list(candidate.packages))} # of Debian, for the image"
    if candidate.parameters:
        yield from ("", "[stack.parameters]")
        for name, value in candidate.parameters.items():
            yield _comment(definition.parameters[name].doc)
            yield f"{name} = {_value(value)}"


def _app(candidate: Candidate, lock: str) -> Iterator[str]:
    yield from ("", "[app]")
    yield f"source = {_value(list(candidate.source))} # what lands under /app"
    if lock:
        yield f"lock = {_value(lock)}"
    if candidate.entrypoint:
        yield f"entrypoint = {_value(list(candidate.entrypoint))}"
    if candidate.ports:
        yield f"ports = {_value(list(candidate.ports))}"
    if candidate.env:
        yield from ("", "[env]")
        yield from (f"{name} = {_value(value)}" for name, value in candidate.env.items())


def _comment(text: str) -> str:
    return "# " + harmless(text)[: _WIDTH * 3]


def _value(value: Any) -> str:  # noqa: ANN401 - what TOML can say
    return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")


def _plain(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9 ().+_-]{1,100}", text) is not None


def _name(text: str) -> str:
    """Return what of a project's name a repository may be called; '' if nothing is left."""
    parts = (re.sub(r"[^a-z0-9]+", "-", part).strip("-") for part in text.lower().split("/"))
    return "/".join(part for part in parts if part)[:100].strip("-/")


def to_json(draft: Draft, others: Mapping[str, Sequence[Evidence]]) -> dict[str, Any]:
    """Return what ``init --format json`` prints: the spec's text, and the reasons."""
    return {
        "stack": draft.stack,
        "spec": draft.text,
        "evidence": [{"file": e.file, "says": e.says} for e in draft.evidence],
        "doubts": list(draft.doubts),
        "others": {
            name: [{"file": e.file, "says": e.says} for e in seen] for name, seen in others.items()
        },
    }
