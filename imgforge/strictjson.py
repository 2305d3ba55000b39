"""JSON from outside: one meaning or none.

Two parsers that disagree about a document (duplicate keys, ``NaN``, another encoding) let a
signature cover one reading and a decision rest on another (RFC 8259, section 4; RFC 7493).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
"""An escape that may be half of a character (a surrogate)."""


def loads(data: bytes) -> Any:  # noqa: ANN401 - decoded JSON of unknown shape
    """Decode UTF-8 JSON; ValueError on what has two meanings or none, or is nested too deeply.

    That is: duplicate keys, NaN, infinities, numbers too large for a float, halves of characters.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        if _HALF.search(data):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("JSON has half of a character in it") from error
    return value


def slim(data: bytes, most: int) -> None:
    """ValueError if a document has over ``most`` values: decoded, each takes dozens of bytes.

    Counted are the marks between them, in texts too; what is counted is never decoded.
    """
    if any(data.count(mark) > most for mark in (b",", b":", b"[", b"{")):
        raise ValueError(f"the JSON has over {most} values")


def load_object(data: bytes) -> dict[str, Any]:
    """Decode a JSON object like :func:`loads`; ValueError if it is something else."""
    value = loads(data)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error for bad input
    return value


def exact(value: Iterable[str], known: Iterable[str]) -> None:
    """ValueError if a key is one of ``known`` in another case.

    Go's decoder, which runtimes use, takes ``Layers`` for ``layers``, the long s for an s, and the
    last of them all.
    """
    folded = {name.casefold(): name for name in known}
    for key in value:
        if folded.get(key.casefold(), key) != key:
            raise ValueError(f"{key!a} is spelt in another case")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("JSON object repeats a key")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if abs(value) == float("inf"):
        raise ValueError(f"JSON holds the number {text[:40]}")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON holds {name}")
