"""What Go's linker wrote into a program: the modules that it was made of, and Go itself.

The form is that of Go's own ``debug/buildinfo`` and ``runtime/debug.ParseBuildInfo``. Since Go 1.18
the texts follow the header; before, it points at them. A program built without modules, as
Debian's are, names Go alone. What the linker dropped as unreachable may still be listed.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from imgforge.analysis.elf import Shape
from imgforge.analysis.facts import Package
from imgforge.analysis.programs import GO

ECOSYSTEM: Final = "golang"
MAGIC: Final = GO.text
ALIGNED: Final = 16
"""What its place in the file is a multiple of."""

MOST: Final = 8 << 20
"""Bytes of the texts; the largest programs have some hundred kilobytes."""

NOTE: Final = b"\x04\0\0\0Go\0\0"
"""The end of the head of a note that says that Go linked this (little byte order)."""

_HEADER: Final = 32
_INLINE, _BIG = 2, 1
_SENTINEL: Final = 16
_DEVELOPED: Final = "(devel)"


class Incomplete(Exception):  # noqa: N818 - no error: more is to come
    """The texts go on after the bytes at hand."""


def is_inline(data: bytes) -> bool | None:
    """Whether the texts follow the header that ``data`` begins with; None if it is no header."""
    if len(data) < _HEADER or not data.startswith(MAGIC):
        return None
    if data[15] & _INLINE:
        return True
    return False if data[14] in {4, 8} else None


def inline(data: bytes) -> tuple[str, str]:
    """Return Go's version and the list of modules that follow the header at the start of ``data``.

    Raises Incomplete while ``data`` is too short, ValueError if a length cannot be.
    """
    version, at = _text(data, _HEADER)
    modules, _ = _text(data, at)
    return version.decode(errors="replace"), _bare(modules)


def pointed(program: bytes, at: int, shape: Shape) -> tuple[str, str]:
    """Return the same for a whole program whose header at ``at`` points at the texts."""
    size = program[at + 14]
    order = shape.order if not program[at + 15] & _BIG else ">"
    pair = Struct(order + ("QQ" if size == 8 else "II"))  # noqa: PLR2004 - bytes of a pointer
    texts = []
    for address in pair.unpack_from(program, at + ALIGNED):
        place = shape.offset(address)
        if place is None or place + pair.size > len(program):
            raise ValueError("Go's build information points out of the program")
        start, length = pair.unpack_from(program, place)
        where = shape.offset(start) if length else 0
        if where is None or where + length > len(program):
            raise ValueError("Go's build information points out of the program")
        texts.append(program[where : where + length])
    return texts[0].decode(errors="replace"), _bare(texts[1])


def packages(path: str, version: str, modules: str) -> list[Package]:
    """Return Go, the main module and those it was built with; ValueError if that is no version.

    A module that another replaces is not there: the other is. One that a folder replaces has no
    version, nor has a main module that was not tagged.
    """
    go = version.removeprefix("devel ").split(" ", 1)[0]
    if not go.startswith("go1"):
        raise ValueError("Go's build information has no version of Go")
    number = go.removeprefix("go").partition(" ")[0]
    cpe = f"cpe:2.3:a:golang:go:{number}:*:*:*:*:*:*:*" if number.replace(".", "").isdigit() else ""
    found = [_package(path, "stdlib", number)._replace(cpes=(cpe,) if cpe else ())]
    main: Package | None = None
    for line in modules.split("\n"):
        kind, *fields = line.split("\t")
        if kind not in {"mod", "dep", "=>"} or not fields or not fields[0]:
            continue
        name, release = fields[0], fields[1] if len(fields) > 1 else ""
        release = "" if release == _DEVELOPED else release
        if kind == "mod":
            main = _package(path, name, release)
        elif kind == "dep":
            found.append(_package(path, name, release))
        elif name.startswith((".", "/")):
            found[-1] = found[-1]._replace(version="")
        else:
            found[-1] = _package(path, name, release)
    if main is not None:
        needs = (f"{row.namespace}/{row.name}".lstrip("/") for row in found)
        found.insert(0, main._replace(depends=tuple(sorted(set(needs)))))
    return found


def _package(path: str, module: str, version: str) -> Package:
    namespace, _, name = module.rpartition("/")
    return Package(
        ECOSYSTEM,
        name,
        version,
        purl="",
        licence="",
        supplier="",
        paths=(path,),
        namespace=namespace,
        found="binary",
    )


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    """Read a text after its length (an unsigned varint); return it and where it ends."""
    length = shift = 0
    while True:
        if at >= len(data):
            raise Incomplete
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the last of a varint
            break
        if shift > 28:  # noqa: PLR2004 - over four bytes
            raise ValueError("Go's build information has a length that cannot be")
    if length > MOST:
        raise ValueError(f"Go's build information says that it has over {MOST} bytes")
    if at + length > len(data):
        raise Incomplete
    return data[at : at + length], at + length


def _bare(modules: bytes) -> str:
    """Take off the sixteen bytes that stand before and after the list."""
    if len(modules) <= 2 * _SENTINEL or modules[-_SENTINEL - 1 : -_SENTINEL] != b"\n":
        return ""
    return modules[_SENTINEL:-_SENTINEL].decode(errors="replace")
