"""The checks, one module each: an id, a severity, a title, a remedy, and what it looks for.

Ids stand in groups: IF00x who it runs as, IF01x privileges, IF02x credentials, IF03x attack
surface, IF04x integrity, IF05x running, IF09x the policy itself. To add a check, write a module
and name it in ``CHECKS``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from imgforge.analysis.facts import ImageFacts
from imgforge.checks import (
    capabilities,
    devices,
    digests,
    entrypoint,
    expired_ignore,
    malformed,
    named_user,
    package_manager,
    package_records,
    root_group,
    root_user,
    secret_config,
    secret_env,
    secret_files,
    setuid,
    shell,
    traversal,
    unread,
    world_writable,
)
from imgforge.checks.finding import Finding, Severity
from imgforge.errors import ImgforgeError
from imgforge.policy import Policy

__all__ = ["CHECKS", "Check", "Finding", "Severity", "gate_holds", "judge", "run"]


class Check(Protocol):
    """What a module of this folder offers. A finding may be milder than ``SEVERITY``."""

    @property
    def ID(self) -> str:  # noqa: N802 - constants of a module
        """``IF`` and three digits, never used again for another check."""

    @property
    def SEVERITY(self) -> Severity:  # noqa: N802
        """The severity of its worst finding."""

    @property
    def TITLE(self) -> str:  # noqa: N802
        """What is wrong, in one line."""

    @property
    def REMEDY(self) -> str:  # noqa: N802
        """What to do."""

    @property
    def REFERENCES(self) -> tuple[str, ...]:  # noqa: N802
        """Where this is asked for or explained."""

    def check(self, image: ImageFacts, policy: Policy) -> Iterator[Finding]:
        """Yield what is wrong with ``image``."""


CHECKS: Final[tuple[Check, ...]] = (
    root_user,
    named_user,
    root_group,
    setuid,
    capabilities,
    world_writable,
    secret_files,
    secret_env,
    secret_config,
    shell,
    package_manager,
    digests,
    malformed,
    traversal,
    devices,
    unread,
    package_records,
    entrypoint,
    expired_ignore,
)


def run(image: ImageFacts, policy: Policy, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Run every check; return the findings, worst first, then by check, path and key.

    Findings that the policy excuses are kept, with the reason. An exception inside a check is an
    ImgforgeError that names the check: what was not checked has not passed.
    """
    findings: set[Finding] = set()
    for module in checks:
        try:
            findings.update(module.check(image, policy))
        except Exception as error:
            raise ImgforgeError(
                f"the check {module.ID} ({module.TITLE}) failed: {error!r}",
                hint="the image was not judged; please report this",
            ) from error
    return sorted(
        (_excused(finding, policy) for finding in findings),
        key=lambda f: (-f.severity, f.check, f.path, f.key, f.layer, f.message),
    )


def judge(
    images: Iterable[ImageFacts], policy: Policy, checks: Sequence[Check] = CHECKS
) -> list[Finding]:
    """Run ``checks`` on every platform's image, worst first; what is the same is kept once.

    A fingerprint is no reason to drop a finding: one path may be harmless in one layer and hold a
    credential in another.
    """
    found = (finding for facts in images for finding in run(facts, policy, checks))
    return sorted(dict.fromkeys(found), key=lambda finding: -finding.severity)


def gate_holds(findings: Sequence[Finding], policy: Policy) -> bool:
    """Whether the image passes: no finding that is not excused reaches ``policy.fail_on``."""
    limit = Severity.parse(policy.fail_on)
    return all(finding.ignored or finding.severity < limit for finding in findings)


def _excused(finding: Finding, policy: Policy) -> Finding:
    for ignore in policy.ignore:
        if ignore.holds(finding.check, finding.path, policy.day):
            return dataclasses.replace(finding, ignored=ignore.reason)
    return finding
