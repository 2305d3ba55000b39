"""Debian packages: ``dpkg/status``, or one file a package in ``status.d`` as small images have.

Both are control files (Debian policy, 5.1; states: dpkg-query(1)). What a package owns stands in
``info/NAME.list``, or in ``status.d/NAME.md5sums``; its licence in its copyright file, which is
:mod:`imgforge.analysis.packages.debcopyright`'s.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from imgforge.analysis.databases import SINGLE, STATUS
from imgforge.analysis.facts import Claim, Package

ECOSYSTEM: Final = "deb"
NAMES: Final = frozenset({"status"})
SUFFIXES: Final = frozenset({".list"})
FOLDERS: Final = frozenset({"status.d"})

_INFO: Final = ("var/lib/dpkg/info/", "usr/lib/dpkg/info/")
_DIVERSIONS: Final = ("var/lib/dpkg/diversions", "usr/lib/dpkg/diversions")
SUMS: Final = ".md5sums"
_SCRIPTS: Final = (".preinst", ".postinst", ".prerm", ".postrm", ".conffiles", ".triggers")
"""Ends of what else lies in ``status.d``; no package's record is called so."""

_ABSENT: Final = frozenset({"not-installed", "config-files"})
"""States of which nothing but settings is there. All others have files, be they whole or not."""

_ABOUT: Final = frozenset(
    {"package", "status", "version", "source", "maintainer", "architecture"}
    | {"depends", "pre-depends", "provides"}
)
_MOST: Final = 8
"""Packages that are named for one relation; one is enough for who needs it."""

_PACKAGES: Final = 100_000
"""Packages of one record; no distribution has as many."""

_FIELDS: Final = 1_000
"""Fields of one paragraph."""

_LONGEST: Final = 1 << 20
"""Characters of one field."""

_LINES: Final = 1_000_000
"""Files of one package."""

_GAP: Final = re.compile(r"\n[ \t\n]*\n")
_END: Final = re.compile(r"\n(?![ \t])")
_FOLD: Final = re.compile(r"[ \t]*\n[ \t]*")
_NO_FIELD: Final = frozenset({"", "#", " ", "\t", "\n"})
_SOURCE: Final = re.compile(r"([^\s()]+)(?:\s*\(([^()]*)\))?")
_RELATION: Final = re.compile(r"\s*([^\s:(\[<|,]+)")
_SUM: Final = re.compile(r"[0-9a-fA-F]{32} [ *](.+)")


def wants(path: str, name: str) -> bool:
    """Whether this records packages, or the files of one."""
    if name == "status":
        return path in STATUS
    if name == "diversions":
        return path in _DIVERSIONS
    if path.startswith(SINGLE):
        return not name.endswith(_SCRIPTS)
    return name.endswith(".list") and path.startswith(_INFO)


def read(path: str, data: bytes) -> list[Package]:
    """Return the packages of which there is anything; ValueError if it is no control file."""
    if path.startswith(_INFO) or path.endswith(SUMS) or path in _DIVERSIONS:
        return []
    found, providers = list[tuple[dict[str, str], str]](), dict[str, list[str]]()
    for fields in paragraphs(data.decode(errors="replace"), _ABOUT):
        name = fields.get("package", "")
        if not name:
            raise ValueError("a paragraph has no Package field")
        if fields.get("status", "").rpartition(" ")[2] in _ABSENT:
            continue
        if len(found) >= _PACKAGES:
            raise ValueError(f"it lists over {_PACKAGES} packages")
        found.append((fields, name))
        for provided in (name, *map(_name, fields.get("provides", "").split(","))):
            providers.setdefault(provided, []).append(name)
    return [_package(path, name, fields, providers) for fields, name in found]


def claims(path: str, data: bytes) -> list[Claim]:
    """Return what one package owns; the directories of a ``.list`` are left out."""
    if path in STATUS:
        return []
    if data.count(b"\n") > _LINES:
        raise ValueError(f"it lists over {_LINES} files")
    text = data.decode(errors="surrogateescape")
    name = path[path.rfind("/") + 1 :]
    if path in _DIVERSIONS:
        return _diverted(path, text)
    if path.startswith(_INFO):
        listed = [line.strip("/").removeprefix("./") for line in text.split("\n")]
        folders = {line.rpartition("/")[0] for line in listed}
        files = [line for line in listed if line not in {"", "."} and line not in folders]
        return [Claim(path, _owner(name.removesuffix(".list")), "\n".join(files))]
    if not name.endswith(SUMS):
        return []
    files = []
    for line in filter(None, text.split("\n")):
        match = _SUM.fullmatch(line)
        if match is None:
            raise ValueError(f"no checksum and path in the line {line[:80]!r}")
        files.append(match[1].removeprefix("./").lstrip("/"))
    return [Claim(path, _owner(name.removesuffix(SUMS)), "\n".join(files))]


def _diverted(path: str, text: str) -> list[Claim]:
    """Return what packages moved aside of others' files (dpkg-divert(1)): it is the distribution's.

    Three lines each: the path in the other package, where its file lies now, who moved it or ``:``
    for the administrator.
    """
    lines = text.removesuffix("\n").split("\n") if text else []
    if len(lines) % 3:
        raise ValueError("its lines are no triples")
    return [
        Claim(path, _owner("dpkg" if who == ":" else who), to.strip("/"))
        for to, who in zip(lines[1::3], lines[2::3], strict=True)
        if to.strip("/")
    ]


def paragraphs(text: str, only: Collection[str]) -> Iterator[dict[str, str]]:
    """Read a control file: field names in lower case, continuation lines joined by newlines.

    Of each paragraph that has any fields those of ``only`` are yielded. ValueError if a line is no
    field, or there is more in a paragraph than anyone writes.
    """
    text = text.replace("\r\n", "\n")
    at = 0
    for gap in _GAP.finditer(text):
        if (fields := _fields(text[at : gap.start()], only)) is not None:
            yield fields
        at = gap.end()
    if (fields := _fields(text[at:], only)) is not None:
        yield fields


def _fields(paragraph: str, only: Collection[str]) -> dict[str, str] | None:
    fields: dict[str, str] | None = None
    at = lines = 0
    while at < len(paragraph):
        end = _END.search(paragraph, at)
        stop = end.start() if end else len(paragraph)
        first, start, at = paragraph[at : at + 1], at, stop + 1
        lines += 1
        if lines > _FIELDS:
            raise ValueError(f"a paragraph has over {_FIELDS} fields")
        if first in _NO_FIELD:
            continue
        colon = paragraph.find(":", start, stop)
        if colon < 0 or "\n" in paragraph[start:colon]:
            raise ValueError(f"no field in the line {paragraph[start : start + 80]!r}")
        fields = {} if fields is None else fields
        key = paragraph[start:colon].strip().lower()
        if key in only:
            if stop - colon > _LONGEST:
                raise ValueError(f"the field {key} has over {_LONGEST} characters")
            fields[key] = _FOLD.sub("\n", paragraph[colon + 1 : stop]).strip(" \t")
    return fields


def _package(
    path: str, name: str, fields: Mapping[str, str], providers: Mapping[str, list[str]]
) -> Package:
    source = _SOURCE.match(fields.get("source", ""))
    needed: dict[str, None] = {}
    for group in f"{fields.get('pre-depends', '')},{fields.get('depends', '')}".split(","):
        alternatives = list(filter(None, map(_name, group.split("|"))))
        # Who is there is what is used; a record of one package alone cannot tell who is.
        known = next((one for one in alternatives if one in providers), None)
        needed |= dict.fromkeys(alternatives if known is None else providers[known][:_MOST])
    return Package(
        ECOSYSTEM,
        name,
        fields.get("version", ""),
        purl="",
        licence="",
        supplier=fields.get("maintainer", ""),
        paths=(path,),
        architecture=fields.get("architecture", ""),
        source=source[1] if source else "",
        source_version=(source[2] or "").strip() if source else "",
        depends=tuple(sorted(needed.keys() - {name})),
    )


def _name(relation: str) -> str:
    """Return the name in ``libc6:any (>= 2.36) [amd64]``."""
    match = _RELATION.match(relation)
    return match[1] if match else ""


def _owner(name: str) -> str:
    """Return who owns what is listed in the file ``name``, which may have an architecture."""
    return f"{ECOSYSTEM}:{name.partition(':')[0]}"
