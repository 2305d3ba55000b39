"""What the rules of stacks look at: definition, parsed templates, every variant rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.checks.dockerfile.subject import Run
from imgforge.checks.dockerfile.subject import Subject as FileSubject
from imgforge.dockerfile import Step
from imgforge.stack import FILE, LoadedStack, StageDeclaration
from imgforge.tomlfile import Lines, Location
from imgforge.workshop.variants import Failed, Variant

if TYPE_CHECKING:
    from jinja2.nodes import Template

_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
_LEAST = 3
"""Characters that a template's line must say itself to be known again."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A variant, its Dockerfile read."""

    variant: Variant
    file: FileSubject

    @property
    def last(self) -> int:
        """The line on which the runtime stage begins, which is not the stack's."""
        return self.file.final.line


@dataclass(frozen=True, slots=True)
class Subject:
    """A stack under judgement.

    ``label`` is what findings call its folder. ``trees`` are the templates that could be parsed,
    ``broken`` the line and the reason of those that could not.
    """

    stack: LoadedStack
    folder: Path
    label: str
    lines: Lines
    trees: Mapping[str, Template]
    broken: Mapping[str, tuple[int, str]]
    variants: tuple[Rendered, ...]
    failed: tuple[Failed, ...]

    def path(self, name: str) -> str:
        """Return what findings call the file ``name`` of the folder."""
        return f"{self.label}/{name}"

    def toml(self, *location: str | int) -> tuple[str, int]:
        """Return path and line of a value of ``stack.toml``."""
        place: Location = location
        return self.path(FILE), self.lines.of(place)

    def stages(self) -> Iterator[tuple[int, StageDeclaration]]:
        """Yield the declared stages with their number."""
        yield from enumerate(self.stack.definition.stages)

    def runs(self) -> Iterator[tuple[Rendered, StageDeclaration, Run]]:
        """Yield every RUN of every variant with the stage that it belongs to."""
        declared = {stage.name: stage for stage in self.stack.definition.stages}
        for rendered in self.variants:
            for run in rendered.file.runs:
                if run.built and run.stage.name in declared:
                    yield rendered, declared[run.stage.name], run

    def steps(self) -> Iterator[tuple[Rendered, StageDeclaration, Step]]:
        """Yield every step of every variant's build stages."""
        declared = {stage.name: stage for stage in self.stack.definition.stages}
        for rendered in self.variants:
            for stage, step in rendered.file.steps():
                if stage.name in declared:
                    yield rendered, declared[stage.name], step

    def place(self, rendered: Rendered, line: int) -> tuple[str, int]:
        """Return path and line of what a rendered line comes from.

        It is the template's line if one can be told, else the stage's place in ``stack.toml``.
        """
        stage = next((s for s in reversed(rendered.file.file.stages) if s.line <= line), None)
        number, declared = next(
            ((n, d) for n, d in self.stages() if stage is not None and d.name == stage.name),
            (0, None),
        )
        if declared is None:
            return self.path(FILE), 1
        texts = rendered.variant.dockerfile.splitlines()
        names = [declared.template, *(n for n in self.stack.templates if n != declared.template)]
        while line <= len(texts):
            text = texts[line - 1]
            for name in names:
                if found := _line(self.stack.templates[name], text):
                    return self.path(name), found
            if not text.endswith("\\"):
                break
            line += 1
        return self.toml("stages", number, "template")


def _line(template: str, text: str) -> int:
    """Return the first line of ``template`` that renders to ``text``, 0 if none is known to."""
    wanted = text.strip().removesuffix("\\").strip()
    if not wanted:
        return 0
    for number, line in enumerate(template.splitlines(), 1):
        parts = _EXPRESSION.split(line.strip())
        if sum(len(part.strip()) for part in parts) < _LEAST:
            continue
        if re.fullmatch(".*".join(map(re.escape, parts)), wanted):
            return number
    return 0
