"""Which stack the image of a Dockerfile is of, and each of its stages."""

from __future__ import annotations

from collections import Counter
from typing import Final

from imgforge import stack as stacks
from imgforge.checks.dockerfile.subject import Subject
from imgforge.dockerfile import Stage
from imgforge.importing import origin, tools
from imgforge.importing.row import Row

_COMPILED: Final = ("go", "rust", "java")
"""Where several stages feed an image, the one that compiles makes the program."""

_NAMED: Final = (
    "by the words in its name: what it brings besides the language is not in the base, so add "
    "what the program needs of it"
)


def image(read: Subject) -> tuple[Row, str]:
    """Return the row of the base, and the stack: of the image's own base, else of a builder's."""
    file = read.file
    shipped = file.shipped()[0]
    found = origin.origin(shipped.base)
    if found is not None:
        return _base(shipped, found.stack), found.stack
    plain = origin.plain(shipped.base)
    guess = None if plain else origin.guessed(shipped.base)
    if guess is not None:
        note = f"stack {guess.stack}, {_NAMED}"
        return Row(shipped.line, f"FROM {shipped.written}", "person", note), guess.stack
    feeding = sorted(
        {s.source for stage in file.shipped() for s in stage.steps if s.source is not None}
    )
    named = [stack for index in feeding if (stack := of_stage(read, file.stages[index]))]
    named.sort(key=lambda stack: stack not in _COMPILED)
    named += [stack] if (stack := _worked(read, file.shipped())) else []
    if named:
        return _base(shipped, named[0]), named[0]
    if plain:
        return _base(shipped, "binary"), "binary"
    note = (
        "nothing is known of what this image brings; taken for a program that brings all it "
        "needs: choose a stack (imgforge stack list)"
    )
    return Row(shipped.line, f"FROM {shipped.written}", "person", note), "binary"


def of_stage(read: Subject, stage: Stage) -> str:
    """Return the stack that a stage is of, by its base or by what it runs; '' if by none."""
    chain = [stage]
    while (parent := chain[-1].parent) is not None:
        chain.append(read.file.stages[parent])
    base = chain[-1].base
    found = origin.origin(base) or (None if origin.plain(base) else origin.guessed(base))
    return found.stack if found is not None else _worked(read, tuple(chain))


def _worked(read: Subject, chain: tuple[Stage, ...]) -> str:
    """Return the stack whose tools are used most in the RUN of ``chain``; '' if none are."""
    indexes = {stage.index for stage in chain}
    owners = Counter(
        owner
        for run in read.runs
        if run.built and run.stage.index in indexes
        for command in run.commands()
        if (owner := tools.owner(command))
    )
    return owners.most_common(1)[0][0] if owners else ""


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
