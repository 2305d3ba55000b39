"""IF190: packages that a lock lists and the image lacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.inventory.compared import Compared
from imgforge.checks.rule import Rule
from imgforge.inventory.matching import applies, named, program
from imgforge.locks.locked import Entry
from imgforge.locks.names import folded

RULE: Final = Rule(
    "IF190",
    Severity.MEDIUM,
    "A locked package is missing",
    why="What a lock lists was reviewed, and the image is taken to have it. If a package is not "
    "there, the image was not made from this lock, or somebody removed the package or its record: "
    "then scanners no longer see what is still running.",
    remedy="Build the image again from the lock; if the package is not needed, lock without it.",
    example="uv pip compile --generate-hashes requirements.in -o requirements.txt\nimgforge build",
    references=("NIST SP 800-190 4.1.1", "SLSA v1 provenance, resolvedDependencies"),
)


def check(compared: Compared) -> Iterator[Finding]:
    """Look for every entry of the base's lock, and of the locks that the build installs from.

    A package of another version is not missing: IF192 says so. A lock that does not say what is
    for development only (Yarn's) cannot tell what should be there.
    """
    declared = compared.declared
    there = {named(c.package) for c, _ in compared.pairs if c.part != "app"}
    for entry in declared.base.entries:
        if _named(entry) in there or _by_content(entry, compared):
            continue
        message = f"{_said(entry)}, of which base {declared.base_name} was made, is missing"
        yield RULE.finding(message, key=f"base:{entry.ecosystem}:{entry.title}")
    for install in (i for i in declared.installs if i.locked.scoped):
        installed = {named(c.package) for c, m in compared.pairs if m.locked is install.locked}
        for entry in install.locked.entries:
            if entry.scope in {"dev", "build", "optional"} or not applies(entry, declared.target):
                continue
            if _named(entry) not in installed:
                message = f"{_said(entry)} of {install.locked.path} is missing"
                path = install.place
                yield RULE.finding(message, path=path, key=f"{entry.ecosystem}:{entry.title}")


def _named(entry: Entry) -> tuple[str, str]:
    return entry.ecosystem, folded(entry.ecosystem, entry.title)


def _said(entry: Entry) -> str:
    return f"{entry.ecosystem} package {entry.title} {entry.version}".rstrip()


def _by_content(entry: Entry, compared: Compared) -> bool:
    """Whether a base has what one file of a wheel or tarball became: a program without a record."""
    if entry.ecosystem == "deb":
        return False
    digests = {h.removeprefix("sha256:") for h in entry.hashes}
    name = program(entry)
    return any(
        binary.sha256 in digests or (binary.name == name and binary.version == entry.version)
        for layer in compared.image.layers
        for binary in layer.binaries
    ) or any(
        component.package.name == name and component.package.version == entry.version
        for component in compared.inventory.components
    )
