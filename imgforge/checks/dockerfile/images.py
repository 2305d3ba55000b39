"""How firmly a reference to an image is pinned; shared by the rules about origins."""

from __future__ import annotations

from typing import Final

from imgforge.checks.finding import Severity
from imgforge.errors import InvalidInputError
from imgforge.oci.reference import Reference

MOVING: Final = frozenset(
    {"latest", "edge", "nightly", "stable", "main", "master", "dev", "rolling"}
)
"""Tags that are made to be moved."""


def looseness(text: str) -> tuple[str, Severity] | None:
    """Say what is open in ``text``; None if it has a digest or is no reference to judge."""
    if "@" in text or "$" in text:
        return None
    try:
        tag = Reference.parse(text).tag
    except InvalidInputError:
        return None
    if tag is None:
        return "has no tag, which means latest", Severity.MEDIUM
    if tag in MOVING:
        return f"has the tag {tag}, which is made to move", Severity.MEDIUM
    return "has a tag but no digest", Severity.LOW


def called(text: str) -> tuple[str, ...]:
    """Return the names by which a policy's globs may mean ``text``, in full and as written."""
    try:
        reference = Reference.parse(text)
    except InvalidInputError:
        return (text,)
    return (text, str(reference), reference.name)
