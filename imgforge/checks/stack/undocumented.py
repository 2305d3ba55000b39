"""IF231: parameters that nobody explains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.subject import Subject

RULE: Final = Rule(
    "IF231",
    Severity.LOW,
    "A parameter is not explained",
    why=(
        "The name of a parameter is all that a developer sees who never reads templates. Without a "
        "sentence on what it changes they try values until something works, or leave alone what "
        "would have helped them; imgforge stack show and init print just this sentence."
    ),
    remedy="Write doc as a sentence that says what changes.",
    example="""\
[parameters.minify]
doc = ""
# better
doc = "Make scripts and style sheets smaller; source maps are left out."
""",
    references=("ISO/IEC 25010 appropriateness recognizability",),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Look for parameters without a word."""
    for name, declared in subject.stack.definition.parameters.items():
        if not declared.doc.strip():
            path, line = subject.toml("parameters", name, "doc")
            yield RULE.finding(f"{name} has no doc", path=path, line=line, key=name)
