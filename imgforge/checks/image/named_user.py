"""IF002: the user is a name, or one that does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import identity, number
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF002",
    Severity.MEDIUM,
    "The user is not a number, or unknown",
    why="A name means whatever the image's /etc/passwd says, and a later layer can make it mean"
    " root. Kubernetes does not look into the image: with runAsNonRoot it refuses to start a"
    " container whose user is a name. A name that no file explains cannot be started at all,"
    " or only as a user that nobody meant.",
    remedy="Set the user and group as numbers, such as 65532:65532.",
    example="""\
# Faulty: only the image's own passwd says who this is.
USER app

# Cured: the same user by number.
USER 65532:65532
""",
    references=(
        "https://kubernetes.io/docs/concepts/security/pod-security-standards/ (runAsNonRoot)",
        "hadolint DL3066",
    ),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find names that passwd or group lack (medium), and those that resolve (low)."""
    who = identity(image)
    for what, name, found in (("user", who.user, who.uid), ("group", who.group, who.gid)):
        if not name or number(name) is not None:
            continue
        if found is None:
            message = f"the {what} {name!r} is not in /etc/{'passwd' if what == 'user' else what}"
            yield RULE.finding(message, key=what)
        else:
            message = f"the {what} {name!r} is a name: Kubernetes cannot tell that it is not root"
            yield RULE.finding(message, key=what, severity=Severity.LOW)
