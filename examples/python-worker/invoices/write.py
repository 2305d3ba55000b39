"""An invoice as a page: written beside its place, then renamed, so that none is ever half there."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, Template, select_autoescape

from invoices.job import Invoice

_PAGE = """<!doctype html>
<title>Invoice {{ invoice.number }}</title>
<h1>Invoice {{ invoice.number }}</h1>
<p>{{ invoice.customer }}</p>
<table>
{% for line in invoice.lines %}
<tr><td>{{ line.text }}</td><td>{{ line.count }}</td><td>{{ "%.2f" % line.total }}</td></tr>
{% endfor %}
<tr><th>Total</th><th></th><th>{{ "%.2f" % invoice.total }}</th></tr>
</table>
"""


@cache
def _template() -> Template:
    environment = Environment(autoescape=select_autoescape(default=True, default_for_string=True))
    return environment.from_string(_PAGE)


def write(invoice: Invoice, folder: Path) -> Path:
    """Write the page of ``invoice`` into ``folder``; return where it is."""
    path = folder / f"{invoice.number}.html"
    temporary = path.with_suffix(".part")
    temporary.write_text(_template().render(invoice=invoice), encoding="utf-8")
    temporary.replace(path)
    return path
