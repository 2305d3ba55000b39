"""Filling a folder with texts that the plan holds already, such as a server's configuration.

The builder's step prints the same lines, so both engines ship the same files.
"""

from __future__ import annotations

from pathlib import Path

from imgforge.engines.protocol import BuildRequest
from imgforge.oci.types import Platform
from imgforge.plan import Fill


def describe(fill: Fill) -> str:
    """Say what :func:`fill` does, for the progress."""
    return f"writing {', '.join(fill.parameters)}"


def inputs(fill: Fill, context: Path) -> list[str]:  # noqa: ARG001 - as every fill has it
    """Return what decides the result besides the parameters: nothing."""
    return []


def tools() -> dict[str, str]:
    """Return what writes the files: imgforge itself, which is named anyway."""
    return {}


def fill(
    fill: Fill,
    platform: Platform,  # noqa: ARG001 - as every fill has it
    request: BuildRequest,  # noqa: ARG001
    folder: Path,
) -> None:
    """Write the texts below ``folder``; paths were checked when the stack was read."""
    for path, text in fill.parameters.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
