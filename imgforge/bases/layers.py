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
from imgforge.bases import contract, deb, index, npm, steps, supplies, wheels
from imgforge.bases import tree as trees
from imgforge.bases.definitions import Definition, PythonBytecode, digest
from imgforge.bases.sources import Sources
from imgforge.errors import InvalidInputError, RegistryError
from imgforge.lock import LockedLayer, LockedPlatform, Package
from imgforge.oci.layer import Layer, write_layer
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, Platform, canonical_json, is_digest, sha256

_READERS = 4
_COMPILER = "amd64"


def architecture(platform: Platform) -> str:
    """Return Debian's name for it; InvalidInputError if bases cannot be made for ``platform``."""
    known = platform.architecture in trees.TRIPLETS
    if platform.os != "linux" or not known or platform.variant not in {"", "v8"}:
        raise InvalidInputError(
            f"bases cannot be made for {platform}", hint="linux/amd64 and linux/arm64 can be had"
        )
    return platform.architecture


def needed(chain: Sequence[Definition], platforms: tuple[Platform, ...]) -> tuple[Platform, ...]:
    """Return ``platforms``, and amd64 where only its interpreter may be able to compile for them.

    This may not depend on the machine that locks, or locks would.
    """
    if _compiled(chain) and not any(p.architecture == _COMPILER for p in platforms):
        return (*platforms, Platform("linux", _COMPILER))
    return platforms


def _compiled(chain: Sequence[Definition]) -> bool:
    return any(isinstance(step, PythonBytecode) for d in chain for step in d.step)


def store() -> Layout:
    """Open the layout in the cache that holds every layer made so far."""
    return Layout.create(cache.directory("layers"))


def make(
    chain: Sequence[Definition],
    platforms: Sequence[LockedPlatform],
    *,
    sources: Callable[[], Sources],
    offline: bool,
    say: Callable[[str], None],
) -> list[list[Layer]]:
    """Return the layers of each platform, lowest first, all in :func:`store`.

    Packages are unpacked only if some layer is not in the cache, and ``sources`` is asked only if
    one must be downloaded. Raises what the steps it takes raise.
    """
    growing = [Growth(chain, p, sources, offline=offline, say=say) for p in platforms]
    by_architecture = {g.architecture: g for g in growing}
    compiled = _compiled(chain)
    made = []
    for growth in growing:
        made.append(_made(growth, by_architecture, say))
        if not (compiled and growth.architecture == steps.machine()):
            growth.forget()
    return made


def _made(growth: Growth, growing: Mapping[str, Growth], say: Callable[[str], None]) -> list[Layer]:
    into, made = store(), []
    chain, locked = growth.chain, growth.locked
    for number, definition in enumerate(chain):
        key = _key(chain[: number + 1], locked.layers[: number + 1], growth.architecture)
        layer = _cached(into, key)
        if layer is None:
            say(f"{locked.platform}: packing {definition.name}")
            tree = growth.tree(number, growing)
            layer = write_layer(into, trees.completed(tree, trees.over(growth.below(number))))
            _remember(key, layer)
        made.append(layer)
    return made


def missing(chain: Sequence[Definition], platforms: Sequence[LockedPlatform]) -> list[str]:
    """Return what :func:`make` would have to download, one line a file."""

    def is_made(locked: LockedPlatform) -> bool:
        arch = architecture(locked.platform)
        keys = (_key(chain[: i + 1], locked.layers[: i + 1], arch) for i in range(len(chain)))
        return all(_cached(store(), key) for key in keys)

    wanted = [locked for locked in platforms if not is_made(locked)]
    if wanted and _compiled(chain):
        # One platform's interpreter may have to compile for another.
        wanted = list(platforms)
    return [
        f"{locked.platform}: {supply.about}"
        for locked in wanted
        for supply in supplies.missing(supplies.of(locked))
    ]


class Growth:
    """The trees of one platform, grown from the lowest up, only as far as they are asked for."""

    def __init__(
        self,
        chain: Sequence[Definition],
        locked: LockedPlatform,
        sources: Callable[[], Sources],
        *,
        offline: bool,
        say: Callable[[str], None],
    ) -> None:
        self.chain = chain
        self.locked = locked
        self.architecture = architecture(locked.platform)
        self._offline = offline
        self._blobs = functools.cache(
            lambda: supplies.bring(locked, sources, offline=offline, say=say)
        )
        # All at once: decompression is most of the work, and the largest package decides.
        self._debs = functools.cache(lambda: _read(locked, self._blobs()))
        self._grown: list[trees.Tree] = []

    def tree(self, number: int, growing: Mapping[str, Growth]) -> trees.Tree:
        """Return the tree of definition ``number``; ``growing`` has what else may be needed."""
        while len(self._grown) <= number:
            self._grown.append(self._next(growing))
        return self._grown[number]

    def below(self, number: int) -> list[trees.Tree]:
        """Return the trees beneath definition ``number``, which was grown already."""
        return self._grown[:number]

    def forget(self) -> None:
        """Let go of the trees, which hold every file's content."""
        self._grown = []
        self._debs.cache_clear()

    def _next(self, growing: Mapping[str, Growth]) -> trees.Tree:
        number = len(self._grown)
        definition, layer = self.chain[number], self.locked.layers[number]
        blobs = self._blobs()
        debs = {p.name: self._debs()[p.sha256] for p in layer.packages}
        packages = trees.unpacked(debs)
        tree = trees.chosen(packages, self.chain[: number + 1])
        entries = [
            *trees.merged_links(tree, trees.over(self._grown)),
            *trees.records(debs, tree),
            *trees.declared(definition, self.architecture),
        ]
        for wheel, pinned in zip(definition.wheel, layer.wheels, strict=True):
            entries.append(wheels.install(wheel, pinned, self.architecture, offline=self._offline))
        here = [n for n in definition.npm if n.named(self.architecture)]
        for wanted, tarball in zip(here, layer.tarballs, strict=True):
            npm.demand(tarball, blobs[tarball.sha256])
            place = f"{tarball.name} {tarball.version}"
            entries += npm.entries(wanted, blobs[tarball.sha256], place)
        tree.update((entry.path, entry) for entry in entries)
        site = steps.Site(
            packages, tree, tuple(self._grown), self.architecture, self._tools(number, growing)
        )
        for step in definition.step:
            steps.apply(step, site)
        trees.refuse_shells(tree, definition)
        contract.check_tree(
            self.chain[: number + 1], trees.over([*self._grown, tree]), self.architecture
        )
        return tree

    def _tools(
        self, number: int, growing: Mapping[str, Growth]
    ) -> Callable[[], trees.Merged] | None:
        """Give the same base for this machine's own architecture, where it is being made too."""
        own = growing.get(steps.machine())
        if own is None or own is self:
            return None

        def grown() -> trees.Merged:
            tree = own.tree(number, growing)
            return trees.over([*own.below(number), tree])

        return grown


def _read(locked: LockedPlatform, blobs: Mapping[str, Path]) -> dict[str, deb.Deb]:
    """Unpack all packages of a platform, by their sha256; the largest first."""
    packages = [p for layer in locked.layers for p in layer.packages]
    packages.sort(key=lambda p: -p.size)
    with ThreadPoolExecutor(_READERS) as pool:
        read = pool.map(lambda p: _unpacked(p, blobs[p.sha256]), packages)
        return {p.sha256: d for p, d in zip(packages, read, strict=True)}


def _unpacked(package: Package, path: Path) -> deb.Deb:
    """Read a package that is what the lock calls it; RegistryError if it is another one."""
    place = f"package {package.name} {package.version}"
    found = deb.read(path, place)
    field = index.fields(found.control)
    said = tuple(field.get(key) for key in ("package", "version", "architecture"))
    if said != (package.name, package.version, package.architecture):
        raise RegistryError(f"{place} for {package.architecture} is {' '.join(map(str, said))}")
    return found


def _key(chain: Sequence[Definition], layers: Sequence[LockedLayer], arch: str) -> str:
    key = {
        "architecture": arch,
        "definitions": digest(chain),
        # Names and versions too: a kept layer stands for packages that were found to be these.
        "packages": [
            [[p.name, p.version, p.architecture, p.sha256] for p in layer.packages]
            for layer in layers
        ],
        "wheels": [[[w.name, w.version, w.sha256] for w in x.wheels] for x in layers],
        "tarballs": [
            [[t.name, t.version, t.integrity, t.sha256] for t in layer.tarballs] for layer in layers
        ],
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
