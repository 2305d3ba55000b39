"""IF012: files and directories that everybody may write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import DIRECTORY, FILE, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy import Policy

RULE: Final = Rule(
    "IF012",
    Severity.MEDIUM,
    "A file or directory can be written by everybody",
    why="Any process, whatever it runs as, may change such a file, or put files of its own "
    "into such a directory. What one service writes there another may read as settings "
    "or run as code.",
    remedy="Remove write permission for others; give shared directories the sticky bit.",
    example="""\
# Faulty: everybody may exchange the program.
COPY app /app
RUN chmod -R 777 /app

# Cured: root owns it, others read it; what must be written is a volume.
COPY --chown=0:0 --chmod=0555 app /app
VOLUME /data
""",
    references=(
        "CIS Distribution Independent Linux 6.1.10",
        "CWE-732",
    ),
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
