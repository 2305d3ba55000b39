"""What the final file system has installed, and which programs in it belong to no package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from imgforge.analysis import osrelease
from imgforge.analysis.facts import FILE, Binary, Claim, ImageFacts, Package
from imgforge.analysis.purl import build

SYSTEMS: Final = frozenset({"deb", "apk", "rpm"})
"""Ecosystems whose packages are parts of a distribution."""

_DOCUMENTS: Final = "usr/share/doc/"
UNCERTAIN: Final = "generic"
"""The ecosystem of what is known by its content, and has no other."""

_APART: Final = "deb"
"""The ecosystem whose packages' files are listed apart from their records."""
_NOTE: Final = "note"
_LOCK: Final = "lock"

_Key = tuple[str, str, str, str]
"""A package's ecosystem, namespace, name and version."""


def packages(image: ImageFacts) -> Iterator[Package]:
    """Yield the packages whose records are in the final file system, with where they came from.

    Notes enrich the records that they are about. So does a list beside the packages (``lock``) what
    is of the same version in its folder or below. It adds packages only if nothing else in its
    folder speaks of its ecosystem's: what it lists beyond what is there was left out, and what
    names further paths needs one of them to be there. A package seen in several bundles of one
    folder is one. What is known by its content alone (``generic``) is left out where a package
    of the distribution has the file.
    """
    release = osrelease.of(image)
    records, locks, notes = _visible(image)
    sources = {row.name: _source(row) for row in records if row.ecosystem == "deb"}
    rows = [_noted(image, row, notes, sources) for row in records] if notes else records
    _locked(rows, [lock for lock in locks if _is_there(lock, image)])
    rows = list(_unclaimed(image, list(_bundled(rows))))
    for row in sorted(rows):
        there = row.paths[:1] + tuple(path for path in row.paths[1:] if path in image.files)
        yield row._replace(purl=build(row, release), paths=there)


def unowned(image: ImageFacts) -> tuple[Binary, ...]:
    """Return the visible programs and libraries (ELF) that no visible claim covers, by path."""
    owners = _owners(image)
    found = [
        binary._replace(path=min(names))
        for _, binary, names in _binaries(image)
        if not any(_owner(owners, name) for name in names)
    ]
    return tuple(sorted(found))


def _visible(
    image: ImageFacts,
) -> tuple[list[Package], list[Package], dict[_Key, list[Package]]]:
    """Return records, lists and notes of the final file system."""
    records: list[Package] = []
    locks: list[Package] = []
    notes: dict[_Key, list[Package]] = {}
    first: dict[tuple[_Key, str, str], str] = {}
    for index, layer in enumerate(image.layers):
        for row in layer.packages:
            key = _key(row)
            digest = first.setdefault((key, row.paths[0], row.inside), layer.digest)
            if not image.is_visible(index, row.paths[0]):
                continue
            if row.found == _NOTE:
                notes.setdefault(key, []).append(row)
            else:
                (locks if row.found == _LOCK else records).append(row._replace(layer=digest))
    return records, locks, notes


def _key(row: Package) -> _Key:
    return row.ecosystem, row.namespace, row.name, row.version


def _source(row: Package) -> tuple[str, str]:
    return row.source or row.name, row.source_version or row.version


def _noted(
    image: ImageFacts,
    row: Package,
    notes: dict[_Key, list[Package]],
    sources: Mapping[str, tuple[str, str]],
) -> Package:
    """Return ``row`` with what notes about it add."""
    key = _key(row)
    about = [*notes.get(key, ()), *(notes.get((*key[:3], ""), ()) if row.version else ())]
    if not about and row.ecosystem == "deb":
        # Packages of one source may share one folder of documents (Debian policy, 12.3).
        shared = image.resolve(_DOCUMENTS + row.name) or ""
        about = notes.get(("deb", "", shared.removeprefix(_DOCUMENTS), ""), [])
        if not about and _DOCUMENTS + row.name not in image.files:
            # The link is gone; it may lead only to a package that this one needs, of its source.
            near = [name for name in row.depends if sources.get(name) == _source(row)]
            about = next((n for name in near if (n := notes.get(("deb", "", name, "")))), [])
    return _enriched(row, about) if about else row


def _enriched(row: Package, about: Sequence[Package]) -> Package:
    every = (row, *about)
    return row._replace(
        licence=next((r.licence for r in every if r.licence), ""),
        supplier=next((r.supplier for r in every if r.supplier), ""),
        paths=_union(r.paths for r in every),
        hashes=_union(r.hashes for r in every),
        cpes=_union(r.cpes for r in every),
        depends=next((r.depends for r in every if r.depends), ()),
        dev=any(r.dev for r in every),
        source=next((r.source for r in every if r.source), ""),
        source_version=next((r.source_version for r in every if r.source), ""),
    )


def _union(values: Iterator[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for some in values for value in some))


def _locked(rows: list[Package], locks: Sequence[Package]) -> None:
    """Let ``locks`` enrich ``rows``, or stand where there are none."""
    if not locks:
        return
    places: dict[_Key, list[int]] = {}
    for number, row in enumerate(rows):
        places.setdefault(_key(row), []).append(number)
    populated = {(row.ecosystem, folder) for row in rows for folder in _folders(row.place)}
    for lock in locks:
        tree = lock.place.rpartition("/")[0]
        start = f"{tree}/" if tree else ""
        for number in places.get(_key(lock), ()):
            row = rows[number]
            if row.place.startswith(start):
                rows[number] = _enriched(row, [lock])._replace(paths=row.paths)
        if (lock.ecosystem, tree) not in populated and not lock.dev:
            rows.append(lock._replace(paths=lock.paths[:1]))


def _is_there(lock: Package, image: ImageFacts) -> bool:
    more = lock.paths[1:]
    return not more or any(path in image.files for path in more)


def _bundled(rows: Sequence[Package]) -> Iterator[Package]:
    """Yield the rows, those of Node packages in bundles once for each folder."""
    places: dict[tuple[_Key, str], list[Package]] = {}
    for row in rows:
        if row.ecosystem == "npm" and row.found == "binary":
            places.setdefault((_key(row), row.place.rpartition("/")[0]), []).append(row)
        else:
            yield row
    for found in places.values():
        first = min(found, key=lambda row: row.paths)
        yield first._replace(paths=_union(row.paths for row in sorted(found)))


def _folders(place: str) -> Iterator[str]:
    """Yield every folder above ``place``, the root (empty) last."""
    while place:
        place = place.rpartition("/")[0]
        yield place


def _owner(owners: Mapping[str, str], path: str) -> str:
    """Return who owns ``path`` or the nearest folder above it; empty if nobody does."""
    if path in owners:
        return owners[path]
    return next((owners[f"{f}/"] for f in _folders(path) if f"{f}/" in owners), "")


def _owners(image: ImageFacts) -> dict[str, str]:
    """Return who owns the real paths of what visible claims cover; folders end with ``/``."""
    owners: dict[str, str] = {}
    real: dict[str, str | None] = {}
    for claim in claims(image):
        for path in claim.files.split("\n"):
            folder, _, name = path.rpartition("/")
            if folder not in real:
                real[folder] = image.resolve(folder)
            there = real[folder]
            if there is not None:
                owners[f"{there}/{name}" if there else name] = claim.owner
    return owners


def claims(image: ImageFacts, start: int = 0) -> Iterator[Claim]:
    """Yield the claims of the final file system that stand in layers from number ``start`` on.

    Debian's lists of files lie apart from the packages' records: a list of no package that is
    recorded claims nothing, or whoever writes one hides what he likes without being listed.
    """
    held = {
        name
        for index, layer in enumerate(image.layers)
        for row in layer.packages
        if row.ecosystem == _APART and row.found != _NOTE and image.is_visible(index, row.paths[0])
        for name in (f"{_APART}:{row.name}", row.paths[0])
    }
    for index, layer in enumerate(image.layers[start:], start):
        for claim in layer.claims:
            apart = claim.owner.startswith(f"{_APART}:")
            if apart and not {claim.owner, claim.path.removesuffix(".md5sums")} & held:
                continue
            if image.is_visible(index, claim.path):
                yield claim


def _binaries(image: ImageFacts) -> Iterator[tuple[int, Binary, list[str]]]:
    """Yield the visible programs and libraries with their layer and all their names."""
    known = [{binary.path: binary for binary in layer.binaries} for layer in image.layers]
    if not any(known):
        return
    names: dict[tuple[int, str], list[str]] = {}
    for file in image.files.values():
        if file.kind == FILE and file.origin in known[file.layer]:
            names.setdefault((file.layer, file.origin), []).append(file.path)
    for (layer, origin), paths in names.items():
        yield layer, known[layer][origin], paths


def _unclaimed(image: ImageFacts, rows: Sequence[Package]) -> Iterator[Package]:
    """Yield ``rows`` without what is known by content alone in files of the distribution's."""
    if not any(row.ecosystem == UNCERTAIN for row in rows):
        yield from rows
        return
    owners = _owners(image)
    names: dict[tuple[int, str], list[str]] = {}
    for file in image.files.values():
        if file.origin != file.path:
            names.setdefault((file.layer, file.origin), []).append(file.path)
    for row in rows:
        path = row.paths[0]
        if row.ecosystem == UNCERTAIN:
            fact = image.files.get(path)
            others = names.get((fact.layer, fact.origin), []) if fact else []
            if any(_owner(owners, p).partition(":")[0] in SYSTEMS for p in (path, *others)):
                continue
        yield row
