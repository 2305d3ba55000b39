"""Dockerfiles, read as BuildKit reads them.

``lines`` makes instructions of text, ``instructions`` says what each may be, ``words`` expands
variables, ``stages`` follows them from stage to stage. A file is read whole or not at all:
:func:`parse` raises InvalidInputError with a line for every problem it can tell at once.
"""

from __future__ import annotations

from imgforge.dockerfile.lines import Flag, Heredoc, Instruction, Pair
from imgforge.dockerfile.stages import Dockerfile, Stage, Step, parse

__all__ = ["Dockerfile", "Flag", "Heredoc", "Instruction", "Pair", "Stage", "Step", "parse"]
