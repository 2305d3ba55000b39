"""Folders without a language of their own: a static site, or a program that is ready."""

from __future__ import annotations

import os

from imgforge.detection.candidate import Candidate, Evidence
from imgforge.detection.hints import joined
from imgforge.detection.tree import Folder, Tree

_ASSETS = (".html", ".css", ".js", ".svg", ".png", ".ico", ".txt", ".xml", ".webmanifest")
_NOT_SERVED = ("requirements", "README", "LICENSE")


def site(tree: Tree, folder: Folder) -> Candidate | None:
    """Return how the folder's pages may be served; None if it has no index.html."""
    for place in ("", "public", "site", "www", "_site"):
        inside = tree.folder(joined(folder.path, place) if place else folder.path)
        if "index.html" not in inside.files or (place and inside.path not in tree.folders):
            continue
        seen = Evidence(joined(inside.path, "index.html"), "a page")
        files = sorted(
            n for n in inside.files if n.endswith(_ASSETS) and not n.startswith(_NOT_SERVED)
        )
        kept = [n for n in sorted(inside.folders) if not n.startswith(".") and n != "node_modules"]
        source = (place,) if place else (*kept, *files)
        doubt = (
            f"every file of {place} is served to everyone"
            if place
            else "the stack serves a folder: move the pages into public/ and name it in app.source"
        )
        return Candidate(
            *("static", folder.path, 1, (seen,)),
            source=source,
            doubts=(doubt,),
            parameters={"root": place} if place and place != "public" else {},
            starts_itself=True,
        )
    return None


def program(tree: Tree, folder: Folder) -> Candidate | None:
    """Return how the one program in the folder may be shipped; None if there is not just one."""
    found = [name for name in sorted(folder.files) if _elf(tree, joined(folder.path, name))]
    if len(found) != 1:
        return None
    return Candidate(
        "binary",
        folder.path,
        2,
        (Evidence(joined(folder.path, found[0]), "a program for Linux"),),
        source=(found[0],),
        entrypoint=(f"/app/{found[0]}",),
        doubts=("a program that is not linked statically needs another base: stack.base",),
    )


def _elf(tree: Tree, path: str) -> bool:
    """Say whether a file is an executable of Linux, by its first bytes and its mode."""
    file = tree.root / path
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as opened:
        runs = os.fstat(opened.fileno()).st_mode & 0o100
        return bool(runs) and opened.read(4) == b"\x7fELF"
