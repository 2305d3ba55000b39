"""IF170: health checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF170",
    Severity.LOW,
    "The image says nothing, or too much, about its health",
    why=(
        "Without a HEALTHCHECK Docker takes a process for healthy as long as it exists, "
        "also when it hangs or was replaced. NONE even turns off the one of the base. Of "
        "several only the last counts, so that the others mislead."
    ),
    remedy=(
        "Write one HEALTHCHECK in exec form; with Kubernetes, use probes and excuse this in "
        "the policy."
    ),
    example="""\
CMD ["/app"]
# better
HEALTHCHECK CMD ["/app", "health"]
CMD ["/app"]
""",
    references=(
        "CIS Docker Benchmark 4.6",
        "hadolint DL3012",
        "hadolint DL3057",
        "Trivy DS-0023",
        "Trivy DS-0026",
        "Dockle CIS-DI-0006",
    ),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Look for one that is none, for several in a stage, and for none at all."""
    last = None
    for stage in subject.file.stages:
        steps = [step for step in stage.steps if step.name == "HEALTHCHECK"]
        for step in steps[1:]:
            message = f"this HEALTHCHECK of {stage.title} replaces one before it"
            yield RULE.finding(
                message, path=subject.path, line=step.line, key=f"{stage.title}:several"
            )
    for last in subject.shipped("HEALTHCHECK"):  # noqa: B007 - the last one counts
        pass
    final = subject.final
    if last is None:
        if not subject.only_carries():
            message = "there is no HEALTHCHECK"
            yield RULE.finding(message, path=subject.path, line=final.line, key="missing")
    elif last.args[0].upper() == "NONE":
        message = "HEALTHCHECK NONE turns the health check off"
        yield RULE.finding(message, path=subject.path, line=last.line, key="none")
