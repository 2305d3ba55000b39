"""Reports: pure functions from findings to text. To add one, write a module and name it here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from imgforge.checks.finding import Finding
from imgforge.report import as_json, github, sarif, text

Format = Callable[[Sequence[Finding]], str]

FORMATS: Final[dict[str, Format]] = {
    "text": text.render,
    "json": as_json.render,
    "sarif": sarif.render,
    "github": github.render,
}
"""By the name that ``--format`` takes. ``text.render`` takes ``colour=True`` as well."""
