"""IF043: device nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.problems import problems
from imgforge.policy import Policy

ID: Final = "IF043"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "A layer has a device node"
REMEDY: Final = "Remove it; the runtime provides the devices a container may use."
REFERENCES: Final = ("mknod(2)",)

_KINDS: Final = frozenset({"device"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find character and block devices in every layer."""
    for layer, key, problem in problems(image, _KINDS):
        message = f"/{problem.path}: {problem.detail}" if problem.path else problem.detail
        yield Finding(ID, SEVERITY, TITLE, message, REMEDY, problem.path, layer, key)
