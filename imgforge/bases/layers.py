"""The layers of a locked base, out of packages alone.

A layer is a function of its packages, definitions, and architecture, so it is kept in the
cache (``layers``) under a key over these, and shared by every base that stands on it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imgforge import cache
from imgforge.bases import deb, fetch, steps, wheels
from imgforge.bases import tree as trees
from imgforge.bases.definitions import Definition, digest
from imgforge.bases.sources import Sources
from imgforge.errors import BuildFailedError, InvalidInputError
from imgforge.lock import LockedLayer, LockedPlatform
from imgforge.oci.layer import ENCODER, Layer, write_layer
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, Platform, canonical_json, is_digest, sha256

FORMAT = 1
"""Raise it when the same packages and definitions are to give other bytes."""

_READERS = 4

Blobs = Callable[[], Mapping[str, Path]]
"""Gives the package files of a platform by their sha256."""


def architecture(platform: Platform) -> str:
    """Return Debian's name for it; InvalidInputError if bases cannot be made for ``platform``."""
    known = platform.architecture in steps.TRIPLETS
    if platform.os != "linux" or not known or platform.variant not in {"", "v8"}:
        raise InvalidInputError(
            f"bases cannot be made for {platform}", hint="linux/amd64 and linux/arm64 can be had"
        )
    return platform.architecture


def store() -> Layout:
    """Open the layout in the cache that holds every layer made so far."""
    return Layout.create(cache.directory("layers"))


def make(
    chain: Sequence[Definition],
    locked: LockedPlatform,
    *,
    sources: Callable[[], Sources],
    offline: bool,
    say: Callable[[str], None],
) -> list[Layer]:
    """Return the layers of ``locked``, lowest first, all in :func:`store`.

    Packages are unpacked only if some layer is not in the cache, and ``sources`` is asked only if
    one must be downloaded. Raises what the steps it takes raise.
    """
    into, grown, made = store(), list[trees.Tree](), list[Layer]()
    blobs = functools.cache(lambda: _blobs(locked, sources, offline=offline, say=say))
    arch = architecture(locked.platform)
    for number, definition in enumerate(chain):
        key = _key(chain[: number + 1], locked.layers[: number + 1], arch)
        layer = _cached(into, key)
        if layer is None:
            while len(grown) <= number:
                i = len(grown)
                grown.append(
                    _tree(chain[: i + 1], locked.layers[i], arch, grown, blobs, offline=offline)
                )
            say(f"{locked.platform}: packing {definition.name}")
            entries = trees.completed(grown[number], trees.over(grown[:number]))
            layer = write_layer(into, entries)
            _remember(key, layer)
        made.append(layer)
    return made


def _blobs(
    locked: LockedPlatform,
    sources: Callable[[], Sources],
    *,
    offline: bool,
    say: Callable[[str], None],
) -> dict[str, Path]:
    packages = {p.sha256: p for layer in locked.layers for p in layer.packages}
    with ThreadPoolExecutor(_READERS) as pool:
        cached = zip(packages, pool.map(fetch.cached, packages), strict=True)
        found = {name: path for name, path in cached if path is not None}
    missing = [p for name, p in packages.items() if name not in found]
    if missing and offline:
        raise BuildFailedError(
            f"{len(missing)} packages are not in the cache and this run is offline",
            details=[f"{p.name} {p.version} {p.architecture}" for p in missing],
            hint="run once with network access",
        )
    if missing:
        size = sum(p.size for p in missing)
        say(f"{locked.platform}: fetching {len(missing)} packages, {size / 1e6:.1f} MB")
        roots = sources()
        wanted = [
            fetch.Wanted((f"{roots.root(p.suite)}/{p.path}",), p.sha256, p.size) for p in missing
        ]
        for package, path in zip(missing, fetch.blobs(wanted), strict=True):
            found[package.sha256] = path
    return found


def _tree(
    chain: Sequence[Definition],
    layer: LockedLayer,
    arch: str,
    below: Sequence[trees.Tree],
    blobs: Blobs,
    *,
    offline: bool,
) -> trees.Tree:
    """Fill the tree of the last definition of ``chain``."""
    definition = chain[-1]
    debs = _debs(layer, blobs())
    packages = trees.unpacked(debs)
    tree = trees.chosen(packages, chain)
    entries = [*trees.records(debs, tree), *trees.declared(definition)]
    for wheel, pinned in zip(definition.wheel, layer.wheels, strict=True):
        entries.append(wheels.install(wheel, pinned, arch, offline=offline))
    tree.update((entry.path, entry) for entry in entries)
    for step in definition.step:
        steps.apply(step, packages, tree, below, arch)
    trees.refuse_shells(tree, definition)
    return tree


def _debs(layer: LockedLayer, blobs: Mapping[str, Path]) -> dict[str, deb.Deb]:
    with ThreadPoolExecutor(_READERS) as pool:
        read = pool.map(
            lambda p: deb.read(blobs[p.sha256], f"package {p.name} {p.version}"), layer.packages
        )
        return {p.name: d for p, d in zip(layer.packages, read, strict=True)}


def _key(chain: Sequence[Definition], layers: Sequence[LockedLayer], arch: str) -> str:
    key = {
        "format": FORMAT,
        "encoder": ENCODER,
        "architecture": arch,
        "definitions": digest(chain),
        "packages": [[[p.name, p.sha256] for p in layer.packages] for layer in layers],
        "wheels": [[[w.name, w.version, *w.hashes] for w in layer.wheels] for layer in layers],
    }
    return sha256(canonical_json(key)).removeprefix("sha256:")


def _cached(into: Layout, key: str) -> Layer | None:
    note = cache.directory("layers", "keys") / key
    try:
        found = json.loads(note.read_bytes())
        layer = Layer(Descriptor.from_json(found["layer"]), found["diff_id"])
        path = into.blob_path(layer.descriptor.digest)
        if not (cache.used(note) and cache.used(path)):
            return None
        size = path.stat().st_size
    except (OSError, ValueError, KeyError, TypeError, InvalidInputError):
        return None
    return layer if size == layer.descriptor.size and is_digest(layer.diff_id) else None


def _remember(key: str, layer: Layer) -> None:
    value = {"layer": layer.descriptor.to_json(), "diff_id": layer.diff_id}
    cache.write(cache.directory("layers", "keys") / key, canonical_json(value))
