"""``imgforge db status``."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from imgforge.cli import db_import, options
from imgforge.console import Console

if TYPE_CHECKING:
    from imgforge.advisories.status import Status

EXAMPLES = """\
  imgforge db status
  imgforge db status --format json | jq '.sources[] | select(.age_days > 7) | .name'
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    db_import.database(out)
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Print what there is; warn of what was passed over."""
    from imgforge.advisories.database import open_database

    with open_database(given.db) as database:
        status = database.status()
    if status.malformed:
        console.warn(f"{status.malformed} malformed advisories were passed over when imported")
    today = dt.datetime.now(dt.UTC).date()
    if given.format == "json":
        print(json.dumps(as_json(status, today), indent=2))
    else:
        print("\n".join(lines(status, today)))
    return 0


def as_json(status: Status, today: dt.date) -> dict[str, Any]:
    """Return the JSON object; ages are in days."""
    return {
        "path": str(status.path),
        "size": status.size,
        "digest": status.digest,
        "ecosystems": {
            name: {"advisories": count, "newest": newest}
            for name, (count, newest) in status.ecosystems.items()
        },
        "sources": [
            {**source._asdict(), "age_days": source.age(today)} for source in status.sources
        ],
        "malformed": status.malformed,
        "kev": status.kev or None,
        "epss": status.epss or None,
    }


def lines(status: Status, today: dt.date) -> list[str]:
    """Return the text for people."""
    found = [
        f"database    {status.path}",
        f"size        {status.size / 1e6:.1f} MB",
        f"digest      {status.digest}",
        f"exploited   {f'KEV of {status.kev}' if status.kev else 'no list (KEV) is imported'}",
        f"probable    {f'EPSS of {status.epss}' if status.epss else 'no scores (EPSS)'}",
        "",
        *_table(
            ("ecosystem", "advisories", "newest"),
            [(name, str(n), newest[:10]) for name, (n, newest) in status.ecosystems.items()],
        ),
        "",
        *_table(
            ("source", "kind", "records", "malformed", "newest", "imported", "proven by"),
            [
                (
                    each.name,
                    each.kind,
                    str(each.records),
                    str(each.malformed),
                    each.newest[:10],
                    f"{each.imported[:10]} ({each.age(today)} days ago)",
                    each.signed or "nothing",
                )
                for each in status.sources
            ],
        ),
    ]
    return [line.rstrip() for line in found]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (head, *rows)
    ]
