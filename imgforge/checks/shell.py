"""IF030: a shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.programs import programs
from imgforge.policy import Policy

ID: Final = "IF030"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "The image has a shell"
REMEDY: Final = "Use a base without a shell, or allow it in the policy (allow-shell)."
REFERENCES: Final = ("CIS Docker Benchmark 4.3", "NIST SP 800-190 4.1.2")

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
        yield Finding(ID, SEVERITY, TITLE, message, REMEDY, fact.path, layer)
