"""Alpine packages, also Wolfi's and Chainguard's: apk's ``lib/apk/db/installed``.

Paragraphs of lines ``X:value`` (apk-package(5), apk v2's installed database). What a package needs
are names, or capabilities such as ``so:libc.musl-x86_64.so.1`` that another provides (``p``); what
starts with ``!`` is a conflict.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Final

from imgforge.analysis.databases import APK
from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages.licence import gnu, known, translated, unknown

ECOSYSTEM: Final = "apk"

_FILES: Final = "files"
_MOST: Final = 8
"""Packages that are named for one capability; one is enough for who needs it."""

_LINES: Final = 4_000_000
"""Lines of a database: what is in a record of the size that is read at all."""

_PACKAGES: Final = 100_000
"""Packages of one database; no distribution has as many."""

_SHA1: Final = "Q1"
_DEPENDENCY: Final = re.compile(r"([^\s<>=~@!]+)")

NAMES: Final = frozenset({"installed"})


def wants(path: str, name: str) -> bool:
    """Whether this is the database of installed packages."""
    return name == "installed" and path in APK


def read(path: str, data: bytes) -> list[Package]:
    """Return the packages; ValueError if this is no such database.

    ``hashes`` has what apk itself knows a package by (``C``): the SHA-1 of its control part.
    """
    found = list(_paragraphs(data.decode(errors="replace")))
    providers: dict[str, list[str]] = {}
    for fields in found:
        for provided in (fields["P"], *_names(fields.get("p", ""))):
            providers.setdefault(provided, []).append(fields["P"])
    return [_package(path, fields, providers) for fields in found]


def claims(path: str, data: bytes) -> list[Claim]:
    """Return what each package owns."""
    return [
        Claim(path, f"{ECOSYSTEM}:{fields['P']}", fields[_FILES])
        for fields in _paragraphs(data.decode(errors="surrogateescape"))
        if fields[_FILES]
    ]


def _paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Yield each package's fields by their letter, and its files joined by newlines."""
    if text.count("\n") > _LINES:
        raise ValueError(f"the database has over {_LINES} lines")
    for count, paragraph in enumerate(text.replace("\r\n", "\n").split("\n\n")):
        if count > _PACKAGES:
            raise ValueError(f"the database has over {_PACKAGES} packages")
        fields = _fields(paragraph)
        if not fields:
            continue
        if not fields.get("P") or "V" not in fields:
            raise ValueError("a paragraph names no package (P) and version (V)")
        yield fields


def _fields(paragraph: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    files = []
    folder = ""
    for line in paragraph.split("\n"):
        if not line:
            continue
        if line[1:2] != ":":
            raise ValueError(f"no field in the line {line[:80]!r}")
        key, value = line[0], line[2:]
        if key == "F":
            folder = value.strip("/") + "/"
        elif key == "R":
            files.append(folder + value if folder != "/" else value)
        else:
            fields.setdefault(key, value.strip())
    return {**fields, _FILES: "\n".join(files)} if fields or files else {}


def _package(path: str, fields: Mapping[str, str], providers: Mapping[str, list[str]]) -> Package:
    name = fields["P"]
    needed: set[str] = set()
    for one in _names(fields.get("D", "")):
        # A capability that nobody here has is no package's name.
        needed.update(providers.get(one, [] if ":" in one or "/" in one else [one])[:_MOST])
    return Package(
        ECOSYSTEM,
        name,
        fields["V"],
        purl="",
        licence=_licence(fields.get("L", "")),
        supplier=fields.get("m", ""),
        paths=(path,),
        architecture=fields.get("A", ""),
        source=fields.get("o", ""),
        hashes=_hashes(fields.get("C", "")),
        depends=tuple(sorted(needed - {name})),
    )


def _names(relations: str) -> Iterator[str]:
    """Yield the names in ``a>=1 so:b.so.1=1.2 !c``, conflicts left out."""
    for relation in relations.split():
        match = _DEPENDENCY.match(relation)
        if match is not None:
            yield match[1]


def _licence(said: str) -> str:
    """Return the field ``L``; older packages have a list without operators, meaning all of it."""
    words = said.split()
    if len(words) > 1 and not {word.upper() for word in words} & {"AND", "OR", "WITH"}:
        said = " AND ".join(words)
    return translated(said, _named) if said else ""


def _named(name: str) -> str:
    return gnu(name) or known(name) or unknown("apk", name)


def _hashes(checksum: str) -> tuple[str, ...]:
    """Read ``Q1`` and the base64 of a SHA-1."""
    if not checksum.startswith(_SHA1):
        return ()
    try:
        raw = base64.b64decode(checksum.removeprefix(_SHA1), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"no checksum: {checksum[:80]!r}") from None
    return (f"sha1:{raw.hex()}",) if len(raw) == 20 else ()  # noqa: PLR2004 - SHA-1
