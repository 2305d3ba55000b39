"""Node packages that a bundler has put into one file, as far as it left word of them.

Source maps (ECMA-426) name the files that went in: those from ``node_modules`` by package, and by
version too where pnpm's or Yarn's folders have it. So do the licences that bundlers collect:
esbuild's ``*.LEGAL.txt``, Angular's ``3rdpartylicenses.txt``, Vite's ``.vite/license.*``. A package
without a version was seen without one: none is made up. webpack's ``*.LICENSE.txt`` has titles
("React v17") and no packages' names, and banners in the program itself are prose: neither counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from imgforge.analysis.facts import Package
from imgforge.analysis.packages.document import lines, load, mapping, text, word
from imgforge.analysis.packages.node import ECOSYSTEM, split

SUFFIXES: Final = frozenset({".map", ".txt"})
FOLDERS: Final = frozenset({".vite"})

_MAPS: Final = (".js.map", ".mjs.map", ".cjs.map")
_VITE: Final = (".vite/license.md", ".vite/license.json")
_SOURCES: Final = re.compile(rb'"sources"(?<!\\"sources")\s*:\s*\[')
_SOURCE: Final = re.compile(rb'\s*(?:null|"((?:[^"\\]++|\\.)*+)")\s*([,\]])', re.DOTALL)
_MODULES: Final = b"node_modules/"
_STORE: Final = re.compile(r"/\.(?:pnpm|deno|bun)/([^/]+)/$")
"""A folder of one version's, before ``node_modules``: ``react-dom@18.2.0_react@18.2.0``."""
_ZIP: Final = re.compile(r"-npm-(\d[^/]*?)-[0-9a-f]{10}(?:-[0-9a-f]+)?\.zip/$")
_LEGAL: Final = re.compile(r"(?m)^((?:@[^/\s]+/)?[^/@\s:]+)/[^\n]*:$")
_ANGULAR: Final = re.compile(r'(?m)^Package: (\S+)\nLicense: (?:"([^"\n]*)"|undefined|null)?$')
_HEADING: Final = re.compile(r"(?m)^## (\S+) - (\d\S*)(?: \(([^\n]*)\))?$")

_Found = tuple[str, str, str]
"""A package's name, version and licence; the latter two may be empty."""


def wants(path: str, name: str) -> bool:
    """Whether this is one of those files."""
    if name.endswith(_MAPS):
        return True
    return name.endswith((".LEGAL.txt", "3rdpartylicenses.txt")) or path.endswith(_VITE)


def read(path: str, data: bytes) -> list[Package]:
    """Return the packages that it names; ValueError if Vite's list cannot be read."""
    listed = {found: None for found in _reader(path)(data) if split(found[0])}
    return [
        Package(
            ECOSYSTEM,
            name.rpartition("/")[2],
            version,
            purl="",
            licence=licence,
            supplier="",
            paths=(path,),
            namespace=name.rpartition("/")[0],
            found="binary",
        )
        for name, version, licence in sorted(listed)
    ]


def _reader(path: str) -> Callable[[bytes], Iterator[_Found]]:
    return next(read for end, read in _READERS.items() if path.endswith(end))


def _map(data: bytes) -> Iterator[_Found]:
    if _MODULES not in data:
        return
    for start in _SOURCES.finditer(data):
        at = start.end()
        while (found := _SOURCE.match(data, at)) is not None:
            at = found.end()
            if found[1] and _MODULES in found[1]:
                yield from _source(found[1])
            if found[2] == b"]":
                break


def _source(literal: bytes) -> Iterator[_Found]:
    """Yield the package whose file the last ``node_modules`` of this path holds."""
    try:
        path = str(json.loads(b'"' + literal + b'"'))
    except ValueError:
        return
    store, _, inner = path.rpartition(_MODULES.decode())
    parts = inner.split("/")
    size = 2 if inner.startswith("@") else 1
    name = word("/".join(parts[:size]))
    if len(parts) <= size or not split(name):
        return
    version = ""
    if (folder := _STORE.search(store)) is not None:
        start = name.replace("/", "+") + "@"
        if folder[1].startswith(start):
            version = re.split(r"[_(]", folder[1][len(start) :], maxsplit=1)[0]
    elif (packed := _ZIP.search(store)) is not None:
        version = packed[1]
    yield name, word(version), ""


def _legal(data: bytes) -> Iterator[_Found]:
    start, _, listed = lines(data).partition("Bundled license information:\n")
    if not start.strip():
        for name in _LEGAL.findall(listed):
            yield name, "", ""


def _angular(data: bytes) -> Iterator[_Found]:
    for name, licence in _ANGULAR.findall(lines(data)):
        yield word(name), "", text(licence)


def _markdown(data: bytes) -> Iterator[_Found]:
    for name, version, licence in _HEADING.findall(lines(data)):
        yield word(name), word(version), text(licence)


def _json(data: bytes) -> Iterator[_Found]:
    value = load(data)
    if not isinstance(value, list):
        raise ValueError("not a JSON list")  # noqa: TRY004 - one error for bad input
    for entry in map(mapping, value):
        yield word(entry.get("name")), word(entry.get("version")), text(entry.get("identifier"))


_READERS: Final[Mapping[str, Callable[[bytes], Iterator[_Found]]]] = {
    ".map": _map,
    ".LEGAL.txt": _legal,
    "3rdpartylicenses.txt": _angular,
    ".md": _markdown,
    ".json": _json,
}
