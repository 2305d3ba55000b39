"""IF225: programs that need a network where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.installers import needs_network
from imgforge.checks.stack.subject import Subject

RULE: Final = Rule(
    "IF225",
    Severity.MEDIUM,
    "A step without network starts what needs one",
    why=(
        "The stage does not declare network, so its steps have none: this command fails, or worse, "
        "waits and then goes on with less. It often worked where the author tried it, because "
        "everything was in a cache. Packages of the distribution belong into the builder base, "
        "where the lock pins them."
    ),
    remedy=(
        "Move it into the stage that installs from the lock, tell it to work offline, or name the "
        "package in build-packages."
    ),
    example="""\
{% call run() %}
npm ci; npm run build
{% endcall %}
# better: npm ci in a stage with network = true, and here
npm run build
""",
    references=("SLSA v1.0 hermetic", "imgforge docs/how-to/own-stack.md"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Judge every command of stages that declare no network."""
    for rendered, declared, run in subject.runs():
        if declared.network:
            continue
        for command in run.commands():
            if what := needs_network(command, run.text):
                path, line = subject.place(rendered, run.line(command))
                message = f"{what} in stage {declared.name}, which has no network"
                yield RULE.finding(message, path=path, line=line, key=f"{declared.name}:{what}")
