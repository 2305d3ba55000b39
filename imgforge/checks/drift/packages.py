"""IF082: packages that no lock lists, and locked ones that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts, Package
from imgforge.checks.drift.expected import Expectation, Locked
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule

RULE: Final = Rule(
    "IF082",
    Severity.HIGH,
    "The packages are not those of the lock",
    why="A lock lists every package with its hash, so that advisories can be matched and a build "
    "repeated. A package beside it was installed by something else, a missing or different one "
    "means that the image was not made from this lock.",
    remedy="Add it to the lock file that the spec names, or build the image again from the lock.",
    example="uv pip compile --generate-hashes requirements.in -o requirements.txt\nimgforge build",
    references=("NIST SP 800-190 4.1.1", "SLSA v1 provenance, resolvedDependencies"),
)


def check(image: ImageFacts, expected: Expectation) -> Iterator[Finding]:
    """Compare by ecosystem, name and version; what lies in the base is the base's affair."""
    own = {_key(package) for package in expected.base.packages}
    here = {_key(package) for package in image.packages}
    for package in image.packages:
        if _key(package) in own:
            continue
        place = next((p for p in expected.locked if _in(package, p)), None)
        if place is not None:
            yield from _against(package, place)
        elif package.paths[0].startswith(tuple(f"{p}/" for p in expected.places)):
            message = f"{_named(package)} came with the application's files; no lock lists it"
            yield _finding(package, message, Severity.LOW)
        else:
            message = f"{_named(package)} is neither in the base nor in a lock"
            yield _finding(package, message, Severity.HIGH)
    for package in expected.base.packages:
        if _key(package) not in here:
            message = f"{_named(package)} of the base is missing"
            yield _finding(package, message, Severity.MEDIUM)
    for locked in expected.locked:
        present = {p.name for p in image.packages if _in(p, locked)}
        for name in sorted(locked.versions.keys() - present):
            version = locked.versions[name]
            message = f"{name}{' ' if version else ''}{version} of {locked.file} is missing"
            key = f"missing:{locked.ecosystem}:{name}"
            yield RULE.finding(message, key=key, severity=Severity.MEDIUM)


def _against(package: Package, locked: Locked) -> Iterator[Finding]:
    version = locked.versions.get(package.name)
    if version is None:
        message = f"{_named(package)} is not in {locked.file}"
        yield _finding(package, message, Severity.HIGH)
    elif version and not _same(version, package.version):
        message = f"{_named(package)} is installed, {locked.file} has {version}"
        yield _finding(package, message, Severity.HIGH)


def _finding(package: Package, message: str, severity: Severity) -> Finding:
    key = f"{package.ecosystem}:{package.name}"
    path, layer = package.paths[0], package.layer
    return RULE.finding(message, path=path, layer=layer, key=key, severity=severity)


def _in(package: Package, locked: Locked) -> bool:
    return package.ecosystem == locked.ecosystem and package.paths[0].startswith(locked.place + "/")


def _key(package: Package) -> tuple[str, str, str, str]:
    return package.ecosystem, package.name, package.version, package.architecture


def _named(package: Package) -> str:
    return f"the {package.ecosystem} package {package.name} {package.version}"


def _same(one: str, other: str) -> bool:
    """Whether two versions are one (PEP 440: ``1.0`` is ``1.0.0``)."""
    if one == other:
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False
