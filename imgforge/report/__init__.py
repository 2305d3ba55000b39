"""Reports: pure functions from what was judged to text. To add one, write a module, name it here.

:func:`imgforge.report.subject.of` makes the :class:`~imgforge.report.subject.Report` that they
take; several subjects judged in one call become one text.
"""

from __future__ import annotations

from typing import Final, Protocol

from imgforge.report import as_json, github, sarif, text
from imgforge.report.subject import Report


class Format(Protocol):
    """A way of writing reports down."""

    def __call__(self, *reports: Report) -> str:
        """Return the whole output, pure ASCII, with its last newline."""


FORMATS: Final[dict[str, Format]] = {
    "text": text.render,
    "json": as_json.render,
    "sarif": sarif.render,
    "github": github.render,
}
"""By the name that ``--format`` takes. ``text.render`` takes ``colour=True`` as well."""
