"""IF058: steps that believe what they download."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.commands import every
from imgforge.checks.downloads import (
    fetched_and_run,
    fetched_then_run,
    insecure_urls,
    unverified,
)
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.history import steps
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF058",
    Severity.HIGH,
    "A step fetches something without checking it",
    why="With signatures or certificates off, whoever sits between builder and server"
    " decides what is in the image, and a script piped into a shell is whatever the server"
    " chose to send this time, to this client. It runs as root of the build and may leave anything"
    " behind.",
    remedy="Download to a file, compare its checksum or signature, and then use it.",
    example="RUN curl -sSL https://acme.example/get.sh | sh\n\n"
    "ADD --checksum=sha256:24454f83...\\\n"
    "  https://acme.example/tool-1.2.tar.gz /tmp/",
    references=(
        "CIS Docker Benchmark 4.11",
        "NIST SP 800-190 4.1.5",
        "CWE-494",
        "CWE-295",
    ),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Read every RUN of the history, whatever base it came with.

    What is downloaded to a file first and then run unchecked, or fetched without TLS, is medium.
    """
    for step in steps(image):
        where, pipelines = f"history step {step.number}", step.commands()
        for command, source in fetched_and_run(pipelines):
            message = f"{where} runs what {source} prints, with {command.name}"
            yield RULE.finding(message, key=f"run:{source}:{command.name}")
        for _, file in fetched_then_run(pipelines):
            message = f"{where} runs the download {file}, which nothing has checked"
            yield RULE.finding(message, key=f"run:{file}", severity=Severity.MEDIUM)
        for command in every(pipelines):
            for what in unverified(command):
                yield RULE.finding(f"{where} does not verify: {what}", key=what)
            for host in insecure_urls(command):
                message = f"{where} fetches from {host} without TLS"
                yield RULE.finding(message, key=f"tls:{host}", severity=Severity.MEDIUM)
