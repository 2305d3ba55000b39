"""What became of a line of a Dockerfile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Verdict = Literal["kept", "improved", "dropped", "person"]


class Setting(NamedTuple):
    """A value for the spec; lists and tables are added to what other rows gave."""

    key: tuple[str, ...]
    value: Any


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``said`` is what stood there, ``note`` what became of it and why.

    ``person`` is the verdict on what cannot be carried over without somebody who knows why it is
    there.
    """

    line: int
    said: str
    verdict: Verdict
    note: str
    settings: tuple[Setting, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--format json`` shows it."""
        keys = sorted({".".join(setting.key) for setting in self.settings})
        return {
            "line": self.line,
            "instruction": self.said,
            "verdict": self.verdict,
            "note": self.note,
            "sets": keys,
        }


def assembled(rows: tuple[Row, ...]) -> dict[str, Any]:
    """Return the tables of the spec that the rows' settings make."""
    out: dict[str, Any] = {}
    for setting in (setting for row in rows for setting in row.settings):
        table = out
        for part in setting.key[:-1]:
            table = table.setdefault(part, {})
        last, value = setting.key[-1], setting.value
        if isinstance(value, list) and isinstance(table.get(last), list):
            table[last] += [item for item in value if item not in table[last]]
        elif isinstance(value, list):
            table[last] = list(value)
        else:
            table[last] = value
    return out
