"""IF192: packages of another version, or other bytes, than the lock has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.inventory.compared import Compared, named
from imgforge.checks.rule import Rule
from imgforge.locks.locked import Entry

RULE: Final = Rule(
    "IF192",
    Severity.HIGH,
    "A package is not the one of the lock",
    why="A lock has one version and the hashes of its files. Another version was never reviewed "
    "and may have faults that the locked one has not; another hash under the same version means "
    "that the bytes were changed on the way or afterwards.",
    remedy="Build the image again from the lock; if the lock is behind, renew it first.",
    example="# requirements.txt has requests==2.32.5; the image has 2.31.0\nimgforge build",
    references=("NIST SP 800-190 4.1.1", "SLSA v1 provenance, resolvedDependencies"),
)


def check(compared: Compared) -> Iterator[Finding]:
    """Compare versions by the ecosystem's rules, and recorded hashes of the same kind.

    A lock that the build does not install from may be another state's: that is told mildly.
    """
    for component, match in compared.pairs:
        package, locked = component.package, match.locked
        if locked is None or not match.entries:
            continue
        severity = Severity.LOW if match.role == "beside" else RULE.severity
        said = ""
        if match.entry is None:
            versions = ", ".join(dict.fromkeys(e.version for e in match.entries))
            said = f"{named(package)} is installed, {locked.path} has {versions}"
        elif _other(package.hashes, match.entries):
            said = f"{named(package)} has another hash than {locked.path} says"
        if said:
            yield RULE.finding(
                said,
                path=package.paths[0],
                layer=package.layer,
                key=package.key,
                severity=severity,
            )


def _other(hashes: tuple[str, ...], entries: tuple[Entry, ...]) -> bool:
    """Whether a hash is none of those of its algorithm that the entries have."""
    locked: dict[str, set[str]] = {}
    for value in (h for entry in entries for h in entry.hashes):
        locked.setdefault(value.partition(":")[0], set()).add(value)
    return any(
        value not in locked[algorithm]
        for value in hashes
        if (algorithm := value.partition(":")[0]) in locked
    )
