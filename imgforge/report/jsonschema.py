"""JSON Schema's objects, as reports describe themselves."""

from __future__ import annotations

from typing import Any


def described(
    about: str, properties: dict[str, Any], *, optional: set[str] | None = None
) -> dict[str, Any]:
    """Return the schema of an object that has ``properties``, all but the ``optional`` ones."""
    required = [key for key in properties if key not in (optional or set())]
    return {
        "type": "object",
        "description": about,
        "properties": properties,
        "required": required,
    }


def about(value: dict[str, Any], about: str) -> dict[str, Any]:
    """Return the schema ``value`` with a description."""
    return {**value, "description": about}
