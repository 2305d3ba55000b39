"""Reports: pure functions from what was judged to text. To add one, write a module, name it here.

:func:`imgforge.report.subject.of` makes the :class:`~imgforge.report.subject.Report` that they
take; several subjects judged in one call become one text.
"""

from __future__ import annotations

import importlib
from typing import Final, Protocol

from imgforge.report import text
from imgforge.report.subject import Report


class Format(Protocol):
    """A way of writing reports down."""

    def __call__(self, *reports: Report) -> str:
        """Return the whole output, pure ASCII, with its last newline."""


def _late(module: str) -> Format:
    """Name a format whose module is loaded when it is asked for: most runs ask for one."""

    def render(*reports: Report) -> str:
        form: Format = importlib.import_module(f"imgforge.report.{module}").render
        return form(*reports)

    return render


FORMATS: Final[dict[str, Format]] = {
    "text": text.render,
    "json": _late("as_json"),
    "sarif": _late("sarif"),
    "github": _late("github"),
}
"""By the name that ``--format`` takes. ``text.render`` takes ``colour=True`` as well."""
