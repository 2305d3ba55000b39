"""What the rules of Dockerfiles look at: the stages, and every command in them, read once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from imgforge.checks.commands import (
    SHELLS,
    Command,
    Pipeline,
    every,
    exec_form,
    pipelines,
)
from imgforge.dockerfile import Dockerfile, Instruction, Stage, Step
from imgforge.dockerfile.context import Context
from imgforge.dockerfile.lines import is_heredoc
from imgforge.dockerfile.stages import SCRATCH

_RUN: Final = frozenset({"RUN"})
_STARTED: Final = frozenset({"CMD", "ENTRYPOINT", "HEALTHCHECK"})


@dataclass(frozen=True, slots=True)
class Run:
    """Commands of a step. ``text`` is what its shell reads, empty where there is no shell.

    ``places`` are offsets in it, ascending, and the lines of the file that begin there;
    ``shipped`` is whether the stage's files are in the image.
    """

    stage: Stage
    step: Step
    shipped: bool
    text: str
    pipelines: tuple[Pipeline, ...]
    places: tuple[tuple[int, int], ...] = ()

    @property
    def built(self) -> bool:
        """Whether it runs while the image is built, not when a container is started."""
        return self.step.name == "RUN"

    def commands(self) -> Iterator[Command]:
        """Yield every command, however deep it is nested."""
        return every(self.pipelines)

    def line(self, command: Command) -> int:
        """Return the line of the file where ``command`` begins."""
        index = bisect_right(self.places, command.start, key=lambda place: place[0]) - 1
        return self.places[index][1] if index >= 0 else self.step.line


@dataclass(frozen=True, slots=True)
class Subject:
    """A Dockerfile under judgement; ``context`` is None if the folder is not known."""

    file: Dockerfile
    context: Context | None
    runs: tuple[Run, ...]

    @property
    def path(self) -> str:
        """The path that findings name."""
        return self.file.name

    @property
    def final(self) -> Stage:
        """The stage that becomes the image."""
        return self.file.stages[self.file.target]

    def steps(self) -> Iterator[tuple[Stage, Step]]:
        """Yield every step of every stage; of an ONBUILD, what it triggers."""
        for stage in self.file.stages:
            for step in stage.steps:
                yield stage, _triggered(step)

    def images(self, *, bases: bool = True) -> Iterator[tuple[str, str, int]]:
        """Yield the images that are used: reference, where, and the line."""
        names = {stage.name for stage in self.file.stages if stage.name} | {SCRATCH, "context"}
        if bases:
            for stage in self.file.stages:
                if stage.parent is None and stage.base != SCRATCH:
                    yield stage.base, f"FROM of {stage.title}", stage.line
        for stage, step in self.steps():
            copied = step.instruction.flag("from") if step.name == "COPY" else None
            mounted = (mount.source_stage for mount in step.mounts)
            for image in (copied or "", *mounted):
                if image and image.lower() not in names and not image.isdecimal():
                    yield image, f"{step.name} in {stage.title}", step.line

    def only_carries(self) -> bool:
        """Whether the image is files on nothing, with nothing to run: an artifact, no service."""
        shipped = self.file.shipped()
        names = {step.name for stage in shipped for step in stage.steps}
        return shipped[0].base == SCRATCH and not names & {"RUN", "CMD", "ENTRYPOINT"}

    def shipped(self, name: str) -> Iterator[Step]:
        """Yield the steps ``name`` of the image itself, those of its ancestors first."""
        for stage in self.file.shipped():
            yield from (step for step in stage.steps if step.name == name)


def subject(file: Dockerfile, context: Context | None) -> Subject:
    """Read the commands of ``file`` once for all rules."""
    shipped = {stage.index for stage in file.shipped()}
    runs = []
    for stage in file.stages:
        for raw in stage.steps:
            step = _triggered(raw)
            if step.name in _RUN | _STARTED:
                runs.append(_run(stage, step, shipped=stage.index in shipped))
    return Subject(file, context, tuple(runs))


def _triggered(step: Step) -> Step:
    trigger = step.instruction.trigger
    if trigger is None:
        return step
    outer = step.instruction
    inner = replace(
        trigger, line=outer.line, end=outer.end, heredocs=outer.heredocs, origins=outer.origins
    )
    return replace(step, instruction=inner, args=inner.args, pairs=inner.pairs)


def _run(stage: Stage, step: Step, *, shipped: bool) -> Run:
    instruction = step.instruction
    words = instruction.args
    if step.name == "HEALTHCHECK":
        words = words[1:]
    if instruction.json:
        return Run(stage, step, shipped, "", exec_form(words))
    text, places = _script(instruction, words[-1] if words else "")
    return Run(stage, step, shipped, text, pipelines(text), tuple(places))


def _script(instruction: Instruction, text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return what the shell is given, as BuildKit's ``dispatchRun`` composes it, and its lines."""
    heredocs = instruction.heredocs
    if heredocs and is_heredoc(text):
        body = heredocs[0].text
        interpreter = body.partition("\n")[0]
        program = interpreter.split("/")[-1].split()
        if interpreter.startswith("#!") and not SHELLS.intersection(program):
            return "", []
        return body, list(_numbered(body, 0, heredocs[0].line))
    begin = instruction.text.find(text, instruction.rest) if text else 0
    places = [(max(0, offset - begin), line) for offset, line in instruction.origins]
    parts = [text]
    size = len(text)
    for heredoc in heredocs:
        body = f"\n{heredoc.content}{heredoc.name}"
        places += _numbered(body[1:], size + 1, heredoc.line)
        parts.append(body)
        size += len(body)
    return "".join(parts), places


def _numbered(text: str, start: int, line: int) -> Iterator[tuple[int, int]]:
    for number, said in enumerate(text.split("\n"), line):
        yield start, number
        start += len(said) + 1
