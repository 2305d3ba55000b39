"""The build context: exactly the files a plan names, the same for every engine.

Patterns mean what they mean in a ``.dockerignore``; BuildKit is handed the equivalent file, the
native engine walks here. Nothing outside the spec's folder is ever read: a link that leaves what
it stands in is an error.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from imgforge.errors import InvalidInputError

MAX_FILES = 500_000
_BETWEEN = re.compile(r"[^*/]+(?=\*(?!\*))")
"""What stands between two stars of one name."""
_HEEDED = re.compile(r"(.*)\[(.)\]")


@dataclass(frozen=True, slots=True)
class ContextFile:
    """One object of the context; ``path`` is relative to the root, ``link`` a symlink's target."""

    path: str
    kind: Literal["file", "directory", "link"]
    size: int = 0
    link: str = ""


def ignore_file(inputs: Sequence[str], exclude: Sequence[str]) -> str:
    """Return the ``.dockerignore`` that lets through what :func:`walk` finds."""
    lines = [] if "." in inputs else ["*", *(f"!{path}" for path in inputs)]
    return "\n".join([*lines, *exclude]) + "\n"


def walk(root: Path, source: str, exclude: Sequence[str]) -> Iterator[ContextFile]:
    """Yield ``source`` (a file or folder below ``root``) and all under it, sorted by path.

    Raises InvalidInputError for what is missing, special (devices, sockets), unreadable, or a
    symbolic link that is absolute or leaves ``source``.
    """
    ignored = compile_patterns(exclude)
    top = root / source
    place = PurePosixPath(source)
    for parent in (*reversed(place.parents[:-1]), place):
        if (root / parent).is_symlink():
            raise InvalidInputError(
                f"{parent} is a symbolic link", hint="name what it points to in app.source"
            )
    if not top.exists():
        raise InvalidInputError(f"{source} does not exist", hint=f"it is looked for in {root}")
    if ignored.fullmatch(str(place)):
        raise InvalidInputError(f"{source} is excluded", hint="see app.exclude and the defaults")
    if top.is_file():
        yield ContextFile(str(place), "file", top.stat().st_size)
        return
    if not top.is_dir():
        raise InvalidInputError(f"{source} is neither a file nor a folder")
    found = sorted(_below(top, place, place, ignored), key=lambda f: PurePosixPath(f.path).parts)
    if len(found) > MAX_FILES:
        raise InvalidInputError(f"{source} holds over {MAX_FILES} files")
    yield from found


def heeded(path: str) -> str:
    """Return the input that stands for ``path`` if it exists and for nothing if it does not.

    It is a pattern that finds just this path (``.npmr[c]``), which no path of a spec can look like.
    """
    return f"{path[:-1]}[{path[-1]}]"


def existing(root: Path, inputs: Sequence[str]) -> list[str]:
    """Return the paths that ``inputs`` stand for: all, but of the heeded those that exist."""
    found = []
    for source in inputs:
        match = _HEEDED.fullmatch(source)
        path = match[1] + match[2] if match else source
        if not match or (root / path).exists() or (root / path).is_symlink():
            found.append(path)
    return found


def fingerprint(root: Path, inputs: Sequence[str], exclude: Sequence[str]) -> str:
    """Digest of every path, kind and content that the inputs hold; modes and times don't count."""
    total = hashlib.sha256()
    for source in existing(root, inputs):
        for item in walk(root, source, exclude):
            total.update(f"{item.kind}\0{item.path}\0{item.link}\0".encode())
            if item.kind == "file":
                try:
                    with (root / item.path).open("rb") as file:
                        total.update(hashlib.file_digest(file, "sha256").digest())
                except OSError as error:
                    raise InvalidInputError(f"cannot read {item.path}: {error.strerror}") from error
    return "sha256:" + total.hexdigest()


def compile_patterns(patterns: Sequence[str]) -> re.Pattern[str]:
    """Return one expression for the paths that ``patterns``, or a folder they name, take out."""
    return re.compile("|".join(f"(?:{_translate(p)}(?:/.*)?)" for p in patterns) or r"(?!)")


def _translate(pattern: str) -> str:
    out, i = "", 0
    pattern = pattern.strip("/")
    while i < len(pattern):
        if pattern.startswith("**/", i):
            out, i = out + "(?:.*/)?", i + 3
        elif pattern.startswith("**", i):
            out, i = out + ".*", i + 2
        elif pattern[i] == "*":
            # Before another star of the same name, the first fit is as good as any: no way back.
            if between := _BETWEEN.match(pattern, i + 1):
                fixed = "".join("[^/]" if c == "?" else re.escape(c) for c in between[0])
                out, i = f"{out}(?>[^/]*?{fixed})", between.end()
            else:
                out, i = out + "[^/]*", i + 1
        elif pattern[i] == "?":
            out, i = out + "[^/]", i + 1
        else:
            out, i = out + re.escape(pattern[i]), i + 1
    return out


def _below(
    folder: Path, place: PurePosixPath, top: PurePosixPath, ignored: re.Pattern[str]
) -> Iterator[ContextFile]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise InvalidInputError(f"cannot read {place}: {error.strerror}") from error
    for entry in entries:
        path = place / entry.name
        if ignored.fullmatch(str(path)):
            continue
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            yield ContextFile(str(path), "link", link=_link(entry.path, path, top))
        elif stat.S_ISDIR(mode):
            yield ContextFile(str(path), "directory")
            yield from _below(Path(entry.path), path, top, ignored)
        elif stat.S_ISREG(mode):
            yield ContextFile(str(path), "file", entry.stat().st_size)
        else:
            raise InvalidInputError(
                f"{path} is a device, socket or pipe", hint="leave it out with app.exclude"
            )


def _link(file: str, path: PurePosixPath, top: PurePosixPath) -> str:
    target = str(Path(file).readlink())
    joined = os.path.normpath(path.parent / target)
    base = str(top)
    inside = not joined.startswith("..") if base == "." else (joined + "/").startswith(base + "/")
    if target.startswith("/") or not inside:
        raise InvalidInputError(
            f"{path} is a symbolic link that leaves {top}: {target}",
            hint="copy the file, or leave the link out with app.exclude",
        )
    return target
