"""Where the licence texts of packages lie in an image, by what each ecosystem does with them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Final

from imgforge.analysis.facts import FILE, SYMLINK, ImageFacts, Package

COMMON: Final = "usr/share/common-licenses"
"""Where Debian keeps the texts to which copyright files refer (Debian Policy 12.5)."""

_NAME: Final = re.compile(
    r"(?:un)?(?:licen[cs]es?|copying|copyrights?|notices?|patents)(?:[-._].*)?"
    r"|.*[-._](?:licen[cs]e|notice)(?:\.(?:txt|md|rst))?",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r".*\.(?:c|cc|d|go|h|js|jsx|mjs|cjs|php|py|pyc|rb|rs|so|ts|json|map)")
"""A module that is called ``license`` is none."""
_FOLDERS: Final = frozenset({"licenses", "licences", "license_files"})
"""Folders of which each file is one (PEP 639, REUSE)."""


def index(image: ImageFacts) -> dict[str, list[str]]:
    """Return every file of the image that is called as licence texts are, by its folder."""
    found: dict[str, list[str]] = {}
    for path, fact in image.files.items():
        if fact.kind not in {FILE, SYMLINK}:
            continue
        folder, _, name = path.rpartition("/")
        inside = folder == COMMON or not _FOLDERS.isdisjoint(folder.lower().split("/"))
        if (inside or _NAME.fullmatch(name)) and not _CODE.fullmatch(name):
            found.setdefault(folder, []).append(path)
    return found


def of(package: Package, image: ImageFacts, known: Mapping[str, list[str]]) -> list[str]:
    """Return the paths of a package's texts, sorted; ``known`` is what :func:`index` returned."""
    beside = package.paths[1:]
    found = {path for path in beside if path in known.get(path.rpartition("/")[0], ())}
    for folder in _folders(package):
        place = image.resolve(folder)
        if not place:
            continue
        found |= set(known.get(place, ()))
        if place.endswith((".dist-info", ".egg-info")):
            below = (f for f in known if f.startswith(f"{place}/"))
            found |= {path for f in below for path in known[f]}
    return sorted(found)


def _folders(package: Package) -> Iterator[str]:
    """Yield the folders that are a package's own, or hold its texts."""
    record = package.paths[0]
    folder = posixpath.dirname(record)
    name = package.name
    match package.ecosystem:
        case "deb" | "rpm" | "apk" | "alpm":
            yield from (f"usr/share/doc/{name}", f"usr/share/licenses/{name}")
        case "pypi":
            yield folder if folder.endswith((".dist-info", ".egg-info")) else record
        case "composer":
            yield f"{posixpath.dirname(folder)}/{package.namespace}/{name}"
        case "gem":
            yield f"{posixpath.dirname(folder)}/gems/{name}-{package.version}"
        case _ if package.found == "manifest" or package.ecosystem == "npm":
            yield folder
        case _:
            return
