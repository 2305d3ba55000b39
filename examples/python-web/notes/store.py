"""Notes in one SQLite file."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS note (
  id TEXT PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL, changed TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it is stored; ``changed`` is a UTC time in ISO 8601."""

    id: str
    title: str
    text: str
    changed: str


@dataclass(frozen=True, slots=True)
class Store:
    """Notes below a directory. Each call has its own connection, so threads don't meet."""

    directory: Path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.directory / "notes.db", timeout=5)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def prepare(self) -> None:
        """Create the file and its table if they are not there."""
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(SCHEMA)

    def add(self, title: str, text: str) -> Note:
        note = Note(secrets.token_urlsafe(9), title, text, _now())
        with self._open() as connection:
            connection.execute(
                "INSERT INTO note VALUES (?, ?, ?, ?)",
                (note.id, note.title, note.text, note.changed),
            )
        return note

    def get(self, note_id: str) -> Note | None:
        with self._open() as connection:
            row = connection.execute("SELECT * FROM note WHERE id = ?", (note_id,)).fetchone()
        return Note(*row) if row else None

    def replace(self, note_id: str, title: str, text: str) -> Note | None:
        note = Note(note_id, title, text, _now())
        with self._open() as connection:
            done = connection.execute(
                "UPDATE note SET title = ?, text = ?, changed = ? WHERE id = ?",
                (note.title, note.text, note.changed, note.id),
            )
            return note if done.rowcount else None

    def remove(self, note_id: str) -> Note | None:
        with self._open() as connection:
            row = connection.execute(
                "DELETE FROM note WHERE id = ? RETURNING *", (note_id,)
            ).fetchone()
        return Note(*row) if row else None

    def count(self) -> int:
        with self._open() as connection:
            return int(connection.execute("SELECT count(*) FROM note").fetchone()[0])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
