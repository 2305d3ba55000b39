"""The database's form: SQLite's tables, and how the file is opened.

The file is never changed once it has its name (a new one takes its place), so readers open it as
immutable: no locks, no journal, and whoever reads goes on reading the old one.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from imgforge.errors import InvalidInputError

APPLICATION: Final = 0x696D6741
"""``imgA``: what SQLite's header says whose file it is."""

VERSION: Final = 2
"""Raised whenever the tables, or what is read from advisories, change."""

REBUILD: Final = "remove the file, and import every source again: imgforge db import"

_PAGE: Final = 8192
_MAPPED: Final = 1 << 32

_TABLES: Final = """
CREATE TABLE source (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  digest TEXT NOT NULL,
  signed TEXT NOT NULL,
  imported TEXT NOT NULL,
  newest TEXT NOT NULL,
  records INTEGER NOT NULL,
  malformed INTEGER NOT NULL,
  tag TEXT NOT NULL
) STRICT;
CREATE TABLE ecosystem (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  advisories INTEGER NOT NULL,
  newest TEXT NOT NULL
) STRICT;
CREATE TABLE advisory (
  id INTEGER PRIMARY KEY,
  source INTEGER NOT NULL,
  name TEXT NOT NULL,
  hash BLOB NOT NULL,
  modified TEXT NOT NULL,
  published TEXT NOT NULL,
  withdrawn INTEGER NOT NULL,
  current INTEGER NOT NULL,
  aliases TEXT NOT NULL,
  summary TEXT NOT NULL,
  severities TEXT NOT NULL,
  url TEXT NOT NULL
) STRICT;
CREATE INDEX advisory_name ON advisory (name);
CREATE UNIQUE INDEX advisory_hash ON advisory (source, hash);
CREATE TABLE affected (
  ecosystem INTEGER NOT NULL,
  package TEXT NOT NULL,
  advisory INTEGER NOT NULL,
  number INTEGER NOT NULL,
  ranges TEXT NOT NULL,
  versions TEXT NOT NULL,
  unread TEXT NOT NULL,
  severities TEXT NOT NULL,
  PRIMARY KEY (ecosystem, package, advisory, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX affected_advisory ON affected (advisory);
CREATE TABLE exploited (cve TEXT NOT NULL, source INTEGER NOT NULL, PRIMARY KEY (cve, source))
  STRICT, WITHOUT ROWID;
CREATE TABLE probability (
  cve TEXT NOT NULL, source INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (cve, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE content (identity TEXT NOT NULL) STRICT;
"""

_STATEMENTS: Final = frozenset(text.strip() for text in _TABLES.split(";") if text.strip())


def create(path: Path) -> sqlite3.Connection:
    """Make an empty database and open it for writing."""
    connection = writable(path)
    connection.execute(f"PRAGMA page_size = {_PAGE}")
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.executescript(_TABLES)
    return connection


def writable(path: Path) -> sqlite3.Connection:
    """Open a file that nobody else knows yet: if writing it fails, it is thrown away."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -32768")
    return _careful(connection)


def readable(path: Path) -> sqlite3.Connection:
    """Open a finished database; InvalidInputError if it is none, or of another form."""
    name = quote(str(path.absolute()))
    connection = sqlite3.connect(
        f"file:{name}?mode=ro&immutable=1", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        _careful(connection)
        connection.execute(f"PRAGMA mmap_size = {_MAPPED}")
        check(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise broken(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _careful(connection: sqlite3.Connection) -> sqlite3.Connection:
    # What a file's own schema says is not run (sqlite.org/security.html).
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def check(connection: sqlite3.Connection, path: Path) -> None:
    """InvalidInputError unless the file is an advisory database of this form."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise InvalidInputError(
            f"{path} is not an advisory database", hint="make one: imgforge db import"
        )
    if version != VERSION:
        raise InvalidInputError(
            f"{path} is an advisory database of form {version}, and this imgforge reads {VERSION}",
            hint=REBUILD,
        )
    made = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"
    if {sql for (sql,) in connection.execute(made)} != _STATEMENTS:
        raise InvalidInputError(f"{path} has other tables than an advisory database", hint=REBUILD)


def broken(path: Path, error: sqlite3.Error) -> InvalidInputError:
    """Return what is raised when SQLite cannot make sense of the file."""
    return InvalidInputError(f"the advisory database {path} cannot be read: {error}", hint=REBUILD)
