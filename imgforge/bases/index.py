"""Package indexes: the ``Packages`` files of the suites of a release, read as far as asked.

Format: deb-control(5), https://wiki.debian.org/DebianRepository/Format. Stanzas are split all at
once but parsed only when a name is looked up: an index has some 65,000, a base needs a few dozen.
"""

from __future__ import annotations

import functools
import lzma
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from imgforge.errors import RegistryError
from imgforge.lock import Package, checked

MAX_BYTES = 512 << 20
"""Of an unpacked index; Debian's main has 57 MB."""

_PRIORITIES = ("required", "important", "standard", "optional", "extra")
_RELATION = re.compile(
    r"([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^\s()]+)\s*\))?"
)


@dataclass(frozen=True, slots=True)
class Relation:
    """One alternative of a dependency, or one provided name; no ``operator``, any version."""

    name: str
    operator: str = ""
    version: str = ""

    def accepts(self, version: str) -> bool:
        """Whether ``version`` fulfils this relation (deb-version(7) order)."""
        if not self.operator:
            return True
        order = compare(version, self.version)
        return {
            "<<": order < 0,
            "<=": order <= 0,
            "=": order == 0,
            ">=": order >= 0,
            ">>": order > 0,
        }[self.operator]

    def __str__(self) -> str:
        return f"{self.name} ({self.operator} {self.version})" if self.operator else self.name


@dataclass(frozen=True, slots=True)
class Candidate:
    """A package that could be taken, and what it says about others."""

    package: Package
    depends: tuple[tuple[Relation, ...], ...]
    """Of Pre-Depends and Depends; each a choice of alternatives."""
    conflicts: tuple[Relation, ...]
    """Of Conflicts and Breaks."""
    provides: tuple[Relation, ...]
    priority: int

    def fulfils(self, relation: Relation) -> bool:
        """Whether this package is, or provides, what ``relation`` asks for (policy 7.5)."""
        if relation.name == self.package.name:
            return relation.accepts(self.package.version)
        return any(
            p.name == relation.name
            and (not relation.operator or bool(p.version and relation.accepts(p.version)))
            for p in self.provides
        )


class Index:
    """Everything the suites of a release offer for one architecture."""

    def __init__(self, suites: Iterable[tuple[str, Mapping[str, tuple[bytes, ...]]]]) -> None:
        self._suites = tuple(suites)
        self._found: dict[str, tuple[Candidate, ...]] = {}

    def named(self, name: str) -> tuple[Candidate, ...]:
        """Return all packages called ``name``, newest first."""
        if name not in self._found:
            found = [
                candidate(stanza, suite)
                for suite, stanzas in self._suites
                for stanza in stanzas.get(name, ())
            ]
            newest = functools.cmp_to_key(compare)
            found.sort(key=lambda c: newest(c.package.version), reverse=True)
            self._found[name] = tuple(found)
        return self._found[name]

    def providing(self, name: str) -> tuple[Candidate, ...]:
        """Return the newest of each package that provides ``name``: weightiest, then by name."""
        owners = {
            stanza[9 : stanza.index(b"\n")].decode()
            for _, stanzas in self._suites
            for stanza in stanzas.get(_PROVIDERS + name, ())
        }
        newest = (self.named(owner)[0] for owner in owners)
        found = [c for c in newest if any(p.name == name for p in c.provides)]
        return tuple(sorted(found, key=lambda c: (c.priority, c.package.name)))


_PROVIDERS = "\0"
"""Prefix of the keys under which :func:`split` files stanzas by what they provide."""


def split(data: bytes) -> dict[str, tuple[bytes, ...]]:
    """Split an unpacked index into stanzas, by package name and by provided name."""
    found: dict[str, tuple[bytes, ...]] = {}
    for stanza in data.split(b"\n\n"):
        start = stanza.lstrip(b"\n")
        if not start.startswith(b"Package: "):
            if start:
                raise RegistryError("a package index holds a stanza that starts with no name")
            continue
        start += b"\n"
        keys = [start[9 : start.index(b"\n")].decode("utf-8", "replace").strip()]
        at = start.find(b"\nProvides: ")
        if at >= 0:
            line = start[at + 11 : start.index(b"\n", at + 1)].decode("utf-8", "replace")
            keys += {_PROVIDERS + r.name for r in relations(line)}
        for key in keys:
            found[key] = (*found.get(key, ()), start)
    return found


@functools.lru_cache(maxsize=6)
def load(path: Path) -> Mapping[str, tuple[bytes, ...]]:
    """Unpack and split the cached ``Packages.xz``; RegistryError if it is malformed.

    ``path`` names its content by hash, so the answer may be kept: a lock resolves several bases.
    """
    unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=256 << 20)
    try:
        data = unpacker.decompress(path.read_bytes(), MAX_BYTES)
    except lzma.LZMAError as error:
        raise RegistryError(f"the package index {path.name} is not xz: {error}") from error
    if not unpacker.eof:
        raise RegistryError(f"the package index {path.name} is cut off or over {MAX_BYTES} bytes")
    return split(data)


def fields(stanza: bytes) -> dict[str, str]:
    """Return the fields of a stanza, lower-case names, continuation lines joined by newlines."""
    out: dict[str, str] = {}
    key = ""
    for line in stanza.decode("utf-8", "replace").split("\n"):
        if line[:1] in {" ", "\t"}:
            if key:
                out[key] += "\n" + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            key = name.lower()
            out[key] = value.strip()
    return out


def relations(text: str) -> tuple[Relation, ...]:
    """Read relations separated by commas or bars; RegistryError if one is malformed."""
    found = []
    for item in re.split(r"[,|]", text):
        if not item.strip():
            continue
        match = _RELATION.fullmatch(item.strip())
        if not match:
            raise RegistryError(f"malformed relation {item.strip()[:80]!r} in a package index")
        found.append(Relation(match[1], match[2] or "", match[3] or ""))
    return tuple(found)


def candidate(stanza: bytes, suite: str) -> Candidate:
    """Read one stanza; RegistryError if it lacks what a lock needs or holds what it may not."""
    field = fields(stanza)
    source = re.fullmatch(r"(\S+)(?:\s+\((\S+)\))?", field.get("source", field.get("package", "")))
    try:
        package = Package(
            name=field["package"],
            version=field["version"],
            architecture=field["architecture"],
            source=source[1] if source else "",
            source_version=(source and source[2]) or field["version"],
            sha256=field["sha256"],
            size=int(field["size"]),
            path=field["filename"],
            suite=suite,
        )
    except (KeyError, ValueError) as error:
        raise RegistryError(
            f"a stanza of {suite}'s package index is incomplete: {error}"
        ) from error
    problems = checked(package)
    if problems:
        raise RegistryError(f"{suite}'s package index is malformed", details=problems)
    depends = ", ".join(filter(None, (field.get("pre-depends"), field.get("depends"))))
    conflicts = ", ".join(filter(None, (field.get("conflicts"), field.get("breaks"))))
    priority = field.get("priority", "")
    return Candidate(
        package,
        tuple(relations(group) for group in depends.split(",") if group.strip()),
        relations(conflicts),
        relations(field.get("provides", "")),
        _PRIORITIES.index(priority) if priority in _PRIORITIES else len(_PRIORITIES),
    )


def compare(a: str, b: str) -> int:
    """Order two Debian versions: negative, zero or positive."""
    from debian.debian_support import NativeVersion

    try:
        left, right = NativeVersion(a), NativeVersion(b)
    except ValueError as error:
        raise RegistryError(f"malformed version in a package index: {error}") from error
    return int(left > right) - int(left < right)
