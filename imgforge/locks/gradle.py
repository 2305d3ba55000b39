"""``gradle.lockfile`` (docs.gradle.org, dependency locking; format of Gradle 7 and later)."""

from __future__ import annotations

import re
from typing import Final

from imgforge.locks.locked import Entry, Locked, Scope
from imgforge.locks.shape import Spot

_LINE: Final = re.compile(r"([^:=\s]+):([^:=\s]+):([^:=\s]+)=(\S*)")
_RUNTIME: Final = re.compile(r"(?i)(?:^|[a-z])(?:runtimeclasspath|runtime|compile|default)$")


def read(path: str, text: str) -> Locked:
    """Read the lock; what only tests, compilers or their plug-ins are given is not required."""
    entries = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith(("#", "empty=")):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise Spot(path, number).error(
                f"{line[:80]!r} is no group:artifact:version=configurations"
            )
        group, name, version, said = found.groups()
        scope = _scope(said.split(","))
        entries.append(Entry("maven", name, version, number, group, scope=scope))
    return Locked(path, tuple(entries))


def _scope(configurations: list[str]) -> Scope:
    if any(_RUNTIME.search(c) and not c.lower().startswith("test") for c in configurations):
        return "required"
    if all(c.lower().startswith("test") for c in configurations):
        return "dev"
    return "build"
