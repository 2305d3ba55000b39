"""Records of packages that an image reaches by links, and that nobody read where they lie.

Records are read where package managers keep them. A package manager (and whoever asks it) follows
links: what lies behind one is installed for all who look, and would be in no list of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.databases import APK, CHISEL, RPM, SINGLE, STATUS
from imgforge.analysis.facts import FILE, SYMLINK, ImageFacts, Problem

_WHOLE: Final = (*STATUS, *APK, CHISEL, *RPM)
_SINGLE: Final = tuple(folder.rstrip("/") for folder in SINGLE)
_LINKED: Final = ("METADATA", "PKG-INFO")


def records(image: ImageFacts) -> Iterator[tuple[int, Problem]]:
    """Yield each record behind a link that was not read, with the layer that has it."""
    for path in _WHOLE:
        yield from _unread(image, path)
    for folder in _SINGLE:
        real = image.resolve(folder)
        if real not in {None, folder}:
            inside = (p for p in image.files if p.startswith(f"{real}/"))
            for path in sorted(inside):
                yield from _unread(image, f"{folder}/{path[len(real or '') + 1 :]}")
    for fact in image.files.values():
        linked = fact.kind == SYMLINK or fact.origin != fact.path
        if linked and (fact.path.endswith(_LINKED) or fact.path.startswith(SINGLE)):
            yield from _unread(image, fact.path)


def _unread(image: ImageFacts, path: str) -> Iterator[tuple[int, Problem]]:
    fact = image.lookup(path)
    if fact is None or fact.kind != FILE or not fact.size:
        return
    if _lists(path) and not _lists(fact.origin):
        detail = f"it is a link to {fact.origin}, and the packages in that are not known"
        yield fact.layer, Problem("record", path, detail)


def _lists(path: str) -> bool:
    """Whether packages are read from what lies at ``path``."""
    name = path[path.rfind("/") + 1 :]
    if path in _WHOLE:
        return True
    from imgforge.analysis.packages import deb, python

    if path.startswith(SINGLE):
        return deb.wants(path, name) and not name.endswith(deb.SUMS)
    return name in _LINKED and python.wants(path, name)
