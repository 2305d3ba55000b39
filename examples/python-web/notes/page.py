"""A note's Markdown as a page that is safe to show."""

from __future__ import annotations

import nh3
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt

from notes.store import Note

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_PAGES = Environment(
    loader=PackageLoader("notes", "pages"), autoescape=True, undefined=StrictUndefined
)


def render(note: Note) -> str:
    """Return the HTML page of ``note``. The text was written by anyone: it is cleaned."""
    body = nh3.clean(_MARKDOWN.render(note.text))
    return _PAGES.get_template("note.html").render(note=note, body=body)
