"""The queue: a table in SQLite, which several workers may share.

A job is taken by a lease. Whoever dies in the middle of it loses the lease after a while, and
another worker takes the job again; so writing an invoice twice must do no harm, and does none.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

LEASE = 60.0
"""Seconds that a worker may take for one job."""

_TABLE = """
create table if not exists jobs (
  id integer primary key,
  body text not null,
  leased_until real not null default 0,
  done integer not null default 0,
  problem text
)
"""


class Queue:
    """Jobs that wait, are leased, or are done."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "queue.sqlite", timeout=10, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute(_TABLE)

    def add(self, body: str) -> int:
        """Queue a job; return its number."""
        found = self._db.execute("insert into jobs (body) values (?)", (body,)).lastrowid
        assert found is not None
        return found

    def take(self) -> tuple[int, str] | None:
        """Lease the oldest job that waits; None if none does."""
        now = time.time()
        row = self._db.execute(
            "update jobs set leased_until = ? where id = (select id from jobs"
            " where not done and leased_until < ? order by id limit 1) returning id, body",
            (now + LEASE, now),
        ).fetchone()
        return (row[0], row[1]) if row else None

    def finish(self, job: int, problem: str | None = None) -> None:
        """Note that a job is done, or what is wrong with it."""
        self._db.execute("update jobs set done = 1, problem = ? where id = ?", (problem, job))

    def give_back(self, job: int) -> None:
        """Let another worker take the job at once."""
        self._db.execute("update jobs set leased_until = 0 where id = ?", (job,))

    def waiting(self) -> int:
        """Count the jobs that are not done."""
        return int(self._db.execute("select count(*) from jobs where not done").fetchone()[0])
