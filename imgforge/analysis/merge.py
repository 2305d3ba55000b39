"""The final file system: layers applied one above the other as a container runtime does.

Whiteouts act on the layers below only (image-spec, layer.md), whatever their place in the
archive. Names of one inode share its data: a hard link's header changes mode and owner for all of
them, as containerd's unpacking does. A name below a symbolic link to a directory lands in that
directory, inside the image's root.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from imgforge.analysis.facts import (
    DIRECTORY,
    HARDLINK,
    MAX_LINKS,
    SYMLINK,
    Entry,
    FileFact,
    LayerFacts,
    Problem,
)


def merge(
    layers: Sequence[LayerFacts],
) -> tuple[dict[str, FileFact], list[tuple[int, Problem]]]:
    """Return the files by path, and the problems that only show between layers, by layer index."""
    tree = _Tree()
    for index, layer in enumerate(layers):
        tree.layer = index
        for path in layer.opaque:
            tree.clear(path)
        for path in layer.removed:
            tree.remove(path)
        for entry in layer.entries:
            tree.place(entry)
    return tree.facts(), tree.problems


class _LostError(Exception):
    pass


class _Inode:
    __slots__ = ("capability", "gid", "kind", "layer", "link", "mode", "origin", "size", "uid")

    def __init__(self, entry: Entry, layer: int) -> None:
        self.origin, self.kind, self.mode, self.uid, self.gid = entry[:5]
        self.size, self.link, self.capability = entry[5:]
        self.layer = layer


class _Tree:
    def __init__(self) -> None:
        self.layer = 0
        self.problems: list[tuple[int, Problem]] = []
        self._inodes: dict[str, _Inode] = {}
        self._children: dict[str, set[str]] = {"": set()}

    def facts(self) -> dict[str, FileFact]:
        return {
            path: FileFact(
                path,
                node.kind,
                node.mode,
                node.uid,
                node.gid,
                node.size,
                node.link,
                node.capability,
                node.layer,
                node.origin,
            )
            for path, node in self._inodes.items()
        }

    def place(self, entry: Entry) -> None:
        path = self._real(entry.path)
        if path is None:
            return
        if not path:
            if entry.kind == DIRECTORY:
                self._inodes[""] = _Inode(entry, self.layer)
            else:
                self._problem(entry.path, "the root is no directory")
            return
        if entry.kind == HARDLINK:
            self._link(entry, path)
            return
        old = self._inodes.get(path)
        if old is not None and not (old.kind == entry.kind == DIRECTORY):
            self._drop(path)
        self._put(path, _Inode(entry, self.layer))

    def remove(self, path: str) -> None:
        real = self._real(path, make=False)
        if real:
            self._drop(real)

    def clear(self, path: str) -> None:
        folder = self._real(path + "/x", make=False) if path else "x"
        if folder is not None:
            folder = folder.rpartition("/")[0]
            for name in sorted(self._children.get(folder, ())):
                self._drop(f"{folder}/{name}" if folder else name)

    def _link(self, entry: Entry, path: str) -> None:
        source = self._real(entry.link, make=False)
        node = self._inodes.get(source) if source else None
        if node is None or node.kind == DIRECTORY:
            self._problem(entry.path, f"hard link to {entry.link}, which is no file")
            return
        if source != path:
            self._drop(path)
            self._put(path, node)
        node.uid, node.gid = entry.uid, entry.gid
        if node.kind != SYMLINK:
            node.mode = entry.mode
        node.capability = entry.capability or node.capability

    def _put(self, path: str, node: _Inode) -> None:
        self._inodes[path] = node
        folder, _, name = path.rpartition("/")
        self._children[folder].add(name)
        if node.kind == DIRECTORY:
            self._children.setdefault(path, set())

    def _drop(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        self._children.get(folder, set()).discard(name)
        pending = [path]
        while pending:
            here = pending.pop()
            self._inodes.pop(here, None)
            pending += [f"{here}/{child}" for child in self._children.pop(here, ())]

    def _real(self, path: str, *, make: bool = True) -> str | None:
        """Resolve the links in the directories of ``path``, not in its last component.

        Missing directories are made, or None returned if ``make`` is false; None also (and a
        problem) if a file stands where a directory has to be.
        """
        folder, _, name = path.rpartition("/")
        if folder in self._children:
            return path
        try:
            at = self._walk(folder, make=make)
        except _LostError as error:
            if make:
                self._problem(path, str(error))
            return None
        return f"{at}/{name}" if at else name

    def _walk(self, folder: str, *, make: bool) -> str:
        at, links = "", 0
        pending = folder.split("/")[::-1]
        while pending:
            part = pending.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                at = at.rpartition("/")[0]
                continue
            here = f"{at}/{part}" if at else part
            node = self._inodes.get(here)
            if node is None:
                if not make:
                    raise _LostError(f"{here} does not exist")
                node = _Inode(_IMPLICIT._replace(path=here), self.layer)
                self._put(here, node)
            if node.kind == DIRECTORY:
                at = here
            elif node.kind != SYMLINK:
                raise _LostError(f"{here} is no directory")
            else:
                links += 1
                if links > MAX_LINKS:
                    raise _LostError("symbolic links form a loop")
                pending += node.link.split("/")[::-1]
                at = "" if node.link.startswith("/") else at
        return at

    def _problem(self, path: str, detail: str) -> None:
        self.problems.append((self.layer, Problem("malformed", path, detail)))


_IMPLICIT: Final = Entry("", DIRECTORY, 0o755, 0, 0, 0, "", "")
