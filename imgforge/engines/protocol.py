"""What every engine is: a name, whether it can serve a plan, and how it builds one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor
from imgforge.plan import BuildPlan

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BuildSecret:
    """Where the value of a build secret is: a file, or one of this process's variables.

    It is handed on from there and never written anywhere.
    """

    file: Path | None = None
    variable: str = ""

    def value(self) -> str:
        """Return the value, to take it out of what is printed."""
        if self.file is None:
            return os.environ.get(self.variable, "")
        return self.file.read_text(encoding="utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """All that an engine is given.

    ``bases`` maps a base's pin to its layout directory, ``secrets`` a build secret's id to it.
    """

    plan: BuildPlan
    dockerfile: str
    context: Path
    bases: Mapping[str, Path]
    secrets: Mapping[str, BuildSecret]
    scratch: Path
    """A lasting directory of the engine's own, for what makes the next build quicker."""
    no_cache: bool
    say: Say
    offline: bool = False
    """Whether imgforge may fetch nothing; an engine's steps have the network it gives them."""


@dataclass(frozen=True, slots=True)
class Built:
    """An image (manifest or index) in a layout, and what made it (name → version)."""

    layout: Layout
    image: Descriptor
    tools: Mapping[str, str]


class Engine(Protocol):
    """One way of building a plan. Modules of this package satisfy it as they are."""

    NAME: str

    def unable(self, plan: BuildPlan) -> str:
        """Say why this engine cannot serve ``plan`` here and now; empty if it can."""

    def build(self, request: BuildRequest) -> Built:
        """Build; raises BuildFailedError, ToolMissingError or InvalidInputError."""
