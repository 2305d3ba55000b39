"""Trees: what one layer of a base holds, by path, and how packages fill it."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping

from imgforge.bases.deb import MERGED, Deb, canonical
from imgforge.bases.definitions import Definition
from imgforge.errors import BuildFailedError, RegistryError
from imgforge.oci.layer import Entry

Tree = dict[str, Entry]
"""Entries by path; no parent directories are implied."""

Merged = Mapping[str, Entry]
"""A tree over those beneath it, as a container would see it."""

SHELLS = re.compile(r"usr/bin/(?:ba|da|a|k|z|c|tc|fi|mk|rba|po)?sh|usr/bin/(?:static-)?busybox")
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
"""Debian's architectures for which bases can be made, and the words in their library paths."""

STATUS = "var/lib/dpkg/status.d"
"""Where scanners look for the packages of images without dpkg."""


def over(trees: Iterable[Tree]) -> Merged:
    """Lay ``trees`` (lowest first) over each other."""
    return ChainMap(*reversed(list(trees)))


def unpacked(debs: Mapping[str, Deb]) -> Tree:
    """Lay the packages (by name) into one tree, nothing left out yet.

    RegistryError if two packages hold different files at a path: in a distribution they do not.
    """
    tree: Tree = {}
    for name, deb in sorted(debs.items()):
        for entry in deb.entries:
            other = tree.get(entry.path)
            if other is not None and other != entry:
                if other.is_directory and entry.is_directory:
                    continue
                raise RegistryError(f"package {name} overwrites {entry.path} of another")
            tree[entry.path] = entry
    return tree


def chosen(tree: Tree, definitions: Iterable[Definition]) -> Tree:
    """Return what the drop and keep patterns of ``definitions`` leave."""
    definitions = tuple(definitions)
    drop = _pattern(p for d in definitions for p in d.drop)
    keep = _pattern(p for d in definitions for p in d.keep)
    return {p: e for p, e in tree.items() if keep.fullmatch(p) or not drop.fullmatch(p)}


def merged_links(tree: Tree, below: Merged) -> Iterator[Entry]:
    """Make the links from ``/bin`` and the like to ``/usr`` that ``tree`` needs and nothing has.

    Trixie's base-files ships them; before it they were left to a maintainer script.
    """
    for name, place in MERGED.items():
        used = any(path == place or path.startswith(place + "/") for path in tree)
        if used and name not in tree and name not in below:
            yield Entry(name, 0o777, link=place)


def records(debs: Mapping[str, Deb], tree: Tree) -> Iterator[Entry]:
    """Make the package records of what ``tree`` really holds of ``debs``."""
    for name, deb in debs.items():
        yield Entry(f"{STATUS}/{name}", 0o644, data=deb.control.rstrip(b"\n") + b"\n")
        sums = b"".join(
            line + b"\n" for line in deb.md5sums.splitlines() if _summed(line, name) in tree
        )
        yield Entry(f"{STATUS}/{name}.md5sums", 0o644, data=sums)


def expanded(text: str, architecture: str) -> str:
    """Put Debian's words for an architecture in place of ``{architecture}`` and ``{triplet}``."""
    named = text.replace("{architecture}", architecture)
    return named.replace("{triplet}", TRIPLETS.get(architecture, architecture))


def declared(definition: Definition, architecture: str) -> Iterator[Entry]:
    """Make the directories, links and files that the definition itself names."""
    for directory in definition.directory:
        mode = int(directory.mode, 8)
        yield Entry(directory.path, mode, directory.uid, directory.gid)
    for link in definition.link:
        yield Entry(link.path, 0o777, link=expanded(link.target, architecture))
    for file in definition.file:
        yield Entry(file.path, int(file.mode, 8), data=file.text.encode())


def completed(tree: Tree, below: Merged) -> list[Entry]:
    """Return the entries of a layer in order: ``tree`` and the directories that lead to it.

    Directories that lie below keep the owner and mode they have there. RegistryError if a path
    leads through something that is no directory: a layer must not reach through a symbolic link.
    """
    out: Tree = {}
    for path, entry in tree.items():
        parts = path.split("/")
        for end in range(1, len(parts)):
            parent = "/".join(parts[:end])
            found = tree.get(parent) or below.get(parent) or Entry(parent, 0o755)
            if not found.is_directory:
                raise RegistryError(f"{path} leads through {parent}, which is no directory")
            out[parent] = found
        beneath = below.get(path)
        if beneath is not None and beneath.is_directory != entry.is_directory:
            raise RegistryError(f"{path} is a directory in one layer and none in another")
        out[path] = beneath if beneath is not None and entry.is_directory else entry
    return [out[path] for path in sorted(out)]


def refuse_shells(tree: Tree, definition: Definition) -> None:
    """Raise BuildFailedError if a base that may not has a shell."""
    found = [path for path in tree if SHELLS.fullmatch(path)]
    if found and not definition.shell:
        raise BuildFailedError(
            f"base {definition.name} would hold a shell",
            details=found,
            hint="leave the package out, or set shell = true in the definition",
        )


def _summed(line: bytes, name: str) -> str:
    words = line.decode("utf-8", "replace").split(None, 1)
    return canonical(words[1], f"package {name}: md5sums") if len(words) > 1 else ""


def _pattern(globs: Iterable[str]) -> re.Pattern[str]:
    """Compile globs: ``*`` within a path component; a match takes everything beneath along."""
    parts = ["".join("[^/]*" if c == "*" else re.escape(c) for c in glob) for glob in globs]
    return re.compile(f"(?:{'|'.join(parts)})(?:/.*)?" if parts else "(?!)", re.DOTALL)
