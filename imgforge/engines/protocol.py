"""What every engine is: a name, whether it can serve a plan, and how it builds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor
from imgforge.plan import BuildPlan

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """All that an engine is given.

    ``bases`` maps a base's pin to its layout directory;
    ``secrets`` maps a build secret's id to the file that holds its value.
    """

    plan: BuildPlan
    dockerfile: str
    context: Path
    bases: Mapping[str, Path]
    secrets: Mapping[str, Path]
    scratch: Path
    """A lasting directory of the engine's own, for what makes the next build quicker."""
    no_cache: bool
    say: Say


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
