"""IF130: ADD of a URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.sources import is_repository, shown
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF130",
    Severity.MEDIUM,
    "A file is added from the network unchecked",
    why=(
        "ADD fetches whatever the server sends that day. Without a checksum nobody notices "
        "when the server, its account or its name has changed hands, and the cache may keep "
        "an old or a wrong file for long."
    ),
    remedy="Give ADD the digest that is expected: ADD --checksum=sha256:... URL DESTINATION.",
    example="""\
ADD https://example.org/tool.tgz /opt/
# better
ADD --checksum=sha256:<64 hexadecimal digits> https://example.org/tool.tgz /opt/
""",
    references=(
        "CIS Docker Benchmark 4.9",
        "hadolint DL3020",
        "Trivy DS-0005",
        "Dockle CIS-DI-0009",
        "CWE-494",
    ),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find ADD of http and https without a checksum; repositories are IF131's."""
    for stage, step in subject.steps():
        if step.name != "ADD" or step.instruction.flag("checksum"):
            continue
        for source in step.args[:-1]:
            if re.match(r"(?i)https?://", source) and not is_repository(source):
                plain = source.lower().startswith("http:")
                message = f"ADD {shown(source)} is not checked against a digest"
                yield RULE.finding(
                    f"{message} and comes without TLS" if plain else message,
                    path=subject.path,
                    line=step.line,
                    key=f"{stage.title}:{shown(source)}",
                )
