"""What an advisory database has, and how old that is: plain data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Source(NamedTuple):
    """What was imported under one name.

    ``kind`` is ``osv``, ``kev`` or ``epss``, ``digest`` of all that was read, ``signed`` who
    signed it or how it was pinned (empty: neither), ``imported`` and ``newest`` times (RFC 3339;
    of the import, or of the file that was imported if that is older; of the last changed record),
    ``malformed`` the count of those passed over.
    """

    name: str
    kind: str
    digest: str
    signed: str
    imported: str
    newest: str
    records: int
    malformed: int

    def age(self, today: dt.date) -> int:
        """Return the days since it was imported or last found unchanged, or its file written."""
        return (today - dt.date.fromisoformat(self.imported[:10])).days


@dataclass(frozen=True, slots=True)
class Status:
    """What a database has.

    ``digest`` is over its content, ``size`` in bytes; ``ecosystems`` are advisories and the newest
    change of each, ``imported`` the day of each source's last import; ``kev`` and ``epss`` are the
    days those lists are of, empty if there is none.
    """

    path: Path
    size: int
    digest: str
    ecosystems: Mapping[str, tuple[int, str]]
    sources: tuple[Source, ...]
    kev: str
    epss: str

    @property
    def imported(self) -> dict[str, str]:
        """Source → the day of its last import (``2026-01-31``)."""
        return {source.name: source.imported[:10] for source in self.sources}

    @property
    def malformed(self) -> int:
        """How many advisories were passed over because they could not be read."""
        return sum(source.malformed for source in self.sources)
