"""What logs and timestamp authorities say of one signature."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from imgforge.signing import rekor, timestamps
from imgforge.signing.exhibits import Exhibits
from imgforge.signing.proof import Witnesses
from imgforge.signing.root import TrustedRoot


@dataclass(frozen=True, slots=True)
class Testimony:
    """What is proven: the log's URL and the entry's index, and when the signature was seen."""

    log: str = ""
    index: int | None = None
    moments: tuple[dt.datetime, ...] = ()

    @property
    def times(self) -> tuple[int, ...]:
        """The moments in seconds since 1970, the earliest first."""
        return tuple(sorted({int(moment.timestamp()) for moment in self.moments}))


def hear(exhibits: Exhibits, root: TrustedRoot, demanded: Witnesses) -> Testimony:
    """Return what ``exhibits`` prove under ``root``; ValueError if a demanded witness is missing.

    What proves nothing is passed over, whatever it is: it costs nobody a valid signature, and is
    not told either.
    """
    stamps: list[dt.datetime] = []
    unstamped: list[str] = []
    for token in exhibits.timestamps:
        try:
            stamps.append(timestamps.prove(token, exhibits.stamped, root.timestampers))
        except ValueError as error:
            unstamped.append(str(error))
    log, index = "", None
    moments: list[dt.datetime] = []
    reasons: list[str] = []
    for entry in exhibits.entries:
        try:
            held = rekor.prove(entry, exhibits.record, root.logs, promised=exhibits.promised)
            _counted(held, stamps)
        except ValueError as error:
            reasons.append(str(error))
            continue
        if index is None:
            log, index = held.url, held.index
        if held.time is not None:
            moments.append(dt.datetime.fromtimestamp(held.time, dt.UTC))
    if demanded.log and index is None:
        raise ValueError(reasons[0] if reasons else "it has no entry of a transparency log")
    if demanded.timestamp and not stamps:
        raise ValueError(unstamped[0] if unstamped else "it has no timestamp of an authority")
    return Testimony(log, index, (*moments, *stamps))


def _counted(held: rekor.Held, stamps: Sequence[dt.datetime]) -> None:
    """ValueError if a log that says no time itself had no say when the signature was stamped."""
    if held.time is None and stamps and not any(map(held.span.holds, stamps)):
        raise ValueError("its log entry is of a time at which the log's key does not count")
