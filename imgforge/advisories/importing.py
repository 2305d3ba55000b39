"""Making the database: sources are read into a copy of it, which then takes its place.

Whoever reads goes on reading the old one. If anything fails (a source, the disk, the power), the
old one stays. One import at a time: others wait for it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from imgforge.advisories import chances, feed, osv
from imgforge.advisories.advisory import Severity
from imgforge.advisories.given import Given, proven
from imgforge.advisories.replacement import changed, finish
from imgforge.console import Meter, Say
from imgforge.errors import InvalidInputError

SHOWN: Final = 20
"""Malformed advisories that are told one by one."""

_SLACK: Final = dt.timedelta(days=1)
"""What clocks may differ by."""


class Imported(NamedTuple):
    """What came of a source: counts of records, and of those that are new, gone and malformed."""

    name: str
    kind: str
    digest: str
    signed: str
    records: int
    added: int
    removed: int
    malformed: tuple[str, ...]
    passed: int


def import_all(
    given: Sequence[Given],
    target: Path,
    *,
    unchanged: Sequence[str] = (),
    keep: bool = False,
    skip_malformed: bool = False,
    now: dt.datetime,
    say: Say,
) -> list[Imported]:
    """Bring sources into the database ``target``; return what came of each.

    Those that are ``unchanged`` are only noted to be what they were, as of now.
    What a source no longer has is removed unless ``keep``. InvalidInputError if one cannot be read
    or has a malformed advisory (unless ``skip_malformed``: then it is counted, for good);
    EvidenceError if a digest or signature is wrong. Nothing has changed then.
    """
    with changed(target, say) as connection:
        done = []
        for each in given:
            source = _Source(connection, each, now, keep=keep, skip=skip_malformed)
            done.append(source.bring(say))
        connection.executemany(
            "UPDATE source SET imported = ? WHERE name = ?",
            ((now.strftime(osv.TIME), name) for name in unchanged),
        )
        say("finishing")
        finish(connection)
    return done


class Seen:
    """Numbers of rows: a byte each, where a set would take eighty."""

    def __init__(self) -> None:
        self._rows = bytearray()

    def add(self, row: int) -> None:
        """Note a row."""
        if row >= len(self._rows):
            self._rows.extend(bytes(row + 4096 - len(self._rows)))
        self._rows[row] = 1

    def __contains__(self, row: int) -> bool:
        return row < len(self._rows) and bool(self._rows[row])


def _known_on(given: Given, now: dt.datetime) -> dt.datetime:
    """Return when what a source says was known: an old file is not new for being imported now."""
    if given.written is None:
        return now
    # Before 1970 is as old as anything gets here, and no calendar refuses what is left.
    return dt.datetime.fromtimestamp(max(0.0, min(now.timestamp(), given.written)), dt.UTC)


class _Source:
    """One source on its way into the database."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        given: Given,
        now: dt.datetime,
        *,
        keep: bool,
        skip: bool,
    ) -> None:
        self._db = connection
        self._given = given
        self._now = now
        self._latest = (now + _SLACK).strftime(osv.TIME)
        self._keep = keep
        self._skip = skip
        self._malformed: list[str] = []
        self._passed = 0
        self._added = 0
        self._newest = ""
        self._ecosystems: dict[str, int] = {}

    def bring(self, say: Say) -> Imported:
        """Read it all; return what came of it."""
        given = self._given
        size = given.path.stat().st_size if given.path.is_file() else 0
        meter = Meter(say, f"reading {given.name}", size)
        source = feed.Feed(given.path, meter.add)
        try:
            if source.kind == "database":
                raise InvalidInputError(
                    f"{given.path} is an exported database: import it alone",
                    hint="it takes the place of the one that is there",
                )
            self._db.execute("BEGIN")
            number = self._number(source.kind)
            removed = self._read(source, number)
            digest = source.digest
            signed = proven(given, digest)
            records = self._counted(number, source.kind)
            self._db.execute(
                "UPDATE source SET digest = ?, signed = ?, imported = ?, newest = ?, records = ?, "
                "malformed = ?, tag = ? WHERE id = ?",
                (
                    digest,
                    signed,
                    _known_on(given, self._now).strftime(osv.TIME),
                    self._newest,
                    records,
                    self._passed,
                    given.tag,
                    number,
                ),
            )
            self._db.execute("COMMIT")
        finally:
            source.close()
        return Imported(
            given.name,
            source.kind,
            digest,
            signed,
            records,
            self._added,
            removed,
            tuple(self._malformed),
            self._passed,
        )

    def _number(self, kind: str) -> int:
        name = self._given.name
        row = self._db.execute("SELECT id, kind FROM source WHERE name = ?", (name,)).fetchone()
        if row is not None and row[1] != kind:
            raise InvalidInputError(
                f"{name} was of kind {row[1]} and is now of kind {kind}",
                hint="give it another name: --source NAME",
            )
        if row is not None:
            return int(row[0])
        new = self._db.execute(
            "INSERT INTO source (name, kind, digest, signed, imported, newest, records, malformed, "
            "tag) VALUES (?, ?, '', '', '', '', 0, 0, '') RETURNING id",
            (name, kind),
        ).fetchone()
        return int(new[0])

    def _read(self, source: feed.Feed, number: int) -> int:
        if source.kind in {"kev", "epss"}:
            read = chances.read_kev if source.kind == "kev" else chances.read_epss
            self._newest = read(self._db, number, source, self._latest)
            return 0
        seen = Seen()
        for document in source:
            known = self._document(document, number)
            if known is not None:
                seen.add(known)
        if self._malformed and not self._skip:
            raise self._refused()
        newest = self._db.execute("SELECT max(modified) FROM advisory WHERE source = ?", (number,))
        removed = 0 if self._keep else self._remove(number, seen)
        self._newest = newest.fetchone()[0] or ""
        return removed

    def _refused(self) -> InvalidInputError:
        more = self._passed - len(self._malformed)
        return InvalidInputError(
            f"{self._given.name} has malformed advisories",
            details=[*self._malformed, *([f"and {more} more"] if more else [])],
            hint="have its owner mend them, or pass them over with --skip-malformed: every scan "
            "then says so",
        )

    def _document(self, document: feed.Document, number: int) -> int | None:
        """Bring one advisory in; return its row."""
        digest = hashlib.sha256(document.data).digest()[:16]
        known = self._db.execute(
            "SELECT id FROM advisory WHERE source = ? AND hash = ?", (number, digest)
        ).fetchone()
        if known is not None:
            return int(known[0])
        try:
            record = osv.read(feed.load(document), self._latest)
        except ValueError as error:
            self._passed += 1
            if len(self._malformed) < SHOWN:
                self._malformed.append(f"{ascii(document.place)[1:-1]:.300}: {error}")
            elif not self._skip:
                raise self._refused() from error
            return None
        return self._insert(record, digest, number)

    def _insert(self, record: osv.Record, digest: bytes, number: int) -> int:
        if self._keep:
            self._remove_named(record.id, number)
        (row,) = self._db.execute(
            "INSERT INTO advisory (source, name, hash, modified, published, withdrawn, current, "
            "aliases, summary, severities, url) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?) "
            "RETURNING id",
            (
                number,
                record.id,
                digest,
                record.modified,
                record.published,
                int(bool(record.withdrawn)),
                " ".join(record.aliases),
                record.summary,
                _severities(record.severities),
                record.url,
            ),
        ).fetchone()
        self._db.executemany(
            "INSERT INTO affected VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    self._ecosystem(each.ecosystem),
                    each.package,
                    row,
                    place,
                    each.ranges,
                    each.versions,
                    each.unread,
                    _severities(each.severities),
                )
                for place, each in enumerate(record.affected)
            ),
        )
        self._added += 1
        return int(row)

    def _ecosystem(self, name: str) -> int:
        known = self._ecosystems.get(name)
        if known is None:
            self._db.execute("INSERT OR IGNORE INTO ecosystem VALUES (NULL, ?, 0, '')", (name,))
            row = self._db.execute("SELECT id FROM ecosystem WHERE name = ?", (name,)).fetchone()
            known = self._ecosystems[name] = int(row[0])
        return known

    def _remove_named(self, name: str, number: int) -> None:
        rows = self._db.execute(
            "SELECT id FROM advisory WHERE source = ? AND name = ?", (number, name)
        ).fetchall()
        self._delete([row for (row,) in rows])

    def _remove(self, number: int, seen: Seen) -> int:
        rows = self._db.execute("SELECT id FROM advisory WHERE source = ?", (number,))
        gone = [row for (row,) in rows if row not in seen]
        self._delete(gone)
        return len(gone)

    def _delete(self, rows: Sequence[int]) -> None:
        for row in rows:
            self._db.execute("DELETE FROM affected WHERE advisory = ?", (row,))
            self._db.execute("DELETE FROM advisory WHERE id = ?", (row,))

    def _counted(self, number: int, kind: str) -> int:
        table = {"osv": "advisory", "kev": "exploited", "epss": "probability"}[kind]
        asked = f"SELECT count(*) FROM {table} WHERE source = ?"  # noqa: S608 - one of three names
        return int(self._db.execute(asked, (number,)).fetchone()[0])


def _severities(severities: Sequence[Severity]) -> str:
    return json.dumps(severities, ensure_ascii=False) if severities else ""
