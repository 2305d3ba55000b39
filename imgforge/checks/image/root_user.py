"""IF001: the process runs as root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import identity
from imgforge.checks.rule import Rule
from imgforge.policy import Policy

RULE: Final = Rule(
    "IF001",
    Severity.HIGH,
    "The image runs as root",
    why="Root in a container is root of everything in it, and one fault of the kernel or "
    "one careless mount away from root of the host. It may replace the application, "
    "read every secret that is mounted, and open low ports and raw sockets. Platforms "
    "that demand a user other than root refuse the image.",
    remedy="Set a numeric user other than 0, such as 65532.",
    example="""\
# Faulty: no USER, so the process is root.
FROM python@sha256:...
COPY app /app
ENTRYPOINT ["/app/server"]

# Cured: a number that is not 0, in the last stage.
FROM python@sha256:...
COPY app /app
USER 65532:65532
ENTRYPOINT ["/app/server"]
""",
    references=(
        "CIS Docker Benchmark 4.1",
        "NIST SP 800-190 4.1.2",
        "https://kubernetes.io/docs/concepts/security/pod-security-standards/",
        "hadolint DL3002",
        "Trivy DS-0002",
        "Dockle CIS-DI-0001",
    ),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Find an empty user, uid 0 in any spelling, and names that passwd maps to uid 0."""
    if policy.allow_root or identity(image).uid != 0:
        return
    user = image.settings.user
    message = f"User {user!r} is uid 0" if user else "no user is configured, so it is root"
    yield RULE.finding(message)
