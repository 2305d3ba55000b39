"""IF222: credentials in what a stack sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.subject import Subject
from imgforge.secrets import placeholder, secret_name
from imgforge.secrets import secret_value as credential

RULE: Final = Rule(
    "IF222",
    Severity.CRITICAL,
    "The stack sets a credential",
    why=(
        "What a stack sets stands in every image of every application that uses it: in the "
        "configuration, in the history, in the provenance, and in the stack's own folder, which a "
        "catalog hands to everybody. A variable that is named for a secret invites the next one "
        "who changes it to put one there."
    ),
    remedy=(
        "Revoke it; let steps read secrets that specs declare ([[build.secrets]]) and programs "
        "those of [run] secrets."
    ),
    example="""\
[runtime.env]
API_TOKEN = "..."
# better: the spec's
[run]
secrets = ["api-token"]
""",
    references=("CIS Docker Benchmark 4.10", "NIST SP 800-190 4.1.4", "CWE-526", "CWE-798"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Judge names and values of variables, and the values of versions and parameters."""
    for location, name, value, named in _values(subject):
        kind = credential(f"{name}={value}")
        if kind is None and not (named and secret_name(name) and not placeholder(value)):
            continue
        path, line = subject.toml(*location)
        message = f"{name} holds a {kind}" if kind else f"{name} is named for a secret"
        yield RULE.finding(message, path=path, line=line, key=name)


def _values(subject: Subject) -> Iterator[tuple[tuple[str | int, ...], str, str, bool]]:
    """Yield place, name and value of each text, and whether its name alone tells something."""
    definition = subject.stack.definition
    for name, value in definition.runtime.env.items():
        yield ("runtime", "env", name), name, value, True
    for number, variant in enumerate(definition.variants):
        for name, value in variant.env.items():
            yield ("variants", number, "env", name), name, value, True
    for version, offer in definition.versions.items():
        for name, value in offer.variables.items():
            yield ("versions", version, "variables"), name, value, False
    for name, declared in definition.parameters.items():
        if isinstance(declared.default, str):
            yield ("parameters", name, "default"), name, declared.default, True
