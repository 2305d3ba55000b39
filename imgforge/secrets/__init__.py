"""Recognising credentials by name and by value; importing this costs next to nothing."""

from __future__ import annotations

from imgforge.secrets.names import placeholder, secret_name

__all__ = ["placeholder", "secret_name", "secret_value"]


def secret_value(text: str) -> str | None:
    """Return the title of the rule that finds a credential in ``text``, or None."""
    from imgforge.secrets.find import in_value

    rule = in_value(text)
    return None if rule is None else rule.title
