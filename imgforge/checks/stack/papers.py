"""IF233: a stack without README or changelog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.subject import Subject
from imgforge.stack import FILE
from imgforge.workshop.papers import CHANGELOG, README

RULE: Final = Rule(
    "IF233",
    Severity.MEDIUM,
    "The stack has no README or no changelog",
    why=(
        "Hundreds of specs may name a stack whose authors their writers never meet. The README is "
        "where they learn what it expects and gives, the changelog what a new version means for "
        "them before they take it: imgforge stack diff shows the part between two versions."
    ),
    remedy="Write README.md, and CHANGELOG.md with a heading for every version.",
    example="""\
# Changes

## 1.1.0

- The parameter minify.
""",
    references=("Keep a Changelog 1.1.0",),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Look for both."""
    for name in (README, CHANGELOG):
        path = subject.folder / name
        if not path.is_file() or not path.stat().st_size:
            message = f"there is no {name}"
            yield RULE.finding(message, path=subject.path(FILE), line=1, key=name)
