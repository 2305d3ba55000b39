"""``yarn.lock``: Yarn 1's own format, and the YAML of Yarn 2 and later.

Neither says which packages are for development: that stands in ``package.json`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from imgforge.analysis.packages.integrity import digests
from imgforge.locks.locked import Entry, Locked
from imgforge.locks.npm import exact, named
from imgforge.locks.shape import Spot, lines, yaml_table

_BERRY: Final = re.compile(r"^__metadata:", re.MULTILINE)
_FIELD: Final = re.compile(r'(?:"((?:[^"\\]|\\.)*)"|([^\s":]+))\s+(?:"((?:[^"\\]|\\.)*)"|(\S.*))')
_PATTERN: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,\s"]+)')
_CONDITION: Final = re.compile(r"\b(os|cpu|libc)=([a-z0-9_]+)")
_DEPTH: Final = 2
"""Spaces before a field of an entry; what is indented further belongs to a list."""
_LISTS: Final = ("dependencies:", "optionalDependencies:")


class _Block:
    """One entry of Yarn 1: the patterns that it answers, its fields, what it needs."""

    def __init__(self, line: int, patterns: list[str]) -> None:
        self.line = line
        self.patterns = patterns
        self.fields: dict[str, str] = {}
        self.needs: list[str] = []
        self._listing = False

    def add(self, spot: Spot, line: str, depth: int) -> None:
        """Take a line in; ``depth`` is its indentation."""
        field = _FIELD.fullmatch(line)
        name, value = (field[1] or field[2], field[3] or field[4] or "") if field else (line, "")
        if field is None and (depth > _DEPTH or not line.endswith(":")):
            raise spot.error(f"{line[:60]!r} is no field")
        if depth > _DEPTH:
            if self._listing:
                self.needs.append(f"{name}@{value}")
            return
        self._listing = line in _LISTS
        if field is not None:
            self.fields[name] = value


def read(path: str, text: str) -> Locked:
    """Read either format."""
    if _BERRY.search(text):
        return Locked(path, tuple(_berry(path, text)), scoped=False)
    return Locked(path, tuple(_classic(path, text)), scoped=False)


def _classic(path: str, text: str) -> Iterator[Entry]:
    blocks = list(_blocks(path, text))
    keys = {pattern: _key(path, block) for block in blocks for pattern in block.patterns}
    for block in blocks:
        full, _, version = _key(path, block).rpartition("@")
        scope, name = named(full)
        yield Entry(
            *("npm", name, version, block.line, scope),
            hashes=digests(block.fields.get("integrity", "")),
            needs=tuple(sorted({keys[need] for need in block.needs if need in keys})),
        )


def _key(path: str, block: _Block) -> str:
    version = block.fields.get("version", "")
    if not version:
        raise Spot(path, block.line).error(f"{block.patterns[0]} has no version")
    name, _, wanted = _split(Spot(path, block.line), block.patterns[0])
    if wanted.startswith("npm:"):  # an alias: its own name stands behind
        name = _split(Spot(path, block.line), wanted.removeprefix("npm:") + "@")[0]
    return f"{name}@{exact(version)}"


def _split(spot: Spot, pattern: str) -> tuple[str, str, str]:
    at = pattern.find("@", 1)
    if at < 0:
        raise spot.error(f"{pattern[:80]!r} names no package and range")
    return pattern[:at], "@", pattern[at + 1 :]


def _blocks(path: str, text: str) -> Iterator[_Block]:
    block: _Block | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        spot = Spot(path, number)
        if not raw.startswith(" "):
            if block is not None:
                yield block
            block = _begun(spot, line)
        elif block is None:
            raise spot.error("a field before the first entry")
        else:
            block.add(spot, line, len(raw) - len(raw.lstrip(" ")))
    if block is not None:
        yield block


def _begun(spot: Spot, line: str) -> _Block:
    patterns = [quoted or bare for quoted, bare in _PATTERN.findall(line[:-1])]
    if not line.endswith(":") or not patterns:
        raise spot.error(f"{line[:60]!r} is neither an entry nor a comment")
    return _Block(spot.line, patterns)


def _berry(path: str, text: str) -> Iterator[Entry]:
    table = yaml_table(path, text)
    numbers = lines(text, r'^"?([^\s"][^"\n]*?)"?:$')
    rows, keys = [], {}
    for patterns, value in table.items():
        if patterns == "__metadata":
            continue
        spot = Spot(path, numbers.get(patterns, 0))
        row = spot.table(value, patterns)
        if row.get("linkType") == "soft":  # a workspace: the project's own
            continue
        name = _split(spot, spot.name(row.get("resolution"), "resolution"))[0]
        key = f"{name}@{exact(spot.name(row.get('version'), 'version'))}"
        keys.update(dict.fromkeys((p.strip() for p in patterns.split(",")), key))
        rows.append((spot, key, row))
    for spot, key, row in rows:
        yield _berry_entry(spot, key, row, keys)


def _berry_entry(spot: Spot, key: str, row: Mapping[str, object], keys: Mapping[str, str]) -> Entry:
    full, _, version = key.rpartition("@")
    scope, name = named(full)
    wanted = spot.table(row.get("dependencies"), "dependencies").items()
    needs = {
        keys[need]
        for n, said in wanted
        for need in (f"{n}@{spot.word(said, n)}", f"{n}@npm:{said}")
        if need in keys
    }
    limits: dict[str, list[str]] = {"os": [], "cpu": [], "libc": []}
    for kind, value in _CONDITION.findall(spot.word(row.get("conditions"), "conditions")):
        limits[kind].append(value)
    return Entry(
        *("npm", name, version, spot.line, scope),
        needs=tuple(sorted(needs)),
        os=tuple(limits["os"]),
        cpu=tuple(limits["cpu"]),
        libc=tuple(limits["libc"]),
    )
