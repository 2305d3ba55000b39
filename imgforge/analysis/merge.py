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

STEPS: Final = 50_000_000
"""Components of paths that are looked up one by one: those of unusual images by the thousand."""

MADE: Final = 64 << 20
"""Characters of the paths of all directories that have no entry: each may be long."""


def merge(
    layers: Sequence[LayerFacts],
) -> tuple[dict[str, FileFact], list[tuple[int, Problem]]]:
    """Return the files by path, and the problems that only show between layers, by layer index."""
    tree = _Tree()
    try:
        for index, layer in enumerate(layers):
            tree.layer = index
            for path in layer.opaque:
                tree.clear(path)
            for path in layer.removed:
                tree.remove(path)
            tree.place_all(layer.entries)
    except _SpentError as error:
        tree.problems.append((tree.layer, Problem("malformed", "", str(error))))
    return tree.facts(), tree.problems


class _LostError(Exception):
    pass


class _SpentError(Exception):
    """What is left cannot be placed within bounds."""


class _Inode:
    """What all names of one file share and a hard link's header changes."""

    __slots__ = ("capability", "gid", "mode", "uid")

    def __init__(self, fact: FileFact) -> None:
        self.mode, self.uid, self.gid = fact.mode, fact.uid, fact.gid
        self.capability = fact.capability


class _Tree:
    """``_files`` is the tree; ``_shared`` has the inodes of those with more than one name.

    What directories hold is only gathered once something is removed: most images never need it.
    """

    def __init__(self) -> None:
        self.layer = 0
        self.problems: list[tuple[int, Problem]] = []
        self._files: dict[str, FileFact] = {}
        self._shared: dict[str, _Inode] = {}
        self._children: dict[str, set[str]] | None = None
        self._steps = self._made = 0

    def facts(self) -> dict[str, FileFact]:
        for path, node in self._shared.items():
            self._files[path] = self._files[path]._replace(
                mode=node.mode, uid=node.uid, gid=node.gid, capability=node.capability
            )
        return self._files

    def place_all(self, entries: Sequence[Entry]) -> None:
        """Place a layer's entries in order.

        Nearly all are new names in a directory that is there, often the one before's: they are
        placed right here, tens of thousands in some milliseconds.
        """
        files, layer, known, children = self._files, self.layer, None, self._children
        for entry in entries:
            path = entry[0]
            folder, _, name = path.rpartition("/")
            if folder != known:
                above = files.get(folder)
                known = folder if above is not None and above[1] == DIRECTORY else None
            if known is None or path in files or entry[1] == HARDLINK:
                self.place(entry)
                known, children = None, self._children
                continue
            files[path] = tuple.__new__(FileFact, (*entry, layer, path))
            if children is not None:
                children.setdefault(folder, set()).add(name)

    def place(self, entry: Entry) -> None:
        path = self._real(entry.path)
        if path is None:
            return
        if not path:
            if entry.kind == DIRECTORY:
                self._files[""] = self._fact("", entry)
            else:
                self._problem(entry.path, "the root is no directory")
            return
        if entry.kind == HARDLINK:
            self._link(entry, path)
            return
        old = self._files.get(path)
        if old is not None and not (old.kind == entry.kind == DIRECTORY):
            self._drop(path)
        self._put(path, self._fact(path, entry))

    def remove(self, path: str) -> None:
        real = self._real(path, make=False)
        if real:
            self._drop(real)

    def clear(self, path: str) -> None:
        folder = self._real(path + "/x", make=False) if path else "x"
        if folder is not None:
            folder = folder.rpartition("/")[0]
            for name in sorted(self._gathered().get(folder, ())):
                self._drop(f"{folder}/{name}" if folder else name)

    def _fact(self, path: str, entry: Entry) -> FileFact:
        return FileFact(path, *entry[1:], self.layer, entry.path)

    def _link(self, entry: Entry, path: str) -> None:
        source = self._real(entry.link, make=False)
        fact = self._files.get(source) if source else None
        if source is None or fact is None or fact.kind == DIRECTORY:
            self._problem(entry.path, f"hard link to {entry.link}, which is no file")
            return
        node = self._shared.get(source)
        if node is None:
            node = self._shared[source] = _Inode(fact)
        if source != path:
            self._drop(path)
            self._put(path, fact._replace(path=path))
            self._shared[path] = node
        node.uid, node.gid = entry.uid, entry.gid
        if fact.kind != SYMLINK:
            node.mode = entry.mode
        node.capability = entry.capability or node.capability

    def _put(self, path: str, fact: FileFact) -> None:
        self._files[path] = fact
        if self._children is not None:
            folder, _, name = path.rpartition("/")
            self._children.setdefault(folder, set()).add(name)

    def _drop(self, path: str) -> None:
        fact = self._files.pop(path, None)
        if fact is None:
            return
        self._shared.pop(path, None)
        if fact.kind != DIRECTORY and self._children is None:
            return
        children = self._gathered()
        folder, _, name = path.rpartition("/")
        children.get(folder, set()).discard(name)
        pending = [f"{path}/{child}" for child in children.pop(path, ())]
        while pending:
            here = pending.pop()
            self._files.pop(here, None)
            self._shared.pop(here, None)
            pending += [f"{here}/{child}" for child in children.pop(here, ())]

    def _gathered(self) -> dict[str, set[str]]:
        """Return the names in each directory."""
        if self._children is None:
            self._children = {}
            for path in self._files:
                folder, _, name = path.rpartition("/")
                if path:
                    self._children.setdefault(folder, set()).add(name)
        return self._children

    def _real(self, path: str, *, make: bool = True) -> str | None:
        """Resolve the links in the directories of ``path``, not in its last component.

        Missing directories are made, or None returned if ``make`` is false; None also (and a
        problem) if a file stands where a directory has to be.
        """
        folder, _, name = path.rpartition("/")
        above = self._files.get(folder)
        if not folder or (above is not None and above.kind == DIRECTORY):
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
            self._steps += 1
            if self._steps > STEPS:
                raise _SpentError("its files lie behind too many links")
            if part in {"", "."}:
                continue
            if part == "..":
                at = at.rpartition("/")[0]
                continue
            here = f"{at}/{part}" if at else part
            fact = self._files.get(here)
            if fact is None:
                if not make:
                    raise _LostError(f"{here} does not exist")
                fact = self._imply(here)
            if fact.kind == DIRECTORY:
                at = here
            elif fact.kind != SYMLINK:
                raise _LostError(f"{here} is no directory")
            else:
                links += 1
                if links > MAX_LINKS:
                    raise _LostError("symbolic links form a loop")
                pending += fact.link.split("/")[::-1]
                at = "" if fact.link.startswith("/") else at
        return at

    def _imply(self, path: str) -> FileFact:
        """Make a directory that has no entry."""
        self._made += len(path)
        if self._made > MADE:
            raise _SpentError("it has too many directories of which nothing is said")
        fact = self._fact(path, _IMPLICIT._replace(path=path))
        self._put(path, fact)
        return fact

    def _problem(self, path: str, detail: str) -> None:
        self.problems.append((self.layer, Problem("malformed", path, detail)))


_IMPLICIT: Final = Entry("", DIRECTORY, 0o755, 0, 0, 0, "", "")
