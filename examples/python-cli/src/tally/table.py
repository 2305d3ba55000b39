"""Rows of a CSV file, gathered by one column."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation


class TableError(Exception):
    """The file does not hold what was asked of it; the message says where."""


@dataclass(frozen=True)
class Group:
    """The rows that have one value in common: how many, and the sum of a column of theirs."""

    value: str
    rows: int
    total: Decimal


def groups(lines: Iterable[str], by: str, add: str | None) -> list[Group]:
    """Gather the rows of ``lines`` by column ``by``, adding up column ``add``; largest first."""
    reader = csv.DictReader(lines)
    columns = reader.fieldnames or []
    for column in (by, add):
        if column is not None and column not in columns:
            raise TableError(f"there is no column {column!r}: {', '.join(columns) or 'no columns'}")
    rows: dict[str, int] = {}
    totals: dict[str, Decimal] = {}
    for row in reader:
        value = row[by] or ""
        rows[value] = rows.get(value, 0) + 1
        if add is not None:
            totals[value] = totals.get(value, Decimal(0)) + _number(row[add], reader.line_num)
    found = [Group(value, count, totals.get(value, Decimal(0))) for value, count in rows.items()]
    return sorted(found, key=lambda g: (-g.total, -g.rows, g.value))


def _number(text: str | None, line: int) -> Decimal:
    try:
        return Decimal(text or "0")
    except InvalidOperation:
        raise TableError(f"line {line}: {text!r} is no number") from None
