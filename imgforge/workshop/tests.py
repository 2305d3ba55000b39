"""Where the tests of a stack lie: specs with expectations, each in a folder of its own.

A stack's own stand in its folder below ``tests/``. Examples for people to read serve as tests too:
those in a folder ``examples/`` beside the one that holds the stacks, whose spec names the stack.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from imgforge.files import SPEC
from imgforge.output import DEFAULT

IGNORED = shutil.ignore_patterns(DEFAULT, "__pycache__", ".venv", "node_modules")
"""What is never copied along with a test."""


def of(folder: Path) -> list[Path]:
    """Return the folders of all tests of the stack in ``folder``, its own first."""
    return [*own(folder), *examples(folder)]


def own(folder: Path) -> list[Path]:
    """Return the folders below ``tests/``, by name."""
    return sorted(spec.parent for spec in folder.glob(f"tests/*/{SPEC}"))


def examples(folder: Path) -> list[Path]:
    """Return the examples that use the stack, by name."""
    folder = folder.resolve()
    around = folder.parent.parent / "examples"
    return sorted(spec.parent for spec in around.glob(f"*/{SPEC}") if _stack(spec) == folder.name)


def _stack(spec: Path) -> object:
    """Return which stack a spec names; None if it cannot be told, which building it would say."""
    try:
        return tomllib.loads(spec.read_text(encoding="utf-8"))["stack"]["name"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
