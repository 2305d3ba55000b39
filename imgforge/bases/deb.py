"""Binary packages (deb(5)): read as streams, bounded, and never laid out on disk as they say.

Owners are not taken over: everything belongs to root, as image files should, and a package's own
users would be made by its maintainer scripts, which are never run.
"""

from __future__ import annotations

import contextlib
import lzma
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from imgforge.bases.unpack import Unpacked, is_plain
from imgforge.errors import RegistryError
from imgforge.oci.layer import Entry

MAX_UNPACKED = 1 << 30
"""Bytes of an unpacked member; the largest package of our bases has 0.2 GB."""

MAX_CONTROL = 16 << 20
MAX_ENTRIES = 200_000
_MAGIC = b"!<arch>\n"
_HEADER = re.compile(rb"(.{16})(\d+) *(\d+) *(\d+) *[0-7]+ *(\d+) *`\n", re.DOTALL)
MERGED = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
_SPECIAL_BITS = 0o6000


@dataclass(frozen=True, slots=True)
class Deb:
    """A package's control file, checksums (``md5sums``) and files, in its own order."""

    control: bytes
    md5sums: bytes
    entries: tuple[Entry, ...]


def read(path: Path, place: str) -> Deb:
    """Read a package file; ``place`` names it in the RegistryError that any defect raises."""
    try:
        with path.open("rb") as file:
            return _read(file, place)
    except (tarfile.TarError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise RegistryError(f"{place} is malformed: {error}") from error
    except (EOFError, OverflowError, RecursionError, MemoryError) as error:
        raise RegistryError(f"{place} is malformed: {type(error).__name__}") from error


def canonical(name: str, place: str) -> str:
    """Return a member's path relative to the root, ``/bin`` and the like moved below ``/usr``.

    The root itself is the empty string. RegistryError for absolute paths and ``..``.
    """
    if "\0" in name or name.startswith("/") or len(name) > 4096:  # noqa: PLR2004 - PATH_MAX
        raise RegistryError(f"{place} holds the path {name[:100]!r}")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise RegistryError(f"{place} holds the path {name[:100]!r}")
    if len(parts) > 1 and parts[0] in MERGED:
        parts[:1] = MERGED[parts[0]].split("/")
    return "/".join(parts)


def _read(file: IO[bytes], place: str) -> Deb:
    members = list(_members(file, place))
    names = [member.name for member in members]
    if names[:1] != ["debian-binary"] or _Part(file, members[0]).read(2) != b"2.":
        raise RegistryError(f"{place} is not a Debian package of version 2")
    texts: dict[str, bytes] = {}
    with _archive(file, members, "control.tar", MAX_CONTROL, place) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if name in {"control", "md5sums"} and is_plain(member):
                texts[name] = _content(tar, member)
    if "control" not in texts:
        raise RegistryError(f"{place} has no control file")
    with _archive(file, members, "data.tar", MAX_UNPACKED, place) as tar:
        entries = tuple(_entries(tar, place))
    return Deb(texts["control"], texts.get("md5sums", b""), entries)


class _Member(NamedTuple):
    """A member of the ar archive: its name, and where its content lies in the file."""

    name: str
    start: int
    size: int


class _Part:
    """The bytes of one member, read in place."""

    def __init__(self, file: IO[bytes], member: _Member) -> None:
        self._file, self._at, self._left = file, member.start, member.size

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end."""
        self._file.seek(self._at)
        data = self._file.read(min(size, self._left))
        self._at += len(data)
        self._left -= len(data)
        return data


def _members(file: IO[bytes], place: str) -> Iterator[_Member]:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise RegistryError(f"{place} is not a Debian package")
    end, offset = os.fstat(file.fileno()).st_size, len(_MAGIC)
    while offset < end:
        file.seek(offset)
        header = _HEADER.fullmatch(file.read(60))
        size = int(header[5]) if header else 0
        offset += 60
        if not header or offset + size > end:
            raise RegistryError(f"{place} is cut off or malformed")
        yield _Member(header[1].decode("ascii").rstrip().removesuffix("/"), offset, size)
        offset += size + size % 2


@contextlib.contextmanager
def _archive(
    file: IO[bytes], members: list[_Member], kind: str, limit: int, place: str
) -> Iterator[tarfile.TarFile]:
    """Open the one member ``kind`` as a tar stream; after its end nothing may be missing."""
    found = [m for m in members if m.name == kind or m.name.startswith(kind + ".")]
    if len(found) != 1:
        raise RegistryError(f"{place} has {len(found)} members {kind}")
    unpacked = Unpacked(_Part(file, found[0]), found[0].name.rsplit(".", 1)[-1], limit)
    with unpacked.tar() as tar:
        yield tar
    unpacked.drain()


def _entries(tar: tarfile.TarFile, place: str) -> Iterator[Entry]:
    files: dict[str, Entry] = {}
    for count, member in enumerate(tar):
        path = canonical(member.name, place)
        if count > MAX_ENTRIES:
            raise RegistryError(f"{place} has over {MAX_ENTRIES} files")
        if not path or (path in MERGED and member.isdir()):
            continue
        if path in MERGED and (not member.issym() or member.linkname != MERGED[path]):
            raise RegistryError(f"{place} holds {path}, which is a link to {MERGED[path]}")
        if member.isdir():
            yield Entry(path, member.mode & 0o7777 & ~_SPECIAL_BITS)
        elif member.issym():
            yield Entry(path, 0o777, link=_target(path, member.linkname, place))
        elif member.islnk():
            origin = files.get(canonical(member.linkname, place))
            if origin is None:
                raise RegistryError(f"{place}: {path} is a hard link to nothing before it")
            files[path] = Entry(path, origin.mode, data=origin.data)
            yield files[path]
        elif is_plain(member):
            mode = member.mode & 0o777
            files[path] = Entry(path, mode, data=_content(tar, member))
            yield files[path]
        else:
            raise RegistryError(f"{place}: {path} is a device, sparse or another special file")


def _target(path: str, target: str, place: str) -> str:
    """Check that a symbolic link stays inside the root it will be in."""
    depth = 0 if target.startswith("/") else path.count("/")
    for part in target.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0 or "\0" in target or not target:
            raise RegistryError(f"{place}: {path} links to {target[:100]!r}, outside the image")
    return target


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    data = file.read() if file else b""
    if len(data) != member.size:
        raise ValueError("cut off")
    return data
