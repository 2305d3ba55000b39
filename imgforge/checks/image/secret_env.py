"""IF021: credentials in environment variables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy
from imgforge.secrets import placeholder, secret_name, secret_value

RULE: Final = Rule(
    "IF021",
    Severity.CRITICAL,
    "An environment variable holds a credential",
    why="Variables are part of the image's configuration: docker inspect shows them to everyone"
    " who can pull it, and every process of the container inherits them. They end up in"
    " crash reports, debug pages and logs. A value that a later step empties is still in the"
    " history.",
    remedy="Revoke it; give it to the container when it starts, as a file or a variable.",
    example="""\
# Faulty: in the configuration for good.
ENV DB_PASSWORD=<the password>

# Cured: the program reads a file that is mounted when it starts.
ENV DB_PASSWORD_FILE=/run/secrets/db-password
""",
    references=(
        "NIST SP 800-190 4.1.4",
        "CIS Docker Benchmark 4.10",
        "CWE-526",
        "hadolint DL3064",
        "Trivy DS-0031",
        "Dockle CIS-DI-0010",
    ),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find values that look like credentials, and names that are meant for one."""
    for item in image.settings.env:
        name, _, value = item.partition("=")
        kind = secret_value(item)
        if kind is not None:
            yield RULE.finding(f"{name} holds a {kind}", key=name)
        elif secret_name(name) and not placeholder(value):
            message = f"{name} is named for a secret and has a value"
            yield RULE.finding(message, key=name)
