"""What installers of Node packages leave beside them: hashes, edges, what is for development only.

npm's hidden lock (``node_modules/.package-lock.json``, package-lock.json(5)), pnpm's
(``node_modules/.pnpm/lock.yaml``, versions 5 to 9 of the format), Yarn 1's
``node_modules/.yarn-integrity`` and Yarn's map of Plug'n'Play (``.pnp.cjs``, ``.pnp.data.json``,
"PnP specification"). All are lists of what was asked for: whether it is there, packages' own
``package.json`` say (``lock``, see :mod:`imgforge.analysis.packages`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from imgforge.analysis.facts import Package
from imgforge.analysis.packages.document import load_object, mapping, objects, text, word
from imgforge.analysis.packages.integrity import digest, digests
from imgforge.analysis.packages.node import ECOSYSTEM, depends, licence, split

_TARBALL: Final = re.compile(
    r".*?/((?:@[^/]+/)?([^/@]+))/-/([^/#?]+)\.tgz(?:[?][^#]*)?(?:#([0-9a-f]{40}))?"
)
_PNPM: Final = re.compile(r"/?((?:@[^/@]+/)?[^/@]+)[/@](\d[^/(_]*)(?:[(_].*)?")
"""A key of pnpm's: ``/a/1.0.0_peers`` (5), ``/a@1.0.0(peers)`` (6), ``a@1.0.0`` (9)."""
_STATE: Final = re.compile(r"RAW_RUNTIME_STATE\s*=\s*'((?:[^'\\]++|\\.)*+)'", re.DOTALL)
_REFERENCE: Final = re.compile(r"(?:virtual:[^#]*#)?npm:(\d\S*)")


class _Locked(NamedTuple):
    name: str
    version: str
    hashes: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    licence: str = ""
    dev: bool = False


def wants(path: str, name: str) -> bool:
    """Whether this is one of those lists."""
    kind = _KINDS.get(name)
    return kind is not None and f"/{path}".endswith(kind[0])


def read(path: str, data: bytes) -> list[Package]:
    """Return what is listed, each package once; ValueError if the list cannot be read.

    A package is for development only if it is so wherever it lies.
    """
    merged: dict[tuple[str, str], _Locked] = {}
    for found in _KINDS[path.rpartition("/")[2]][1](data):
        if not word(found.name) or not word(found.version):
            continue
        before = merged.get((found.name, found.version), found)
        merged[found.name, found.version] = _Locked(
            found.name,
            found.version,
            tuple(sorted({*before.hashes, *found.hashes})),
            tuple(sorted({*before.depends, *found.depends})),
            before.licence or found.licence,
            dev=before.dev and found.dev,
        )
    return [_package(path, found) for _, found in sorted(merged.items()) if split(found.name)]


def _package(path: str, found: _Locked) -> Package:
    scope, _, name = found.name.rpartition("/")
    return Package(
        ECOSYSTEM,
        name,
        found.version,
        purl="",
        licence=found.licence,
        supplier="",
        paths=(path,),
        namespace=scope,
        hashes=found.hashes,
        depends=found.depends,
        found="lock",
        dev=found.dev,
    )


def _hidden(data: bytes) -> Iterator[_Locked]:
    for place, fields in objects(load_object(data).get("packages")):
        if fields.get("link") is True or "node_modules/" not in place:
            continue
        name = word(fields.get("name")) or place.rpartition("node_modules/")[2]
        yield _Locked(
            name,
            word(fields.get("version")),
            digests(text(fields.get("integrity"), 1000)),
            depends(fields),
            licence(fields),
            dev=fields.get("dev") is True,
        )


def _pnpm(data: bytes) -> Iterator[_Locked]:
    from imgforge.strictyaml import load_all

    for document in load_all(data):
        fields = mapping(document)
        snapshots = dict(objects(fields.get("snapshots")))
        run = _run(fields, snapshots)
        edges = {key.partition("(")[0]: depends(found) for key, found in snapshots.items()}
        for key, package in objects(fields.get("packages")):
            parts = _PNPM.fullmatch(key)
            if parts is None:
                continue  # from a git repository or a folder: no package of the registry's
            yield _Locked(
                word(package.get("name")) or parts[1],
                word(package.get("version")) or parts[2],
                digests(text(mapping(package.get("resolution")).get("integrity"), 1000)),
                edges.get(key) or depends(package),
                dev=key not in run if snapshots else package.get("dev") == "true",
            )


def _run(fields: Mapping[str, Any], snapshots: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the keys that the projects need when they run: version 9 marks none."""
    open_ = [project for _, project in objects(fields.get("importers"))]
    seen: set[str] = set()
    while open_:
        needs = open_.pop()
        for kind in ("dependencies", "optionalDependencies"):
            for name, said in mapping(needs.get(kind)).items():
                value = said.get("version") if isinstance(said, dict) else said
                if not isinstance(value, str):
                    continue
                for key in (f"{name}@{value}", value):
                    if key in snapshots and key not in seen:
                        seen.add(key)
                        open_.append(snapshots[key])
    return {key.partition("(")[0] for key in seen}


def _yarn(data: bytes) -> Iterator[_Locked]:
    for url in mapping(load_object(data).get("lockfileEntries")).values():
        parts = _TARBALL.fullmatch(unquote(url)) if isinstance(url, str) else None
        if parts is not None and parts[3].startswith(f"{parts[2]}-"):
            version = parts[3][len(parts[2]) + 1 :]
            yield _Locked(parts[1], version, digest("sha1", parts[4]))


def _pnp(data: bytes) -> Iterator[_Locked]:
    """Read the map; the program that carries it has it as text, or as a file of its own."""
    if data.lstrip()[:1] != b"{":
        found = _STATE.search(data.decode(errors="replace"))
        if found is None:
            return  # a loader whose map lies in .pnp.data.json
        data = re.sub(r"\\(\n|.)", lambda m: "" if m[1] == "\n" else m[1], found[1]).encode()
    registry = load_object(data).get("packageRegistryData")
    for name, versions in _pairs(registry):
        for reference, fields in _pairs(versions):
            parts = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
            if parts is None or not isinstance(name, str):
                continue  # the project itself, its workspaces, git
            needs = _pairs(mapping(fields).get("packageDependencies"))
            # An alias has the package that it stands for beside the reference.
            names = {n if isinstance(to, str) else to[0] for n, to in needs if to}
            others = {n for n in names if isinstance(n, str) and n != name and split(n)}
            yield _Locked(name, parts[1], depends=tuple(sorted(others)))


def _pairs(value: object) -> Iterator[tuple[Any, Any]]:
    for pair in value if isinstance(value, list) else ():
        if isinstance(pair, list) and len(pair) == 2:  # noqa: PLR2004 - a pair
            yield pair[0], pair[1]


_KINDS: Final[Mapping[str, tuple[str, Callable[[bytes], Iterator[_Locked]]]]] = {
    ".package-lock.json": ("/node_modules/.package-lock.json", _hidden),
    ".yarn-integrity": ("/node_modules/.yarn-integrity", _yarn),
    ".pnp.cjs": ("/.pnp.cjs", _pnp),
    ".pnp.data.json": ("/.pnp.data.json", _pnp),
    "lock.yaml": ("/node_modules/.pnpm/lock.yaml", _pnpm),
}
NAMES: Final = frozenset(_KINDS)
