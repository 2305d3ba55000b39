"""IF012: files and directories that everybody may write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import DIRECTORY, FILE, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF012",
    Severity.MEDIUM,
    "A file or directory can be written by everybody",
    why="Every process in the container can change the file, or replace what is in the"
    " directory, whatever user it has. A program, library or configuration that is changed"
    " this way runs or is believed later, perhaps by a process with more rights. In a"
    " directory with the sticky bit, each user can at least remove only files of their own.",
    remedy="Remove write permission for others; give shared directories the sticky bit.",
    example="""\
# Faulty: everybody may exchange the program.
COPY app /app
RUN chmod -R 777 /app

# Cured: root owns it, others read it; what must be written is a volume.
COPY --chown=0:0 --chmod=0555 app /app
VOLUME /data
""",
    references=("CIS Distribution Independent Linux 6.1.10",),
)

_OTHERS: Final = 0o002
_STICKY: Final = 0o1000


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find them in the final file system; sticky directories such as /tmp are fine."""
    for fact in image.files.values():
        if not fact.mode & _OTHERS or fact.kind not in {FILE, DIRECTORY}:
            continue
        if fact.kind == DIRECTORY and fact.mode & _STICKY:
            continue
        message = f"/{fact.path} has mode {fact.mode:04o}"
        layer = image.layers[fact.layer].digest
        yield RULE.finding(message, path=fact.path, layer=layer)
