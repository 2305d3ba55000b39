"""What the final file system has installed, and which programs in it belong to no package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from imgforge.analysis.facts import FILE, Binary, ImageFacts, Package
from imgforge.analysis.purl import build, distribution

SYSTEMS: Final = frozenset({"deb", "apk", "rpm"})
"""Ecosystems whose packages are parts of a distribution."""

_DOCUMENTS: Final = "usr/share/doc/"
_NOTE: Final = "note"
_LOCK: Final = "lock"

_Key = tuple[str, str, str, str]
"""A package's ecosystem, namespace, name and version."""


def packages(image: ImageFacts) -> Iterator[Package]:
    """Yield the packages whose records are in the final file system, with where they came from.

    Notes enrich the records that they are about. So does a list beside the packages (``lock``) what
    is of the same version in its folder or below. It adds packages only if nothing else in its
    folder speaks of its ecosystem's: what it lists beyond what is there was left out. Programs
    that are known by their content are packages of the type ``generic``, unless a package of the
    distribution has them.
    """
    release = distribution(image.text("etc/os-release") or image.text("usr/lib/os-release") or "")
    records, locks, notes = _visible(image)
    rows = [_noted(image, row, notes) for row in records] if notes else records
    _locked(rows, locks)
    rows += _programs(image)
    for row in sorted(rows):
        yield row._replace(purl=build(row, release))


def unowned(image: ImageFacts) -> Iterator[Binary]:
    """Yield the visible programs and libraries that no visible claim covers, by path."""
    owners = _owners(image)
    found = [
        binary._replace(path=min(names))
        for _, binary, names in _binaries(image)
        if not any(name in owners for name in names)
    ]
    yield from sorted(found)


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


def _noted(image: ImageFacts, row: Package, notes: dict[_Key, list[Package]]) -> Package:
    """Return ``row`` with what notes about it add."""
    key = _key(row)
    about = [*notes.get(key, ()), *(notes.get((*key[:3], ""), ()) if row.version else ())]
    if not about and row.ecosystem == "deb":
        # Packages of one source may share one folder of documents (Debian policy, 12.3).
        shared = image.resolve(_DOCUMENTS + row.name) or ""
        about = notes.get(("deb", "", shared.removeprefix(_DOCUMENTS), ""), [])
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
            rows.append(lock)


def _folders(place: str) -> Iterator[str]:
    """Yield every folder above ``place``, the root (empty) last."""
    while place:
        place = place.rpartition("/")[0]
        yield place


def _owners(image: ImageFacts) -> dict[str, str]:
    """Return who owns the real paths of what visible claims cover."""
    owners: dict[str, str] = {}
    real: dict[str, str | None] = {}
    for index, layer in enumerate(image.layers):
        for claim in layer.claims:
            if not image.is_visible(index, claim.path):
                continue
            for path in claim.files.split("\n"):
                folder, _, name = path.rpartition("/")
                if folder not in real:
                    real[folder] = image.resolve(folder)
                there = real[folder]
                if there is not None:
                    owners[f"{there}/{name}" if there else name] = claim.owner
    return owners


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


def _programs(image: ImageFacts) -> Iterator[Package]:
    """Yield what programs are by their content where no package of the distribution has them."""
    named = [found for found in _binaries(image) if found[1].name]
    if not named:
        return
    owners = _owners(image)
    for layer, binary, paths in named:
        if any(owners.get(path, "").partition(":")[0] in SYSTEMS for path in paths):
            continue
        yield Package(
            "generic",
            binary.name,
            binary.version,
            purl="",
            licence="",
            supplier="",
            paths=(min(paths),),
            layer=image.layers[layer].digest,
            hashes=(f"sha256:{binary.sha256}",),
            found="binary",
        )
