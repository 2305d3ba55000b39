"""IF001: the process runs as root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import identity, may_be_root
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF001",
    Severity.HIGH,
    "The image runs as root",
    why="A process that runs as root inside a container is root to the kernel as well, unless"
    " user namespaces are set up. Whoever takes the process over can change every file of"
    " the container, use the capabilities that the runtime leaves to root, and needs only"
    " one flaw of the kernel, the runtime or a mount to be root on the host.",
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
    """Find an empty user, uid 0 in any spelling, and names that passwd maps to uid 0.

    Out of range counts too: some runtimes cut a number to 32 bits, and may have 0 left.
    """
    uid = identity(image).uid
    if policy.allow_root or not may_be_root(uid):
        return
    user = image.settings.user
    meaning = "is out of range, and root to some runtimes" if uid else "is uid 0"
    message = f"User {user!r} {meaning}" if user else "no user is configured, so it is root"
    yield RULE.finding(message)
