"""The checks of stacks, one module each: a rule, and what it looks for.

What every variant of a stack renders to is judged as any Dockerfile is; these look at what can only
be seen in the definition, the templates and the papers. To add a check, write a module and name it
in ``CHECKS``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from imgforge.checks.finding import Finding
from imgforge.checks.rule import Rule
from imgforge.checks.stack import (
    circle,
    handwritten_run,
    inexact_install,
    interpolation,
    network_beside_source,
    network_tool,
    papers,
    secret_value,
    unbumped,
    undefined_name,
    undocumented,
    unlocked_cache,
    unpinned_base,
    unrendered,
    untested,
    unused,
)
from imgforge.checks.stack.subject import Subject
from imgforge.errors import ImgforgeError


class Check(Protocol):
    """What a module of this folder offers."""

    @property
    def RULE(self) -> Rule:  # noqa: N802 - a constant of a module
        """What is said about it."""

    def check(self, subject: Subject) -> Iterator[Finding]:
        """Yield what is wrong with a stack."""


CHECKS: Final[tuple[Check, ...]] = (
    unrendered,
    unpinned_base,
    secret_value,
    interpolation,
    network_beside_source,
    network_tool,
    handwritten_run,
    unlocked_cache,
    inexact_install,
    undefined_name,
    unused,
    undocumented,
    circle,
    papers,
    unbumped,
    untested,
)


def run(subject: Subject) -> list[Finding]:
    """Run every check; return the findings, each once.

    An exception inside a check is an ImgforgeError that names the check.
    """
    found: dict[Finding, None] = {}
    for module in CHECKS:
        try:
            found |= dict.fromkeys(module.check(subject))
        except Exception as error:
            raise ImgforgeError(
                f"the check {module.RULE.id} ({module.RULE.title}) failed: {error!r}",
                hint="the stack was not judged; please report this",
            ) from error
    return list(found)
