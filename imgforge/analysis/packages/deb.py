"""Debian packages: ``dpkg/status``, or one file a package in ``status.d`` as small images have.

Both are control files (Debian policy, 5.1; states: dpkg-query(1)). What a package owns stands in
``info/NAME.list``, or in ``status.d/NAME.md5sums``; its licence in its copyright file, which is
:mod:`imgforge.analysis.packages.debcopyright`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from imgforge.analysis.facts import Claim, Package

ECOSYSTEM: Final = "deb"
NAMES: Final = frozenset({"status"})
SUFFIXES: Final = frozenset({".list"})
FOLDERS: Final = frozenset({"status.d"})

_STATUS: Final = ("var/lib/dpkg/status", "usr/lib/dpkg/status")
_SINGLE: Final = tuple(f"{path}.d/" for path in _STATUS)
_INFO: Final = ("var/lib/dpkg/info/", "usr/lib/dpkg/info/")
_SUMS: Final = ".md5sums"
_SCRIPTS: Final = (".preinst", ".postinst", ".prerm", ".postrm", ".conffiles", ".triggers")
"""Ends of what else lies in ``status.d``; no package's record is called so."""

_ABSENT: Final = frozenset({"not-installed", "config-files"})
"""States of which nothing but settings is there. All others have files, be they whole or not."""

_MOST: Final = 8
"""Packages that are named for one relation; one is enough for who needs it."""

_SOURCE: Final = re.compile(r"([^\s()]+)(?:\s*\(([^()]*)\))?")
_RELATION: Final = re.compile(r"\s*([^\s:(\[<|,]+)")
_SUM: Final = re.compile(r"[0-9a-fA-F]{32} [ *](.+)")


def wants(path: str, name: str) -> bool:
    """Whether this records packages, or the files of one."""
    if name == "status":
        return path in _STATUS
    if path.startswith(_SINGLE):
        return not name.endswith(_SCRIPTS)
    return name.endswith(".list") and path.startswith(_INFO)


def read(path: str, data: bytes) -> list[Package]:
    """Return the packages of which there is anything; ValueError if it is no control file."""
    if path.startswith(_INFO) or path.endswith(_SUMS):
        return []
    found, providers = list[tuple[dict[str, str], str]](), dict[str, list[str]]()
    for fields in paragraphs(data.decode(errors="replace")):
        name = fields.get("package", "")
        if not name:
            raise ValueError("a paragraph has no Package field")
        if fields.get("status", "").rpartition(" ")[2] in _ABSENT:
            continue
        found.append((fields, name))
        for provided in (name, *map(_name, fields.get("provides", "").split(","))):
            providers.setdefault(provided, []).append(name)
    return [_package(path, name, fields, providers) for fields, name in found]


def claims(path: str, data: bytes) -> list[Claim]:
    """Return what one package owns; the directories of a ``.list`` are left out."""
    text = data.decode(errors="surrogateescape")
    name = path[path.rfind("/") + 1 :]
    if path.startswith(_INFO):
        listed = [line.strip("/").removeprefix("./") for line in text.split("\n")]
        folders = {line.rpartition("/")[0] for line in listed}
        files = [line for line in listed if line not in {"", "."} and line not in folders]
        return [Claim(path, _owner(name.removesuffix(".list")), "\n".join(files))]
    if not name.endswith(_SUMS):
        return []
    files = []
    for line in filter(None, text.split("\n")):
        match = _SUM.fullmatch(line)
        if match is None:
            raise ValueError(f"no checksum and path in the line {line[:80]!r}")
        files.append(match[1].removeprefix("./").lstrip("/"))
    return [Claim(path, _owner(name.removesuffix(_SUMS)), "\n".join(files))]


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Read a control file: field names in lower case, continuation lines joined by newlines."""
    for paragraph in re.split(r"\n(?:[ \t]*\n)+", text.replace("\r\n", "\n")):
        fields: dict[str, list[str]] = {}
        last: list[str] | None = None
        for line in paragraph.split("\n"):
            if line[:1] in {" ", "\t"}:
                if last is not None:
                    last.append(line.strip())
            elif line and not line.startswith("#"):
                key, colon, value = line.partition(":")
                if not colon:
                    raise ValueError(f"no field in the line {line[:80]!r}")
                last = fields[key.strip().lower()] = [value.strip()]
        if fields:
            yield {key: "\n".join(lines) for key, lines in fields.items()}


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
