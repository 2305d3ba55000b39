"""IF226: RUN written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.subject import Subject

RULE: Final = Rule(
    "IF226",
    Severity.MEDIUM,
    "A template writes RUN by hand",
    why=(
        "The macro run of steps.j2 gives a step no network unless the stage declares it, mounts "
        "the secrets and index settings that are declared, locks caches, stops at the first "
        "command that fails, and keeps the file creation mask. A RUN of one's own has none of it, "
        "and misses what the macro learns later."
    ),
    remedy="Write {% call run() %} ... {% endcall %}.",
    example="""\
RUN make
# better
{% call run() %}
make
{% endcall %}
""",
    references=("hadolint DL4006", "imgforge docs/how-to/own-stack.md"),
)

_RUN: Final = re.compile(r"(?m)^[ \t]*RUN[ \t\\]")


def check(subject: Subject) -> Iterator[Finding]:
    """Look for RUN at the beginning of a template's line."""
    for name, text in subject.stack.templates.items():
        for found in _RUN.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            message = "RUN is written by hand: use the macro run of steps.j2"
            yield RULE.finding(message, path=subject.path(name), line=line, key=str(line))
