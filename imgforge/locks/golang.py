"""``go.mod`` and ``go.sum`` (go.dev/ref/mod).

``go.mod`` lists every module of the build (from Go 1.17 on), ``go.sum`` the hashes of these and of
others that were looked at on the way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.locks.locked import Entry, Locked
from imgforge.locks.shape import Spot

SUMS: Final = "go.sum"

_BLOCK: Final = re.compile(r"(require|replace|exclude|retract|tool|godebug|ignore)\s*\(")
_VERBS: Final = frozenset(
    {
        *("exclude", "go", "godebug", "ignore", "module", "replace", "require", "retract"),
        *("tool", "toolchain"),
    }
)
_REPLACE: Final = re.compile(r"(\S+)(?:\s+(v\S+))?\s*=>\s*(\S+)(?:\s+(v\S+))?")
_SUM: Final = re.compile(r"(\S+) (v[^\s/]+)(/go\.mod)? (h1:[A-Za-z0-9+/]{43}=)")


def read(path: str, text: str) -> Locked:
    """Read ``go.mod``, or ``go.sum`` if that is what ``path`` names."""
    if path.rpartition("/")[2] == SUMS:
        return Locked(path, tuple(_sums(path, text)))
    entries: dict[str, Entry] = {}
    replaced: list[tuple[str, str, Entry]] = []
    # Go lists its own library in programs like a module.
    own = ["stdlib"]
    for spot, verb, rest in _directives(path, text):
        words = rest.replace('"', "").replace("`", "").split()
        if verb == "module":
            own += words[:1]
        elif verb == "require":
            entry = _required(spot, words)
            entries[entry.title] = entry
        elif verb == "replace":
            replaced += _replaced(spot, words)
    for title, version, entry in replaced:
        if title in entries and version in {"", entries[title].version}:
            entries[f"{title} => {entry.title}"] = entry
    return Locked(path, tuple(entries.values()), own=tuple(own))


def _required(spot: Spot, words: list[str]) -> Entry:
    if len(words) != 2 or not words[1].startswith("v"):  # noqa: PLR2004 - module and version
        raise spot.error(f"{' '.join(words)[:80]!r} is no module and version")
    return _entry(words[0], words[1], spot.line)


def _replaced(spot: Spot, words: list[str]) -> Iterator[tuple[str, str, Entry]]:
    """Yield what is replaced, of which version (empty: any), and what stands for it.

    What a folder replaces has no version.
    """
    found = _REPLACE.fullmatch(" ".join(words))
    if found is None:
        raise spot.error(f"{' '.join(words)[:80]!r} replaces nothing")
    if found[4]:
        yield found[1], found[2] or "", _entry(found[3], found[4], spot.line)


def with_sums(locked: Locked, sums: Locked) -> Locked:
    """Return ``go.mod`` with the hashes of ``go.sum``."""
    known: dict[str, tuple[str, ...]] = {entry.key: entry.hashes for entry in sums.entries}
    entries = (e._replace(hashes=known.get(e.key, ())) for e in locked.entries)
    return locked._replace(entries=tuple(entries))


def _directives(path: str, text: str) -> Iterator[tuple[Spot, str, str]]:
    block = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("//")[0].strip()
        opened = _BLOCK.fullmatch(line)
        if not line:
            continue
        if block:
            if line == ")":
                block = ""
            else:
                yield Spot(path, number), block, line
        elif opened is not None:
            block = opened[1]
        else:
            verb, _, rest = line.partition(" ")
            if verb not in _VERBS:
                raise Spot(path, number).error(f"{line[:60]!r} is no directive")
            yield Spot(path, number), verb, rest.strip()
    if block:
        raise Spot(path).error(f"the block {block} has no end")


def _entry(module: str, version: str, line: int) -> Entry:
    namespace, _, name = module.rpartition("/")
    return Entry("golang", name, version, line, namespace)


def _sums(path: str, text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = _SUM.fullmatch(line.strip())
        if found is None:
            raise Spot(path, number).error(f"{line[:80]!r} is no module, version and hash")
        if not found[3]:  # of the module itself, not of its go.mod alone
            yield _entry(found[1], found[2], number)._replace(hashes=(found[4],))
