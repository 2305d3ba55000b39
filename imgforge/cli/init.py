"""``imgforge init``."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import InvalidInputError
from imgforge.files import SPEC

if TYPE_CHECKING:
    from imgforge.detection.candidate import Candidate
    from imgforge.detection.draft import Draft
    from imgforge.detection.tree import Tree

EXAMPLES = """\
  imgforge init                                 look at this folder and write its imgforge.toml
  imgforge init services/api --explain          say what speaks for which stack; write nothing
  imgforge init --stdout                        print the spec; write nothing
  imgforge init --stack node --force            choose the stack; replace the spec that is there
  imgforge init --entrypoint '/usr/bin/python3 -m web'   say what the files don't
"""

_SHOWN = 8
"""Folders that are listed where the one that was named cannot be started."""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("init", COMMANDS["init"], EXAMPLES)
    out.add_argument(
        "path", nargs="?", type=Path, default=Path(), help="folder to look at (default: here)"
    )
    options.flag(out, "--stack", metavar="NAME", help="take this stack, where several fit")
    options.flag(
        out, "--entrypoint", metavar="WORDS", help="program and arguments, instead of what is found"
    )
    options.flag(out, "--force", action="store_true", help="replace a spec that is there")
    options.flag(out, "--stdout", action="store_true", help="print the spec; write nothing")
    options.flag(
        out,
        "--explain",
        action="store_true",
        help="print what made it decide, what spoke for others and what is unsure; write nothing",
    )
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Detect, write the spec and print its path, or what was asked for instead."""
    from imgforge import detection, newspec
    from imgforge.detection import draft as drafts

    target = given.path / SPEC
    writes = not given.stdout and not given.explain
    if writes and not given.force:
        newspec.demand_free(target)
    with console.step(f"look at {given.path}"):
        tree, found = detection.candidates(given.path)
    chosen = _chosen(tree, found, given.stack)
    if given.entrypoint:
        chosen = replace(chosen, entrypoint=_words(given.entrypoint))
    below = [
        f"imgforge init {given.path / path}: {name}" for path, name in detection.elsewhere(tree)
    ]
    draft = drafts.write(chosen, given.path.resolve().name, below[:_SHOWN])
    draft = replace(draft, doubts=(*draft.doubts, *_gaps(tree)))
    others = {c.stack: c.evidence for c in found if c.stack != chosen.stack}
    if writes:
        newspec.write(target, draft.text, replace=given.force)
    if given.format == "json":
        value = drafts.to_json(draft, others)
        print(json.dumps({**value, "path": str(target) if writes else None}, indent=2))
    elif given.explain:
        print("\n".join(_reasons(draft, [c for c in found if c.stack in others])))
    elif given.stdout:
        print(draft.text, end="")
    else:
        print(target)
    if writes:
        _tell(draft, given.path, console)
    return 0


def _chosen(tree: Tree, found: Sequence[Candidate], stack: str | None) -> Candidate:
    """Return the candidate to use; a terminal is asked where several fit equally well."""
    from imgforge import detection

    equal = detection.ties(found) if found and stack is None else []
    if len(equal) > 1 and sys.stdin.isatty() and sys.stderr.isatty():
        for number, candidate in enumerate(equal, 1):
            print(f"  {number}  {candidate.stack}: {detection.said(candidate)}", file=sys.stderr)
        print(f"which stack, 1 to {len(equal)}? ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline().strip()
        if answer.isdecimal() and 1 <= int(answer) <= len(equal):
            return equal[int(answer) - 1]
    return detection.best(tree, found, stack)


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InvalidInputError(f"--entrypoint {text!r}: {error}") from error


def _gaps(tree: Tree) -> list[str]:
    """Return what could not be looked at."""
    gaps = [f"not read: {line}" for line in tree.unreadable[:20]]
    return gaps if tree.whole else [*gaps, "the project is too large or deep: a part was seen"]


def _reasons(draft: Draft, others: Sequence[Candidate]) -> list[str]:
    from imgforge import detection
    from imgforge.console import harmless

    lines = [f"{draft.stack}, because of"]
    lines += [f"  {seen.file}: {seen.says}" for seen in draft.evidence]
    lines += ["others:"] if others else []
    lines += [f"  {c.stack} (weight {c.weight}): {detection.said(c)}" for c in others]
    lines += ["unsure, a person must check:"] if draft.doubts else []
    lines += [f"  {doubt}" for doubt in draft.doubts]
    return [harmless(line) for line in lines]


def _tell(draft: Draft, folder: Path, console: Console) -> None:
    console.note(f"stack {draft.stack}: {', '.join(dict.fromkeys(e.file for e in draft.evidence))}")
    for doubt in draft.doubts:
        console.warn(f"unsure: {doubt}")
    named = "" if str(folder) == "." else f" {shlex.quote(str(folder))}"
    console.note(f"next: imgforge lock{named}, then imgforge build{named}")
