"""PHP packages of PEAR and PECL: the registry (``php/.registry/**/*.reg``) of the pear command.

Each file is one value in PHP's serialised form (``serialize()``); objects are refused.
"""

from __future__ import annotations

import re
from typing import Final

from imgforge.analysis.facts import Package
from imgforge.analysis.packages.document import LINES, mapping, text, word

ECOSYSTEM: Final = "pear"
SUFFIXES: Final = frozenset({".reg"})

_PLACE: Final = re.compile(r"(?:.*/)?\.registry/(?:\.channel\.([^/]+)/)?[^/]+\.reg")
_SCALAR: Final = re.compile(rb"(?:([ibd]):([^;:{}\"]{1,40})|(N));")
_LENGTH: Final = re.compile(rb"s:(\d{1,9}):\"")
_ARRAY: Final = re.compile(rb"a:\d{1,9}:\{")
_DEPTH: Final = 100
_VALUES: Final = 200_000

_Value = str | dict[str, "_Value"]


def wants(path: str, name: str) -> bool:
    """Whether this records a package."""
    return name.endswith(".reg") and _PLACE.fullmatch(path) is not None


def read(path: str, data: bytes) -> list[Package]:
    """Return the one package; ValueError if the record cannot be read or names none."""
    if len(data) > LINES:
        raise ValueError(f"the record has over {LINES >> 20} MiB")
    fields = mapping(_value(data))
    place = _PLACE.fullmatch(path)
    name = word(fields.get("name")) or word(fields.get("package"))  # the first form: package.xml 1
    version, licence = fields.get("version"), fields.get("license")
    number = word(mapping(version).get("release")) or word(version)
    if not name or not number:
        raise ValueError("the record names no package and version")
    channel = word(fields.get("channel")) or ((place and place[1]) or "pear.php.net")
    return [
        Package(
            ECOSYSTEM,
            name,
            number,
            purl="",
            licence=text(mapping(licence).get("_content")) or text(licence),
            supplier=text(mapping(fields.get("lead")).get("name")),
            paths=(path,),
            namespace=channel,
        )
    ]


def _value(data: bytes) -> _Value:
    """Read one serialised value; numbers, booleans and keys become texts."""
    at, root = 0, dict[str, _Value]()
    open_, left = [root], _VALUES
    keys: list[str | None] = [""]
    while left:
        left -= 1
        if data[at : at + 1] == b"}" and len(open_) > 1 and keys[-1] is None:
            at += 1
            open_.pop()
            keys.pop()
            if len(open_) == 1:
                return root[""]
            continue
        item, at = _item(data, at)
        if keys[-1] is None:
            if not isinstance(item, str):
                raise ValueError("a key of the record is no text")
            keys[-1] = item
            continue
        open_[-1][keys[-1]] = item
        keys[-1] = None
        if isinstance(item, dict):
            if len(open_) > _DEPTH:
                raise ValueError(f"the record is nested over {_DEPTH} deep")
            open_.append(item)
            keys.append(None)
        elif len(open_) == 1:
            return item
    raise ValueError(f"the record has over {_VALUES} values")


def _item(data: bytes, at: int) -> tuple[_Value, int]:
    """Return the text, or the array whose members follow, that begins at ``at``."""
    if (scalar := _SCALAR.match(data, at)) is not None:
        return (scalar[2] or b"").decode(errors="replace"), scalar.end()
    if (array := _ARRAY.match(data, at)) is not None:
        return {}, array.end()
    length = _LENGTH.match(data, at)
    if length is not None:
        start, end = length.end(), length.end() + int(length[1])
        if data[end : end + 2] == b'";':
            return data[start:end].decode(errors="replace"), end + 2
    raise ValueError(f"no serialised value of PHP at byte {at}")
