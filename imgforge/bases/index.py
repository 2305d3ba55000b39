"""Package indexes: the ``Packages`` files of the suites of a release, read as far as asked.

Format: deb-control(5), https://wiki.debian.org/DebianRepository/Format. Stanzas are split all at
once but parsed only when a name is looked up: an index has some 65,000, a base needs a few dozen.
"""

from __future__ import annotations

import functools
import lzma
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imgforge import cache
from imgforge.errors import RegistryError
from imgforge.lock import Package, checked

MAX_BYTES = 512 << 20
"""Of an unpacked index; Debian's main has 57 MB."""

MAX_PACKED = 128 << 20
"""Of an index as it comes; Debian's main has 10 MB."""

_MAX_KEPT = MAX_BYTES + (64 << 20)
_FORMAT = b"imgforge index 1"
"""Of what is kept in the cache; raise it when :func:`split` finds other places."""

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

    def __init__(self, suites: Iterable[tuple[str, Stanzas]]) -> None:
        self._suites = tuple(suites)
        self._found: dict[str, tuple[Candidate, ...]] = {}

    def named(self, name: str) -> tuple[Candidate, ...]:
        """Return all packages called ``name``, newest first."""
        if name not in self._found:
            found = [
                candidate(stanza, suite)
                for suite, stanzas in self._suites
                for stanza in stanzas.of(name)
            ]
            newest = functools.cmp_to_key(compare)
            found.sort(key=lambda c: newest(c.package.version), reverse=True)
            self._found[name] = tuple(found)
        return self._found[name]

    def providing(self, name: str) -> tuple[Candidate, ...]:
        """Return the newest of each package that provides ``name``: weightiest, then by name."""
        owners = {
            stanza[9 : stanza.index(b"\n")].decode("utf-8", "replace").strip()
            for _, stanzas in self._suites
            for stanza in stanzas.of(_PROVIDERS + name)
        }
        newest = (self.named(owner)[0] for owner in owners)
        found = [c for c in newest if any(p.name == name for p in c.provides)]
        return tuple(sorted(found, key=lambda c: (c.priority, c.package.name)))

    def needing(self, name: str) -> tuple[Candidate, ...]:
        """Return the newest of each package that depends on the package ``name``; by name.

        No table has that: all stanzas are searched, which takes some 50 ms.
        """
        owners = {owner for _, stanzas in self._suites for owner in stanzas.mentioning(name)}
        newest = (self.named(owner)[0] for owner in sorted(owners))
        return tuple(c for c in newest if any(r.name == name for g in c.depends for r in g))


_PROVIDERS = "\0"
"""Prefix of the keys under which stanzas are found by what they provide."""

_KEY = _PROVIDERS.encode()
_PROVIDED = re.compile(rb"(?:^|,)\s*([a-z0-9][a-z0-9+.-]*)")


@dataclass(frozen=True, slots=True)
class Stanzas:
    """An unpacked index and a table that says where in it the stanzas of each key are.

    ``table`` has one line a key, sorted: the key, then begin and end of each stanza, by tabs. It is
    searched as it is, since parsing it would take longer than all questions a base has.
    """

    text: bytes
    table: bytes

    def of(self, key: str) -> tuple[bytes, ...]:
        """Return the stanzas of a package's name, or of a provided one after ``_PROVIDERS``."""
        wanted, low, high = key.encode(), 0, len(self.table)
        while low < high:
            middle = (low + high) // 2
            begin = self.table.rfind(b"\n", low, middle) + 1 or low
            end = self.table.index(b"\n", middle)
            found, *places = self.table[begin:end].split(b"\t")
            if found == wanted:
                numbers = [int(place) for place in places]
                pairs = zip(numbers[::2], numbers[1::2], strict=True)
                return tuple(self.text[first:last] for first, last in pairs)
            low, high = (end + 1, high) if found < wanted else (low, begin)
        return ()

    def mentioning(self, word: str) -> frozenset[str]:
        """Return the names of the packages whose stanzas have ``word`` somewhere."""
        found, wanted, at = set(), word.encode(), 0
        while (at := self.text.find(wanted, at)) >= 0:
            begin = self.text.rfind(b"\n\n", 0, at) + 1  # 0 before the first blank line
            end = self.text.find(b"\n\n", at)
            at = len(self.text) if end < 0 else end
            head = self.text[begin:at].lstrip(b"\n").partition(b"\n")[0]
            if head.startswith(b"Package: "):
                found.add(head[9:].strip().decode("utf-8", "replace"))
        return frozenset(found)


def split(text: bytes) -> Stanzas:
    """Find the stanzas of an unpacked index, by package name and by provided name.

    Provided names are taken as they look here; :func:`candidate` reads them strictly.
    """
    lines: dict[bytes, bytes] = {}
    after = 0
    for part in text.split(b"\n\n"):
        begin, after = after, after + len(part) + 2
        stanza = part.lstrip(b"\n")
        if not stanza:
            continue
        begin += len(part) - len(stanza)
        name = stanza.partition(b"\n")[0]
        if not name.startswith(b"Package: ") or b"\t" in name:
            raise RegistryError("a package index holds a stanza that starts with no name")
        place = b"\t%d\t%d" % (begin, begin + len(stanza) + (not stanza.endswith(b"\n")))
        key = name[9:].strip()
        lines[key] = lines.get(key, key) + place
        at = stanza.find(b"\nProvides: ")
        if at >= 0:
            provided = stanza[at + 11 :].partition(b"\n")[0]
            for key in {_KEY + word for word in _PROVIDED.findall(provided)}:
                lines[key] = lines.get(key, key) + place
    return Stanzas(text, b"".join(lines[key] + b"\n" for key in sorted(lines)))


@functools.lru_cache(maxsize=32)
def load(path: Path) -> Stanzas:
    """Unpack and split the cached ``Packages.xz``; RegistryError if it is malformed.

    ``path`` names its content by hash, so the answer may be kept: here, since a lock resolves
    several bases, and in the cache, where it is read ten times as fast as it is made.
    """
    kept = cache.directory("indexes") / path.name
    found = _recalled(kept)
    if found is None:
        found = split(_unpacked(path))
        _remember(kept, found)
    return found


def _unpacked(path: Path) -> bytes:
    unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=256 << 20)
    try:
        data = unpacker.decompress(path.read_bytes(), MAX_BYTES)
    except lzma.LZMAError as error:
        raise RegistryError(f"the package index {path.name} is not xz: {error}") from error
    if not unpacker.eof:
        raise RegistryError(f"the package index {path.name} is cut off or over {MAX_BYTES} bytes")
    return data


def _remember(path: Path, stanzas: Stanzas) -> None:
    import zstandard

    head = b"%s %d\n" % (_FORMAT, len(stanzas.table))
    packer = zstandard.ZstdCompressor(level=1, write_checksum=True)
    cache.write(path, packer.compress(b"".join((head, stanzas.table, stanzas.text))))


def _recalled(path: Path) -> Stanzas | None:
    import zstandard

    try:
        packed = path.read_bytes()
        if not 0 <= zstandard.frame_content_size(packed) <= _MAX_KEPT:
            return None
        data = zstandard.ZstdDecompressor().decompress(packed, allow_extra_data=False)
    except (OSError, zstandard.ZstdError, MemoryError):
        return None
    head = re.match(rb"(.*) (\d+)\n", data)
    if not head or head[1] != _FORMAT:
        return None
    middle = head.end() + int(head[2])
    return Stanzas(data[middle:], data[head.end() : middle])


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
