"""Provenance for a terminal: from what, by whom, how; and what pins it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from imgforge.provenance.told import Material, Told
from imgforge.report.text import plain

if TYPE_CHECKING:
    from imgforge.provenance.complete import Point
    from imgforge.provenance.heard import Heard

_MOST: Final = 40
"""Materials that are shown one by one; a base has hundreds, which --format json has."""
_LONG: Final = 160


def render(what: str, heard: Heard, told: Told) -> str:
    """Return plain ASCII lines, those that matter most first."""
    versions = ", ".join(f"{name} {version}" for name, version in told.versions.items())
    on = f" ({heard.platform})" if heard.platform else ""
    rows = [
        ("image", f"{what}{on}"),
        ("digest", heard.digest),
        ("proven by", heard.signer or "nobody: it is attached, and no signature was verified"),
        ("builder", told.builder),
        ("tools", versions),
        ("build type", told.build_type),
        ("started", told.started),
        ("invocation", told.invocation),
    ]
    lines = [f"{name:<12}{plain(value)}" for name, value in rows if value]
    for title, table in (("asked", told.parameters), ("how", told.internal)):
        lines += _section(title, (f"{key} = {_value(table[key])}" for key in sorted(table)))
    lines += _section("from", map(_material, told.materials))
    lines += _section("beside it", map(_material, told.byproducts))
    return "\n".join(lines) + "\n"


def verdict(found: Sequence[Point]) -> str:
    """Return one line for each point: ``pinned``, ``needs`` or ``OPEN``."""
    words = {"pinned": "pinned", "needs": "needs ", "open": "OPEN  "}
    return "".join(f"{words[p.state]}  {plain(p.what)}: {plain(p.said)}\n" for p in found)


def _section(title: str, rows: Iterable[str]) -> list[str]:
    listed = list(rows)
    more = [f"and {len(listed) - _MOST} more: --format json has them all"]
    shown = listed if len(listed) <= _MOST else [*listed[:_MOST], *more]
    return [title, *(f"  {plain(row)}" for row in shown)] if listed else []


def _material(material: Material) -> str:
    digest = material.digest or _value(dict(material.digests)) if material.digests else "no digest"
    notes = ", ".join(f"{k} {_value(v)}" for k, v in sorted(material.annotations.items()))
    parts = (material.name, material.uri, digest, f"({notes})" if notes else "")
    return " ".join(part for part in parts if part)


def _value(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return value[:_LONG]
    if isinstance(value, Mapping) and len(value) == 1:
        (key, only), *_ = value.items()
        if isinstance(only, str):
            return f"{key}:{only}"[:_LONG]
    return json.dumps(value, sort_keys=True)[:_LONG]
