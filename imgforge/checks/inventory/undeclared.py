"""IF191: packages that neither the base nor a lock has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import Package
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.inventory.compared import Compared, named
from imgforge.checks.rule import Rule
from imgforge.inventory.matching import Match

RULE: Final = Rule(
    "IF191",
    Severity.HIGH,
    "A package is in no lock",
    why="A lock lists every package with its hash, so that it can be reviewed, held against "
    "advisories and installed again. A package beside it came from somewhere that nobody wrote "
    "down: a step by hand, a download during the build, or an intruder.",
    remedy="Add it to the lock that the spec names and build the image again, or remove it.",
    example="# requirements.in, then: uv pip compile --generate-hashes\nrequests",
    references=("NIST SP 800-190 4.1.1", "SLSA v1 provenance, resolvedDependencies"),
)


def check(compared: Compared) -> Iterator[Finding]:
    """Find what no entry is about.

    What came with the application's own files is mildly meant: it was reviewed with them. Of a
    program or archive that holds several, one finding speaks for all.
    """
    declared = compared.declared
    several: dict[str, list[Package]] = {}
    for component, match in compared.pairs:
        package = component.package
        if _declared(match) or _itself(package, compared):
            continue
        if component.part == "base":
            # Of a base that was made from packages every package is known.
            if package.ecosystem == "deb" and declared.base.entries:
                message = f"{named(package)} is in the base, which the lock does not make of it"
                yield _finding(package, message, Severity.HIGH)
        elif match.role == "install" and match.locked is not None and not _within(package):
            yield _finding(
                package, f"{named(package)} is not in {match.locked.path}", RULE.severity
            )
        elif compared.within(package.paths[0], declared.places):
            several.setdefault(package.paths[0], []).append(package)
        else:
            message = f"{named(package)} is neither in the base nor in a lock"
            yield _finding(package, message, RULE.severity)
    for path, packages in several.items():
        first, severity = packages[0], Severity.LOW
        if len(packages) == 1:
            message = f"{named(first)} came with the application's files; no lock lists it"
            yield _finding(first, message, severity)
        else:
            message = f"no lock lists the {len(packages)} packages in /{path}, such as {first.name}"
            yield RULE.finding(message, path=path, layer=first.layer, severity=severity)


def _declared(match: Match) -> bool:
    return bool(match.entries or match.elsewhere or match.own or match.owner)


def _itself(package: Package, compared: Compared) -> bool:
    """Whether it is the application, or the library of the language that it is compiled with.

    An application's own manifest lies among its files; a Go program's main module has no version
    unless it was built of a tag. A Java application is the jar at the top; its libraries lie below.
    Its own run-time, linked of the builder's modules, is the builder's, which is locked.
    """
    path = package.paths[0]
    if package.ecosystem in {"maven", "generic"} and path.endswith(".jar") and not package.inside:
        return not {path, path.rpartition("/")[0]}.isdisjoint(compared.declared.own)
    if package.ecosystem == "generic" and package.name == "openjdk":
        return compared.within(path, compared.declared.own) and _of_builder(package, compared)
    own = package.ecosystem == "npm" and "/node_modules/" not in f"/{path}"
    if package.ecosystem == "golang" and package.found == "binary":
        own = not package.version or package.name == "stdlib"
    return own and compared.within(path, compared.declared.own)


def _of_builder(package: Package, compared: Compared) -> bool:
    """Whether the builder base has the modules of just this version of OpenJDK."""
    builder = compared.declared.builder
    return builder is not None and any(
        re.fullmatch(r"openjdk-\d+-jdk-headless", entry.name)
        and re.split(r"[+~-]", entry.version)[0] == package.version
        for entry in builder.entries
    )


def _within(package: Package) -> bool:
    return bool(package.inside) or package.found == "binary"


def _finding(package: Package, message: str, severity: Severity) -> Finding:
    return RULE.finding(
        message, path=package.paths[0], layer=package.layer, key=package.key, severity=severity
    )
