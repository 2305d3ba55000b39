"""IF221: bases that may change, and templates that name one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.subject import Subject

RULE: Final = Rule(
    "IF221",
    Severity.HIGH,
    "A base of the stack is not pinned",
    why=(
        "A tag in a registry is whatever its owner puts there next. A stack that names one gives "
        "every application that uses it another base from one day to the other, at the moment when "
        "somebody locks again, and nobody has tried the stack on it. A FROM in a template would "
        "even go past the lock, and is refused when the stage is rendered."
    ),
    remedy="Name a base of imgforge's, which the lock pins, or a registry's with @sha256:...",
    example="""\
runtime = "registry.example.com/base/python:3.13"
# better
runtime = "registry.example.com/base/python:3.13@sha256:..."
""",
    references=("CIS Docker Benchmark 4.2", "hadolint DL3006", "SLSA v1.0 pinned dependencies"),
)

_FROM: Final = re.compile(r"(?m)^[ \t]*FROM[ \t]")


def check(subject: Subject) -> Iterator[Finding]:
    """Judge the bases of versions and variants, and look for FROM."""
    definition = subject.stack.definition
    named: list[tuple[tuple[str | int, ...], str | None]] = []
    for version, offer in definition.versions.items():
        named += [(("versions", version, "runtime"), offer.runtime)]
        named += [(("versions", version, "builder"), offer.builder)]
    for number, variant in enumerate(definition.variants):
        named += [(("variants", number, "runtime"), variant.runtime)]
        named += [(("variants", number, "builder"), variant.builder)]
    for location, base in named:
        if base and "/" in base and "@sha256:" not in base:
            path, line = subject.toml(*location)
            yield RULE.finding(f"{base} has no digest", path=path, line=line, key=base)
    for name, text in subject.stack.templates.items():
        for found in _FROM.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            message = "a FROM: which base a stage has, stack.toml says"
            yield RULE.finding(message, path=subject.path(name), line=line, key=f"FROM {line}")
