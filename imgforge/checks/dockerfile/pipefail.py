"""IF136: pipes that hide failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.commands import walk
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.downloads import fetches
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF136",
    Severity.LOW,
    "A failed download goes unnoticed in a pipe",
    why=(
        "A shell reports how the last command of a pipe ended. If the download before it "
        "fails or is cut off, the step still succeeds with half of the data, and the image "
        "is built from that."
    ),
    remedy='Download to a file first, or say SHELL ["/bin/bash", "-o", "pipefail", "-c"].',
    example="""\
RUN curl -fsSL https://example.org/a.tgz | tar -xz
# better
RUN set -o pipefail && curl -fsSL https://example.org/a.tgz | tar -xz
""",
    references=("hadolint DL4006",),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find pipes that begin with a download where nothing sets pipefail."""
    for run in subject.runs:
        if not run.built or run.step.instruction.json or "pipefail" in run.step.shell:
            continue
        if any("pipefail" in command.args for command in run.commands()):
            continue
        for pipeline in walk(run.pipelines):
            first = pipeline.commands[0]
            if len(pipeline.commands) > 1 and fetches(first):
                message = f"RUN in {run.stage.title} would not notice that {first.name} failed"
                key = f"{run.stage.title}:{first.name}"
                yield RULE.finding(message, path=subject.path, line=run.line(first), key=key)
