"""IF135: downloads without TLS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.downloads import insecure_urls
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF135",
    Severity.MEDIUM,
    "A download is asked for without TLS",
    why=(
        "Without TLS anybody on the way can read and replace what is downloaded. That "
        "package managers check signatures helps for packages; for archives, scripts and "
        "keys nothing does."
    ),
    remedy="Use https, and compare a digest.",
    example="""\
RUN curl -O http://example.org/tool.tgz
# better
RUN curl -fO https://example.org/tool.tgz && sha256sum -c tool.sha256
""",
    references=("CIS Docker Benchmark 4.11", "CWE-319"),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find downloads from http and ftp while the image is built."""
    for run in subject.runs:
        for command in run.commands() if run.built else ():
            for host in insecure_urls(command):
                message = f"RUN in {run.stage.title} asks {host or 'a server'} without TLS"
                key = f"{run.stage.title}:{host}"
                yield RULE.finding(message, path=subject.path, line=run.line(command), key=key)
