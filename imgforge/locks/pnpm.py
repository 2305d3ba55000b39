"""``pnpm-lock.yaml`` (github.com/pnpm/spec, lockfile; formats 5.4, 6 and 9).

A package's key is its name and version, and in brackets the peers that it was resolved with; the
same package may have several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.analysis.packages.integrity import digests
from imgforge.locks.locked import Entry, Locked
from imgforge.locks.npm import exact, named
from imgforge.locks.shape import Spot, lines, reached, scoped, yaml_table

_KINDS: Final = ("dependencies", "optionalDependencies")


def read(path: str, text: str) -> Locked:
    """Read the lock: packages of all importers (workspaces) together."""
    spot = Spot(path)
    table = yaml_table(path, text)
    version = spot.word(table.get("lockfileVersion"), "lockfileVersion")
    if version.partition(".")[0] not in {"5", "6", "9"}:
        raise spot.error(f"lockfileVersion is {version!r}, known are 5, 6 and 9")
    old = version.startswith("5")
    packages = spot.table(table.get("packages"), "packages")
    snapshots = spot.table(table.get("snapshots"), "snapshots") or packages
    numbers = lines(text, r"^  '?([^\s'][^'\n]*?)'?:(?: \{\})?$")
    needs: dict[str, set[str]] = {}
    for key, value in snapshots.items():
        at = Spot(path, numbers.get(key, 0))
        own = at.table(value, key)
        said = needs.setdefault(_key(at, key, old=old), set())
        said |= {need for kind in _KINDS for need in _needs(at, own.get(kind), old=old)}
    entries = {}
    for key, value in packages.items():
        at = Spot(path, numbers.get(key, 0))
        entry = _entry(at, _key(at, key, old=old), at.table(value, key))
        entries[entry.key] = entry._replace(needs=tuple(sorted(needs.get(entry.key, ()))))
    roots = {kind: dict.fromkeys(_roots(spot, table, kind, old=old)) for kind in _KINDS}
    edges = {key: entry.needs for key, entry in entries.items()}
    required, optional = (reached(roots[kind], edges) for kind in _KINDS)
    found = []
    for entry in scoped(list(entries.values()), required, optional):
        own = spot.table(_snapshot(packages, snapshots, entry), entry.key)
        weak = entry.scope == "required" and own.get("optional") == "true"
        found.append(entry._replace(scope="optional") if weak else entry)
    return Locked(path, tuple(found))


def _snapshot(packages: Mapping[str, Any], snapshots: Mapping[str, Any], entry: Entry) -> object:
    for key in (entry.key, f"/{entry.key}"):
        if key in snapshots:
            return snapshots[key]
        if key in packages:
            return packages[key]
    return {}


def _key(spot: Spot, key: str, *, old: bool) -> str:
    """Return ``name@version`` of a key such as ``/@a/b@1.0.0(c@2.0.0)`` or ``/@a/b/1.0.0_c@2``."""
    bare = key.removeprefix("/").partition("(")[0]
    if old:
        name, _, version = bare.partition("_")[0].rpartition("/")
    else:
        # The first @ that begins no scope: what follows may be an address that has more of them.
        at = bare.find("@", 1)
        name, version = (bare[:at], bare[at + 1 :]) if at > 0 else ("", "")
    if not name or not version:
        raise spot.error(f"{key[:80]!r} is no package")
    return f"{name}@{exact(version)}"


def _needs(spot: Spot, value: object, *, old: bool) -> Iterator[str]:
    for name, said in spot.table(value, "dependencies").items():
        version = said.get("version") if isinstance(said, dict) else said
        word = spot.word(version, name)
        if word.startswith(("link:", "file:")):
            continue
        bare = word.partition("(")[0]
        if old:
            bare = bare.partition("_")[0]
        if bare.startswith("/") or "@" in bare[1:]:  # an alias has the whole key
            yield _key(spot, word, old=old)
        else:
            yield f"{name}@{exact(bare)}"


def _roots(spot: Spot, table: Mapping[str, Any], kind: str, *, old: bool) -> Iterator[str]:
    importers = spot.table(table.get("importers"), "importers") or {".": table}
    for name, value in importers.items():
        own = spot.table(value, f"importer {name}")
        yield from _needs(spot, own.get(kind), old=old)


def _entry(spot: Spot, key: str, table: Mapping[str, Any]) -> Entry:
    full, _, version = key.rpartition("@")
    scope, name = named(full)
    resolution = spot.table(table.get("resolution"), "resolution")
    return Entry(
        *("npm", name, version, spot.line, scope),
        hashes=digests(spot.word(resolution.get("integrity"), "integrity")),
        os=spot.words(table.get("os"), "os"),
        cpu=spot.words(table.get("cpu"), "cpu"),
        libc=spot.words(table.get("libc"), "libc"),
    )
