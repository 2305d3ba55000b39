"""The output directory of a project: the current build, and what makes the next one quicker.

    OUT/current -> builds/ID   the only thing that ever changes, by one rename
    OUT/image, OUT/evidence, OUT/build.json -> current/…
    OUT/work                   a lasting directory per engine

A build is written into a new directory under ``builds`` and becomes current in one step, so at
any moment there is the old result or the new one, each whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imgforge.errors import InvalidInputError, TransientError
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, sha256

DEFAULT = ".imgforge"
RECORD = "build.json"
SCHEMA = 2


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
            value = json.loads((self.path / RECORD).read_bytes())
            if value.get("schema") != SCHEMA:
                return None
            tuples = {k: tuple(value[k]) for k in ("inputs", "exclude", "tags", "referrers")}
            return Record(**{**value, **tuples})
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return None

    def work(self, engine: str, *, fresh: bool = False) -> Path:
        """Return (and make) the lasting directory of an engine, emptied if it is to be fresh."""
        path = self.path / "work" / engine
        if fresh:
            shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the directory for one build; TransientError if another build holds it."""
        self.path.mkdir(parents=True, exist_ok=True)
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        with (self.path / ".lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise TransientError(
                    f"another build is writing {self.path}", hint="wait for it, or give --output"
                ) from error
            self._sweep()
            yield

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Open a new build's directory; it is deleted unless :meth:`commit` took it."""
        builds = self.path / "builds"
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
        for name in ("image", "evidence", RECORD):
            self._point(name, f"current/{name}")
        self._point("current", f"builds/{identity}")
        for other in final.parent.iterdir():
            if other != final:
                shutil.rmtree(other, ignore_errors=True)

    def reject(self, files: Mapping[str, bytes]) -> Path:
        """Keep the findings of a build that the gate refused; return their directory."""
        folder = self.path / "rejected"
        fresh = Path(tempfile.mkdtemp(prefix="rejected-", dir=self.path))
        fresh.chmod(0o755)
        for name, data in files.items():
            (fresh / name).write_bytes(data)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
        return folder

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
