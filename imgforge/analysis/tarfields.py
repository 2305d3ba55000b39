"""What the fields of tar headers say: numbers, and the records of pax headers."""

from __future__ import annotations

from typing import Final

SPARSE_MAP: Final = b"GNU.sparse.map"
_SPARSE_PAIR: Final = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
_PLAIN: Final = frozenset(b"01234567")
_NEWLINE: Final = 0x0A
_DIGITS: Final = 20
"""Digits of 2**64."""


class MalformedError(Exception):
    """The archive cannot be read on."""


def octal(field: bytes) -> int:
    """Read an octal field; ValueError if it is none."""
    text = field.strip(b" \0")
    if not text:
        return 0
    if not _PLAIN.issuperset(text):
        text = text.split(b"\0", 1)[0].rstrip(b" ")
        if not _PLAIN.issuperset(text):
            raise ValueError
    return int(text, 8)


def number(field: bytes, what: str) -> int:
    """Read an octal or base-256 field (GNU tar manual, "Basic Tar Format")."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big")
        if field[0] & 0x40:
            return value - (1 << 8 * len(field))
        return value - (0x80 << 8 * (len(field) - 1))
    try:
        return octal(field)
    except ValueError:
        raise MalformedError(f"a header's {what} is not a number") from None


def decimal(text: bytes, what: str) -> int:
    """Read a number of pax headers and of sparse maps."""
    if not text.isdigit() or len(text) > _DIGITS:
        raise MalformedError(f"{what} is not a number")
    return int(text)


def records(data: bytes) -> dict[bytes, bytes]:
    """Read pax records: length, key, value, newline (POSIX.1-2017, pax, extended header).

    The repeated pairs of a sparse map of version 0.0 become the list that version 0.1 has.
    """
    found: dict[bytes, bytes] = {}
    pairs: list[bytes] = []
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 12)
        text = data[at:space] if space > 0 else b""
        if not text.isdigit():
            raise MalformedError("a pax header's record has no length")
        end = at + int(text)
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if (
            end > len(data)
            or end <= space + 1
            or not equals
            or not key
            or data[end - 1] != _NEWLINE
        ):
            raise MalformedError("a pax header's record is broken")
        if key in _SPARSE_PAIR:
            if key != _SPARSE_PAIR[len(pairs) % 2] or b"," in value:
                raise MalformedError("a sparse map is out of order")
            pairs.append(value)
        else:
            found[key] = value
        at = end
    if pairs:
        found[SPARSE_MAP] = b",".join(pairs)
    return found
