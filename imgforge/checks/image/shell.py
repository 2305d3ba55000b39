"""IF030: a shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.programs import programs
from imgforge.checks.rule import Rule
from imgforge.policy import Policy

RULE: Final = Rule(
    "IF030",
    Severity.HIGH,
    "The image has a shell",
    why="",
    remedy="Use a base without a shell, or allow it in the policy (allow-shell).",
    references=("CIS Docker Benchmark 4.3", "NIST SP 800-190 4.1.2"),
)

SHELLS: Final = frozenset(
    {"ash", "bash", "busybox", "csh", "dash", "elvish", "fish", "ksh", "ksh93", "lksh", "mksh"}
    | {"nu", "pwsh", "rbash", "rksh", "sh", "tcsh", "toybox", "yash", "zsh"}
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Find shells, and the multi-call programs that contain one."""
    if policy.allow_shell:
        return
    for fact in programs(image, SHELLS):
        layer = image.layers[fact.layer].digest
        message = f"/{fact.path} is a shell"
        yield RULE.finding(message, path=fact.path, layer=layer)
