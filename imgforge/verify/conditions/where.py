"""What must stand at a place of a predicate: JSON pointers (RFC 6901) and globs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from imgforge.verify.conditions.shown import fits, shown

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_MISSING: Final = object()


def parse(pointer: str) -> tuple[str, ...]:
    """Return a pointer's reference tokens; ValueError if RFC 6901, section 3 allows no such."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError("a JSON pointer begins with /")
    if re.search(r"~(?![01])", pointer):
        raise ValueError("in a JSON pointer ~ is written ~0, and / in a name ~1")
    tokens = pointer[1:].split("/")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


def reasons(where: Mapping[str, str], predicate: object) -> Iterator[str]:
    """Yield why a pointer's place does not have what it must.

    Texts are held against the glob; a boolean or a number only against its own JSON text, since
    ``1*`` says nothing that one could mean of 10. Null, objects and lists never fit.
    """
    for pointer, wanted in where.items():
        try:
            found = _resolved(predicate, parse(pointer))
        except ValueError as error:
            yield f"{shown(pointer)} is no place: {error}"
            continue
        if found is _MISSING:
            yield f"{shown(pointer)}: nothing stands there, and {shown(wanted)} is demanded"
        elif not _is(found, wanted):
            yield f"{shown(pointer)}: {shown(found)} stands there, and {shown(wanted)} is demanded"


def _is(found: object, wanted: str) -> bool:
    if isinstance(found, str):
        return fits(found, wanted)
    if isinstance(found, bool):
        return wanted == json.dumps(found)
    if isinstance(found, int | float):
        return wanted == shown(found)
    return False


def _resolved(value: object, tokens: tuple[str, ...]) -> object:
    for token in tokens:
        if isinstance(value, dict) and token in value:
            value = value[token]
        elif isinstance(value, list) and _INDEX.fullmatch(token) and int(token) < len(value):
            value = value[int(token)]
        else:
            return _MISSING
    return value
