"""IF228: installing something else than what the lock says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.installers import inexact
from imgforge.checks.stack.subject import Subject

RULE: Final = Rule(
    "IF228",
    Severity.HIGH,
    "A stage installs what no lock pins",
    why=(
        "Without its exact form an installer takes the newest version that fits, writes a new lock "
        "where the old one does not fit, or takes what the index gives without comparing hashes. "
        "Then neither the SBOM nor a second build can be trusted to mean the same, and a package "
        "that was taken over reaches every application of this stack on the same day."
    ),
    remedy="Use the form that fails where the lock is missing or stale.",
    example="""\
npm install
pip install -r requirements.txt
# better
npm ci
pip install --require-hashes -r requirements.txt
""",
    references=("OpenSSF Scorecard Pinned-Dependencies", "hadolint DL3013", "CWE-1357"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Judge every command of every variant."""
    for rendered, declared, run in subject.runs():
        for command in run.commands():
            if wanted := inexact(command, run.text):
                path, line = subject.place(rendered, run.line(command))
                shown = " ".join(command.words[:2])
                message = f"{shown} in stage {declared.name} without {wanted}"
                yield RULE.finding(message, path=path, line=line, key=f"{declared.name}:{shown}")
