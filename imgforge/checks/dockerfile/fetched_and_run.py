"""IF133: downloads that are run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.downloads import fetched_and_run, fetched_then_run
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF133",
    Severity.HIGH,
    "A download is run without being checked",
    why=(
        "What the server sends is executed at once: nobody has seen it, no digest is "
        "compared, and a server can tell a pipe from a browser and answer differently. "
        "Whoever controls the server, its name or the way to it controls the build and all "
        "that it makes."
    ),
    remedy=(
        "Download to a file, compare its digest or signature, then run it; or ADD it with "
        "--checksum."
    ),
    example="""\
RUN curl -fsSL https://example.org/install.sh | sh
# better
ADD --checksum=sha256:<64 hexadecimal digits> \\
    https://example.org/install.sh /tmp/install.sh
RUN sh /tmp/install.sh
""",
    references=(
        "CIS Docker Benchmark 4.11",
        "NIST SP 800-190 4.1.5",
        "OpenSSF Scorecard Pinned-Dependencies",
        "CWE-494",
    ),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find pipes and substitutions into interpreters, and files that are run unverified."""
    for run in subject.runs:
        title = run.stage.title
        for command, source in fetched_and_run(run.pipelines):
            message = f"{run.step.name} in {title} runs what {source} prints, with {command.name}"
            key = f"{title}:{command.name}"
            yield RULE.finding(message, path=subject.path, line=run.line(command), key=key)
        for command, file in fetched_then_run(run.pipelines):
            yield RULE.finding(
                f"{run.step.name} in {title} runs the download {file}, which nothing has checked",
                path=subject.path,
                line=run.line(command),
                key=f"{title}:{file}",
                severity=Severity.MEDIUM,
            )
