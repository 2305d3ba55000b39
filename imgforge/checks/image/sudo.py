"""IF034: programs that make somebody else of who starts them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.programs import found
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF034",
    Severity.MEDIUM,
    "The image has sudo, su or their like",
    why="They exist to turn a user into root, and they have done so without leave more than once"
    " (CVE-2021-3156, CVE-2021-4034). A process that starts as its own user has no use for them.",
    remedy="Set USER instead of switching users inside; or allow it: allow-sudo in the policy, and"
    " sudo among the tools in the spec's [run].",
    example='ENTRYPOINT ["sudo", "-u", "app", "/app/server"]\n\nUSER 65532:65532\nENTRYPOINT'
    ' ["/app/server"]',
    references=("hadolint DL3004", "Trivy DS-0010", "Dockle DKL-DI-0001", "CVE-2021-3156"),
)

NAMES: Final = frozenset({"doas", "pkexec", "su", "sudo", "sudo-rs", "sudoedit", "run0", "sg"})
IDENTITIES: Final = frozenset({"sudo", "su", "doas"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Find them by name and by content, whether their setuid bit is still there or not."""
    if not policy.allow_sudo:
        yield from found(image, RULE, "a way to become another user", NAMES, IDENTITIES)
