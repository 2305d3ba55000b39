"""The steps that an image's history tells of, as commands and as instructions.

Builders write ``created_by`` in forms of their own: the classic builder ``/bin/sh -c ...`` and
``/bin/sh -c #(nop) ADD ...``, BuildKit ``RUN |1 NAME=value /bin/sh -c ... # buildkit`` and
``ADD ... # buildkit``, others the line of the Dockerfile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.commands import Pipeline, pipelines

_SHELL: Final = re.compile(
    r"(?:^|\s)(?:/usr)?(?:/bin/)?(?:sh|bash|ash|dash|zsh)(?:\s+-[a-z]+|\s+-o\s+\w+)*?\s+-[a-z]*c\s"
)
_INSTRUCTION: Final = re.compile(
    r"(?i)(RUN|ADD|COPY|ENV|ARG|LABEL|CMD|ENTRYPOINT|USER|WORKDIR|VOLUME|EXPOSE|HEALTHCHECK|SHELL"
    r"|STOPSIGNAL|ONBUILD|MAINTAINER)\s+"
)
_NO_OPERATION: Final = "#(nop)"
_LONGEST: Final = 1 << 16
"""Characters of a step that are read: no builder's command line is longer than a kernel takes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``number`` counts from 0 as in messages, ``instruction`` is upper case.

    ``text`` is what stands behind the instruction; for RUN without arguments and shell.
    """

    number: int
    instruction: str
    text: str

    def commands(self) -> tuple[Pipeline, ...]:
        """Return what RUN starts; nothing for other instructions."""
        return pipelines(self.text) if self.instruction == "RUN" else ()


def steps(image: ImageFacts) -> Iterator[Step]:
    """Yield the steps whose instruction can be told."""
    for number, step in enumerate(image.config.get("history") or ()):
        text = str((step or {}).get("created_by") or "")[:_LONGEST].strip()
        text = text.removesuffix("# buildkit").rstrip()
        if _NO_OPERATION in text[:40]:
            text = text.split(_NO_OPERATION, 1)[1].strip()
        elif text.startswith(("/bin/", "/usr/bin/", "|")):
            text = f"RUN {text}"
        match = _INSTRUCTION.match(text)
        if match is not None:
            name, rest = match[1].upper(), text[match.end() :]
            yield Step(number, name, _command(rest) if name == "RUN" else rest)


def _command(text: str) -> str:
    shell = _SHELL.search(text) if text.startswith(("/", "|")) else None
    return text if shell is None else text[shell.end() :]
