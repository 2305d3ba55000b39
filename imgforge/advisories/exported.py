"""A database as one file, to be carried where there is no network, and brought in there."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

from imgforge.advisories import feed, replacement, schema
from imgforge.advisories.database import Database
from imgforge.advisories.given import Given, proven
from imgforge.console import Meter, Say
from imgforge.errors import InvalidInputError

_LEVEL: Final = 9
_PIECE: Final = 1 << 20
_LARGEST: Final = 16 << 30


def export(database: Database, to: Path, say: Say) -> str:
    """Write the database to ``to``, packed by zstd; return the file's ``sha256:<hex>``.

    InvalidInputError if that cannot be written; what was there before is then still there.
    """
    import zstandard

    target = to.resolve()
    total = hashlib.sha256()
    try:
        with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as folder:
            plain, packed = Path(folder, "plain"), Path(folder, "packed")
            say("copying")
            database.copy(plain)
            size = plain.stat().st_size
            meter = Meter(say, "packing", size)
            packer = zstandard.ZstdCompressor(_LEVEL).compressobj(size=size)
            with plain.open("rb") as source, packed.open("wb") as out:
                for piece in iter(lambda: source.read(_PIECE), b""):
                    meter.add(len(piece))
                    done = packer.compress(piece)
                    total.update(done)
                    out.write(done)
                done = packer.flush()
                total.update(done)
                out.write(done)
            packed.chmod(0o644)
            packed.rename(target)
    except (OSError, sqlite3.Error) as error:
        raise InvalidInputError(f"cannot write {to}: {error}") from error
    return f"sha256:{total.hexdigest()}"


def bring(given: Given, target: Path, say: Say) -> str:
    """Let an exported database take the place of ``target``; return how it is proven, or nothing.

    InvalidInputError if it is damaged or no such database, EvidenceError if it is not the one that
    is meant. Nothing has changed then.
    """
    size = given.path.stat().st_size
    meter = Meter(say, f"reading {given.name}", size)
    with replacement.replaced(target, say) as new:
        with contextlib.closing(feed.Feed(given.path, meter.add)) as source:
            written = 0
            with new.open("wb") as file:
                for piece in source.pieces():
                    written += len(piece)
                    if written > _LARGEST:
                        raise InvalidInputError(f"{given.path} unpacks to over {_LARGEST} bytes")
                    file.write(piece)
            signed = proven(given, source.digest)
        say("checking")
        _checked(new, given.path)
    return signed


def _checked(new: Path, named: Path) -> None:
    """InvalidInputError unless a database from elsewhere is whole."""
    try:
        with contextlib.closing(schema.readable(new)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise InvalidInputError(f"{named} is damaged: {found}")
            kept = connection.execute("SELECT identity FROM content").fetchall()
            if kept != [(replacement.identity(connection),)]:
                raise InvalidInputError(f"{named} is not what it says it is")
    except sqlite3.Error as error:
        raise InvalidInputError(f"{named} is damaged: {error}") from error
