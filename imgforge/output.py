"""The output directory of a project: the current build, and what makes the next one quicker.

    OUT/current -> builds/ID   the only thing that ever changes, by one rename
    OUT/image, OUT/evidence, OUT/build.json -> current/…
    OUT/work                   a lasting directory per engine

A build is written into a new directory under ``builds`` and becomes current in one step, so at
any moment there is the old result or the new one, each whole.

The directory may have come with somebody else's checkout: only what has the name of a build is ever
deleted, links in the place of folders are refused, and what a record says was built here only if
the cache, which is this user's alone, remembers that record.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from imgforge import cache
from imgforge.errors import InvalidInputError, TransientError
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, sha256

DEFAULT = ".imgforge"
RECORD = "build.json"
SCHEMA = 2

_MOST: Final = 64 << 20
"""Bytes of a record; thousands of inputs have some hundred thousand."""
_BUILD: Final = re.compile(r"[0-9a-f]{24}|new-\w+")


@dataclass(frozen=True, slots=True)
class Record:
    """What ``build.json`` says of a finished build.

    ``key`` is the digest over everything that decided the result; ``spec``, ``inputs``,
    ``exclude`` and ``stack`` let the next build compute that key without reading the spec again.
    ``evidence`` maps file names to their digests. ``signer`` says who signed: ``key`` (its
    fingerprint), or ``identity`` and ``issuer``; it is empty if nobody did.
    """

    key: str
    spec: str
    stack: str
    inputs: tuple[str, ...]
    exclude: tuple[str, ...]
    name: str
    tags: tuple[str, ...]
    engine: str
    reason: str
    image: dict[str, Any]
    referrers: tuple[dict[str, Any], ...]
    evidence: dict[str, str]
    signer: dict[str, str]
    schema: int = SCHEMA

    @property
    def descriptor(self) -> Descriptor:
        """The image's descriptor."""
        return Descriptor.from_json(self.image)

    @property
    def referrer_list(self) -> list[Descriptor]:
        """The descriptors of all evidence manifests."""
        return [Descriptor.from_json(r) for r in self.referrers]


class Output:
    """One output directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def layout(self) -> Layout:
        """Open the current image's layout; InvalidInputError if nothing was built yet."""
        if not (self.path / "image").is_dir():
            raise InvalidInputError(
                f"{self.path} holds no image", hint="build one with: imgforge build"
            )
        return Layout.open(self.path / "image")

    def record(self) -> Record | None:
        """Read the current build's record; None if there is none that this version understands."""
        try:
            value = json.loads(self._record())
            if value.get("schema") != SCHEMA:
                return None
            tuples = {k: tuple(value[k]) for k in ("inputs", "exclude", "tags", "referrers")}
            return _checked(Record(**{**value, **tuples}))
        except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return None

    def made_here(self) -> bool:
        """Whether this user's own imgforge wrote the record that is there now."""
        try:
            return cache.used(_note(self._record()))
        except OSError:
            return False

    def _record(self) -> bytes:
        with _plain(self.path / RECORD, os.O_RDONLY) as fd, open(fd, "rb", closefd=False) as file:
            data = file.read(_MOST + 1)
        if len(data) > _MOST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(self.path / RECORD))
        return data

    def work(self, engine: str, *, fresh: bool = False) -> Path:
        """Return (and make) the lasting directory of an engine, emptied if it is to be fresh."""
        path = self._folder("work", engine)
        if fresh:
            shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the directory for one build; TransientError if another build holds it.

        InvalidInputError if there are links or other things in the place of what is written.
        """
        if self.path.name == DEFAULT:  # another name was given by whoever runs this
            _no_link(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        for name in ("builds", "rejected", "work"):
            self._folder(name)
        with self._own(".gitignore") as fd:
            if not os.fstat(fd).st_size:
                os.write(fd, b"*\n")
        with self._own(".lock") as fd:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise TransientError(
                    f"another build is writing {self.path}", hint="wait for it, or give --output"
                ) from error
            self._sweep()
            yield

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Open a new build's directory; it is deleted unless :meth:`commit` took it."""
        builds = self._folder("builds")
        builds.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="new-", dir=builds))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def commit(self, folder: Path, record: Record) -> None:
        """Make a staged build the current one, and drop what came before."""
        data = json.dumps(asdict(record), indent=2, sort_keys=True) + "\n"
        (folder / RECORD).write_text(data)
        identity = sha256(data.encode()).removeprefix("sha256:")[:24]
        final = folder.parent / identity
        if final.exists():
            shutil.rmtree(final)
        folder.rename(final)
        cache.write(_note(data.encode()), b"")
        for name in ("image", "evidence", RECORD):
            self._point(name, f"current/{name}")
        self._point("current", f"builds/{identity}")
        for other in final.parent.iterdir():
            if other != final and _BUILD.fullmatch(other.name):
                shutil.rmtree(other, ignore_errors=True)

    def reject(self, files: Mapping[str, bytes]) -> Path:
        """Keep the findings of a build that the gate refused; return their directory."""
        folder = self._folder("rejected")
        fresh = Path(tempfile.mkdtemp(prefix="rejected-", dir=self.path))
        fresh.chmod(0o755)
        for name, data in files.items():
            (fresh / name).write_bytes(data)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
        return folder

    def _folder(self, *names: str) -> Path:
        """Return where a folder of ours is or will be; InvalidInputError if it is a link."""
        path = self.path
        for name in names:
            path /= name
            _no_link(path)
        return path

    @contextlib.contextmanager
    def _own(self, name: str) -> Iterator[int]:
        """Open a file of ours, made if need be; InvalidInputError if something else is there."""
        path = self.path / name
        _no_link(path)
        try:
            with _plain(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW) as fd:
                yield fd
        except _OddError as error:
            raise InvalidInputError(
                f"{path} is no regular file", hint="take it away, or give --output"
            ) from error

    def _sweep(self) -> None:
        """Delete what killed builds left half made; the caller holds the directory."""
        for pattern in ("builds/new-*", "rejected-*"):
            for stale in self.path.glob(pattern):
                shutil.rmtree(stale, ignore_errors=True)

    def _point(self, name: str, target: str) -> None:
        link = self.path / name
        if link.is_symlink() and os.readlink(link) == target:  # noqa: PTH115 - compares text
            return
        temporary = self.path / f".{name}.{os.getpid()}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.rename(link)


class _OddError(OSError):
    """Something else than a regular file."""


@contextlib.contextmanager
def _plain(path: Path, flags: int) -> Iterator[int]:
    """Open a regular file; :class:`_OddError` for a pipe and the like, which is not waited for."""
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise _OddError(errno.EINVAL, "it is no regular file", str(path))
        yield fd
    finally:
        os.close(fd)


def _no_link(path: Path) -> None:
    if path.is_symlink():
        raise InvalidInputError(
            f"{path} is a link, and what is behind it may be anybody's",
            hint="take it away, or give --output",
        )


def _note(record: bytes) -> Path:
    """Return where the cache remembers that a record was written here."""
    return cache.directory("builds") / sha256(record).removeprefix("sha256:")


def _checked(record: Record) -> Record:
    """Return ``record`` if its values are what they should be; ValueError or TypeError if not."""
    texts = (record.key, record.spec, record.stack, record.name, record.engine, record.reason)
    lists = (record.inputs, record.exclude, record.tags)
    tables = (record.evidence, record.signer)
    found = [*texts, *(each for texts in lists for each in texts)]
    found += [each for table in tables for pair in table.items() for each in pair]
    if not all(isinstance(each, str) for each in found):
        raise TypeError("a text in a record is none")
    Descriptor.from_json(record.image)
    for referrer in record.referrers:
        Descriptor.from_json(referrer)
    return record
