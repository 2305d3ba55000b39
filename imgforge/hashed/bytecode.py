"""What a builder finds prepared to compile an application with."""

from __future__ import annotations

from pathlib import Path

from imgforge.hashed import programs
from imgforge.oci.types import Platform
from imgforge.plan import Fill


def prepare(fill: Fill, platform: Platform, context: Path) -> dict[str, bytes]:  # noqa: ARG001 - the same for every image
    """Return the programs: file name → content."""
    return programs()
