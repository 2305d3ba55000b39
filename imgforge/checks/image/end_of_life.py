"""IF062: a distribution or a language runtime that gets no fixes any more."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Final

from imgforge.analysis import osrelease
from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.lifetimes import RUNTIMES, SYSTEMS
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF062",
    Severity.HIGH,
    "The distribution or a runtime gets no security fixes any more",
    why="After the end of life nobody looks whether a new vulnerability is in the old release, so"
    " no fix appears and scanners, which live on those announcements, fall silent. The image looks"
    " clean and is not.",
    remedy="Move to a release that is maintained.",
    example="FROM debian:10          # buster, ended in June 2024\nFROM debian:13",
    references=(
        "https://endoflife.date",
        "CIS Docker Benchmark 4.4",
        "NIST SP 800-190 4.1.1",
        "Trivy: This OS version is no longer supported",
    ),
)

_VARIABLES: Final = {
    "PYTHON_VERSION": "python",
    "NODE_VERSION": "node",
    "RUBY_VERSION": "ruby",
    "PHP_VERSION": "php",
    "GOLANG_VERSION": "go",
    "JAVA_VERSION": "java",
}
"""What Docker's official images and their descendants say of the runtime they compiled."""
_PYTHON: Final = re.compile(r"python([23]\.[0-9]+)")
_LOCAL: Final = ("usr/local/bin/", "opt/")
_NUMBER: Final = re.compile(r"(?:jdk-?|v)?([0-9]+)(?:[.u]([0-9]+))?")


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Look up os-release (high), and runtimes that no distribution looks after (medium)."""
    release = osrelease.of(image)
    name, version = release.get("ID", "").lower(), release.get("VERSION_ID", "")
    line, end = _line(SYSTEMS.get(name, {}), version)
    if end is not None and policy.day > end:
        title = release.get("PRETTY_NAME") or f"{name} {line}"
        message = f"{title} has had no security fixes since {end}"
        yield RULE.finding(message, path="etc/os-release", key=f"{name}:{line}")
    for runtime, said in sorted(_runtimes(image)):
        line, end = _line(RUNTIMES[runtime], said)
        if end is not None and policy.day > end:
            message = f"{runtime} {said} has had no security fixes since {end}"
            yield RULE.finding(message, key=f"{runtime}:{line}", severity=Severity.MEDIUM)


def _runtimes(image: ImageFacts) -> set[tuple[str, str]]:
    """Return names and versions of runtimes that are not a distribution's own packages."""
    found = set()
    for variable, runtime in _VARIABLES.items():
        value = image.settings.variable(variable)
        if value and _NUMBER.match(value):
            found.add((runtime, value))
    said = {runtime for runtime, _ in found}
    if "python" not in said:
        for name, paths in image.commands.items():
            match = _PYTHON.fullmatch(name)
            if match and any(path.startswith(_LOCAL) for path in paths):
                found.add(("python", match[1]))
    if "node" not in said:
        for package in image.packages:
            if package.name == "nodejs" and "nodesource" in package.version:
                found.add(("node", package.version.partition("-")[0]))
    return found


def _line(lines: dict[str, dt.date], version: str) -> tuple[str, dt.date | None]:
    """Return the release line that ``version`` belongs to, and its last day if that is known."""
    match = _NUMBER.match(version)
    if match is None:
        return "", None
    major, minor = match[1], match[2]
    if major == "1" and minor == "8" and "8" in lines:
        return "8", lines["8"]  # Java's old way of counting
    for line in (f"{major}.{minor}", major) if minor is not None else (major,):
        if line in lines:
            return line, lines[line]
    return "", None
