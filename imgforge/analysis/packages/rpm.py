"""RPM packages: the database in whichever form, and the lists that small images have instead.

Azure Linux's distroless images have ``var/lib/rpmmanifest/container-manifest-2``: what ``rpm -qa``
printed, ten fields a line between tabs. A database whose log beside it is not empty may lack what
was done last, which nobody can tell: that is a problem, not a package.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from imgforge.analysis.databases import RPM_FOLDERS, RPM_NAMES
from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages import rpmdb, rpmheader
from imgforge.analysis.packages.rpmheader import Values
from imgforge.analysis.packages.rpmlicence import licence

ECOSYSTEM: Final = "rpm"

_LOGS: Final = frozenset({"rpmdb.sqlite-wal", "rpmdb.sqlite-journal"})
_MANIFEST: Final = "container-manifest-2"
_MANIFESTS: Final = "var/lib/rpmmanifest/"
_NONE: Final = "(none)"

NAMES: Final = RPM_NAMES | _LOGS | {_MANIFEST}

_MOST: Final = 8
"""Packages that are named for one capability; one is enough for who needs it."""

_PACKAGES: Final = 100_000
"""Packages of one database; no distribution has as many."""

_VALUES: Final = 8_000_000
"""Values of the tags that are read at once: of files, three each."""

_ABOUT: Final = frozenset(
    {
        rpmheader.NAME,
        rpmheader.VERSION,
        rpmheader.RELEASE,
        rpmheader.EPOCH,
        rpmheader.VENDOR,
        rpmheader.LICENCE,
        rpmheader.PACKAGER,
        rpmheader.ARCHITECTURE,
        rpmheader.SOURCE,
        rpmheader.PROVIDES,
        rpmheader.REQUIRES,
        rpmheader.MODULE,
    }
)
_OWNED: Final = frozenset(
    {
        rpmheader.NAME,
        rpmheader.MODES,
        rpmheader.OLD_FILES,
        rpmheader.FOLDER_OF,
        rpmheader.BASENAMES,
        rpmheader.FOLDERS,
    }
)
_SOURCE: Final = re.compile(r"(.+)-([^-]+-[^-]+)\.(?:no)?src\.rpm")
_CONDITION: Final = re.compile(r"\s(?:if|unless)\s[^()]*")
_WORD: Final = re.compile(r"[^\s()<>=]+(?:\([^()\s]*\))*")
_OPERATORS: Final = frozenset({"and", "or", "with", "without", "else"})


def wants(path: str, name: str) -> bool:
    """Whether this is a database, its log, or a list that stands for it."""
    folder = path[: -len(name)]
    return folder == _MANIFESTS if name == _MANIFEST else name in NAMES and folder in RPM_FOLDERS


def read(path: str, data: bytes) -> list[Package]:
    """Return the packages; ValueError if the database is broken or not up to date."""
    name = path[path.rfind("/") + 1 :]
    if name in _LOGS:
        raise ValueError("the database beside it is not up to date: this log has what it lacks")
    if name == _MANIFEST:
        lines = data.decode(errors="replace").split("\n")
        return [_listed(path, line) for line in lines if line]
    found = list(_headers(data, _ABOUT))
    providers: dict[str, list[str]] = {}
    for header in found:
        own = _text(header, rpmheader.NAME)
        for provided in dict.fromkeys((own, *_texts(header, rpmheader.PROVIDES))):
            providers.setdefault(provided, []).append(own)
    wanted = {
        requirement
        for header in found
        for requirement in _texts(header, rpmheader.REQUIRES)
        if requirement.startswith("/") and requirement not in providers
    }
    if wanted:
        for header in _headers(data, _OWNED):
            own = _text(header, rpmheader.NAME)
            for file in wanted.intersection(_files(header)):
                providers.setdefault(file, []).append(own)
    return [_package(path, header, providers) for header in found]


def claims(path: str, data: bytes) -> list[Claim]:
    """Return what each package owns, directories left out."""
    if path[path.rfind("/") + 1 :] not in RPM_NAMES:
        return []
    found = []
    for header in _headers(data, _OWNED):
        files = "\n".join(file.lstrip("/") for file in _files(header) if "\n" not in file)
        if files:
            found.append(Claim(path, f"{ECOSYSTEM}:{_text(header, rpmheader.NAME)}", files))
    return found


def _headers(data: bytes, tags: Collection[int]) -> Iterator[Mapping[int, Values]]:
    values = 0
    for count, blob in enumerate(rpmdb.headers(data)):
        if count >= _PACKAGES:
            raise ValueError(f"the database has over {_PACKAGES} packages")
        header = rpmheader.decode(blob, tags)
        values += sum(map(len, header.values()))
        if values > _VALUES:
            raise ValueError(f"the database has over {_VALUES} values")
        if not _text(header, rpmheader.NAME):
            raise ValueError("a package's header names no package")
        yield header


def _package(
    path: str, header: Mapping[int, Values], providers: Mapping[str, Sequence[str]]
) -> Package:
    name = _text(header, rpmheader.NAME)
    epoch = _numbers(header, rpmheader.EPOCH)[:1]
    version = f"{_text(header, rpmheader.VERSION)}-{_text(header, rpmheader.RELEASE)}"
    source = _SOURCE.fullmatch(_text(header, rpmheader.SOURCE))
    needed = {
        provider
        for requirement in _texts(header, rpmheader.REQUIRES)
        for capability in _capabilities(requirement)
        for provider in providers.get(capability, ())[:_MOST]
    }
    return Package(
        ECOSYSTEM,
        name,
        f"{epoch[0]}:{version}" if any(epoch) else version,
        purl=_text(header, rpmheader.MODULE),
        licence=licence(_text(header, rpmheader.LICENCE)),
        supplier=_text(header, rpmheader.VENDOR) or _text(header, rpmheader.PACKAGER),
        paths=(path,),
        architecture=_text(header, rpmheader.ARCHITECTURE),
        source=source[1] if source else "",
        source_version=source[2] if source else "",
        depends=tuple(sorted(needed - {name})),
    )


def _listed(path: str, line: str) -> Package:
    """Read one line of a manifest; the eighth field is the architecture, the ninth the epoch."""
    fields = [field if field != _NONE else "" for field in line.rstrip("\r").split("\t")]
    if len(fields) != 10 or not fields[0] or not fields[1]:  # noqa: PLR2004
        raise ValueError(f"no package in the line {line[:80]!r}")
    source = _SOURCE.fullmatch(fields[9])
    return Package(
        ECOSYSTEM,
        fields[0],
        f"{fields[8]}:{fields[1]}" if fields[8] not in {"", "0"} else fields[1],
        purl="",
        licence="",
        supplier=fields[4],
        paths=(path,),
        architecture=fields[7],
        source=source[1] if source else "",
        source_version=source[2] if source else "",
    )


def _capabilities(requirement: str) -> Iterator[str]:
    """Yield what a requirement names: one, or those of ``(a or (b >= 2 with c) if d)``.

    What holds only if something else is there (rpm's boolean dependencies) is taken as if it did;
    the condition itself is no need.
    """
    if not requirement.startswith("("):
        yield requirement
        return
    for word in _WORD.findall(_CONDITION.sub(" ", requirement)):
        if word not in _OPERATORS:
            yield word


def _files(header: Mapping[int, Values]) -> Iterator[str]:
    """Yield the paths of a package's files, of which rpm keeps folders and last parts apart."""
    names = _texts(header, rpmheader.BASENAMES)
    modes = _numbers(header, rpmheader.MODES)
    if names:
        folders = _texts(header, rpmheader.FOLDERS)
        places = _numbers(header, rpmheader.FOLDER_OF)
        if len(places) != len(names) or max(places) >= len(folders):
            raise ValueError("a package's files lie in folders that it does not name")
        paths: Iterator[str] = (folders[at] + n for at, n in zip(places, names, strict=True))
    else:
        paths = iter(_texts(header, rpmheader.OLD_FILES))
    for number, path in enumerate(paths):
        if number >= len(modes) or not stat.S_ISDIR(modes[number]):
            yield path


def _texts(header: Mapping[int, Values], tag: int) -> tuple[str, ...]:
    values = header.get(tag, ())
    if any(not isinstance(value, str) for value in values[:1]):
        raise ValueError(f"tag {tag} of a package's header is no text")
    return values  # type: ignore[return-value]


def _numbers(header: Mapping[int, Values], tag: int) -> tuple[int, ...]:
    values = header.get(tag, ())
    if any(not isinstance(value, int) for value in values[:1]):
        raise ValueError(f"tag {tag} of a package's header is no number")
    return values  # type: ignore[return-value]


def _text(header: Mapping[int, Values], tag: int) -> str:
    return next(iter(_texts(header, tag)), "")
