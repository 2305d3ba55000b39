"""A database's file is never changed: a changed copy takes its place, in one step.

Whoever reads goes on reading the old one. One at a time changes it: others wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from imgforge.advisories import schema
from imgforge.console import Say
from imgforge.errors import InvalidInputError


@contextlib.contextmanager
def changed(target: Path, say: Say) -> Iterator[sqlite3.Connection]:
    """Open a copy of ``target`` to be changed, or an empty one, and let it take its place at last.

    InvalidInputError if that cannot be written, or ``target`` is no such database.
    """
    with replaced(target, say) as new:
        try:
            with contextlib.closing(_copied(target, new)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise InvalidInputError(f"cannot write {target}: {error}") from error


@contextlib.contextmanager
def replaced(target: Path, say: Say) -> Iterator[Path]:
    """Give a path for a new file, which takes the place of ``target`` if nothing fails.

    InvalidInputError if that cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target, say):
            new = target.with_name(f".new-{target.name}")
            new.unlink(missing_ok=True)
            try:
                yield new
                _placed(new, target)
            finally:
                new.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInputError(f"cannot write {target}: {error.strerror or error}") from error


@contextlib.contextmanager
def _alone(target: Path, say: Say) -> Iterator[None]:
    with target.with_name(f".{target.name}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another import into {target}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _copied(target: Path, new: Path) -> sqlite3.Connection:
    if not target.exists():
        return schema.create(new)
    schema.readable(target).close()
    shutil.copyfile(target, new)
    return schema.writable(new)


def _placed(new: Path, target: Path) -> None:
    new.chmod(0o644)
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.rename(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def finish(connection: sqlite3.Connection) -> None:
    """Settle which of several advisories of one id counts, and what the whole is called."""
    connection.execute("BEGIN")
    connection.execute("UPDATE advisory SET current = 1 - withdrawn WHERE current != 1 - withdrawn")
    # Of one id from several sources the newest counts, withdrawn or not.
    connection.execute(
        "WITH doubled AS (SELECT id, row_number() OVER (PARTITION BY name "
        "ORDER BY modified DESC, source, id) AS place FROM advisory WHERE name IN "
        "(SELECT name FROM advisory GROUP BY name HAVING count(*) > 1)) "
        "UPDATE advisory SET current = 0 WHERE id IN (SELECT id FROM doubled WHERE place > 1)"
    )
    connection.execute(
        "DELETE FROM ecosystem WHERE NOT EXISTS "
        "(SELECT 1 FROM affected WHERE affected.ecosystem = ecosystem.id)"
    )
    connection.execute(
        "UPDATE ecosystem SET (advisories, newest) = (SELECT count(DISTINCT a.name), "
        "coalesce(max(a.modified), '') FROM affected JOIN advisory a ON a.id = affected.advisory "
        "WHERE affected.ecosystem = ecosystem.id AND a.current = 1)"
    )
    connection.execute("DELETE FROM content")
    connection.execute("INSERT INTO content VALUES (?)", (identity(connection),))
    connection.execute("COMMIT")


def identity(connection: sqlite3.Connection) -> str:
    """Return ``sha256:<hex>`` over what counts, however it came together."""
    total = hashlib.sha256(f"{schema.VERSION}\n".encode())
    for (digest,) in connection.execute(
        "SELECT hash FROM advisory WHERE current = 1 ORDER BY hash"
    ):
        total.update(digest)
    for row in connection.execute(
        "SELECT kind, digest, malformed FROM source WHERE kind != 'osv' OR malformed > 0 "
        "ORDER BY kind, digest"
    ):
        total.update(f"\n{row}".encode())
    return f"sha256:{total.hexdigest()}"
