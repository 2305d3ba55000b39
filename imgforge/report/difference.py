"""How two bases differ, for a terminal: packages, then configuration, then files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.bases.difference import Change, Difference, FileChange
from imgforge.oci.types import Platform
from imgforge.report.text import plain

_MEGA: Final = 1e6


def render(found: Mapping[Platform, Difference]) -> str:
    """Return plain ASCII lines, ``+`` for what only the right base has, ``-`` for the left's."""
    lines: list[str] = []
    for platform, difference in found.items():
        packed, unpacked = (
            f"{before / _MEGA:.1f} to {after / _MEGA:.1f} MB"
            for before, after in (
                (difference.sizes[0].packed, difference.sizes[1].packed),
                (difference.sizes[0].unpacked, difference.sizes[1].unpacked),
            )
        )
        lines.append(f"{platform}: {packed} packed, {unpacked} unpacked")
        if difference.same:
            same = difference.digests[0] == difference.digests[1]
            lines.append("  the same image" if same else "  the same files and configuration")
        sections = {
            "packages": map(_change, difference.packages),
            "configuration": map(_change, difference.configuration),
            "files": _files(difference),
        }
        for title, rows in sections.items():
            listed = [f"    {row}" for row in rows]
            lines += [f"  {title} ({len(listed)})", *listed] if listed else []
    return "\n".join(lines) + "\n"


def _change(change: Change) -> str:
    name = plain(change.what)
    if change.old is None:
        return f"+ {name} {_value(change.new)}"
    if change.new is None:
        return f"- {name} {_value(change.old)}"
    return f"~ {name} {_value(change.old)} -> {_value(change.new)}"


def _files(difference: Difference) -> Iterator[str]:
    rows = [*((c, "-") for c in difference.removed), *((c, "+") for c in difference.added)]
    rows += [(c, "~") for c in difference.changed]
    for change, mark in sorted(rows, key=lambda row: row[0].path):
        yield f"{mark} {plain(change.path)}{_said(change, mark)}"


def _said(change: FileChange, mark: str) -> str:
    if mark == "~":
        return "".join(f", {_what(c)}" for c in change.changes)
    values = {c.what: c.old if c.new is None else c.new for c in change.changes}
    # Of a path that is new or gone, only what gives it power is worth the room.
    told = [str(values[key]) for key in ("bits", "capability") if values.get(key)]
    return f", {plain(' '.join(told))}" if told else ""


def _what(change: Change) -> str:
    if change.what == "content":
        return "content"
    return f"{change.what} {_value(change.old) or 'none'} -> {_value(change.new) or 'none'}"


def _value(value: Any) -> str:  # noqa: ANN401 - JSON
    return plain(value if isinstance(value, str) else json.dumps(value))
