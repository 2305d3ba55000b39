"""Python distributions: ``METADATA`` of dist-info, ``PKG-INFO`` of egg-info and eggs.

Core metadata (packaging.python.org, 2.4); names are normalised as the index does (PEP 503). Beside
it lie ``RECORD`` and ``installed-files.txt`` (the files, which are claimed), ``direct_url.json``
(PEP 610) and ``requires.txt`` of older distributions: those become notes. The hash of a ``RECORD``
would be taken for that of a wheel, which nothing installed remembers, so there is none.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages import ownership
from imgforge.analysis.packages.document import lines, load_object, mapping, text, word
from imgforge.analysis.packages.integrity import digest
from imgforge.analysis.packages.python_licence import licence

ECOSYSTEM: Final = "pypi"

_BESIDE: Final = frozenset({"RECORD", "installed-files.txt", "direct_url.json", "requires.txt"})
NAMES: Final = frozenset({"METADATA", "PKG-INFO"}) | _BESIDE
SUFFIXES: Final = frozenset({".egg-info"})

_SEPARATORS: Final = re.compile(r"[-_.]+")
_METADATA: Final = (".dist-info/metadata", ".egg-info/pkg-info", "/egg-info/pkg-info")
_FOLDER: Final = re.compile(
    r"(?:.*/)?([^/]+?)(?:-([^-/]+))?(?:-py[0-9.]+)?(?:\.(?:dist|egg)-info|\.egg/EGG-INFO)/[^/]+"
)
_EXTRA: Final = re.compile(r"extra\s*==\s*(?:'[^']*'|\"[^\"]*\")")
_REQUIREMENT: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_LICENSES: Final = (2, 4)
"""The version of the metadata that puts licence files into a folder of their own (PEP 639)."""
_MARKER: Final = 1000
"""Characters of a marker that is worth reading."""


def wants(path: str, name: str) -> bool:
    """Whether this records an installed distribution, or lies beside such a record."""
    if name in _BESIDE:
        return _FOLDER.fullmatch(path) is not None
    return f"/{path}".lower().endswith(_METADATA) or name.endswith(".egg-info")


def read(path: str, data: bytes) -> list[Package]:
    """Return the one distribution, or a note about it; ValueError if it has no name or version."""
    name = path.rpartition("/")[2]
    if name in _BESIDE:
        return _note(path, name, data)
    fields, several = _headers(lines(_head(data)))
    title, version = word(fields.get("name")), word(fields.get("version"))
    if not title or not version:
        raise ValueError("the metadata names no distribution and version")
    supplier = next(
        (
            fields[key]
            for key in ("maintainer-email", "author-email", "maintainer", "author")
            if fields.get(key)
        ),
        "",
    )
    packed = "!/" in path
    return [
        Package(
            ECOSYSTEM,
            normal(title),
            version,
            purl="",
            licence=licence(fields, several.get("classifier", [])),
            supplier=text(supplier),
            paths=(path, *_texts(path, fields, several.get("license-file", []))),
            depends=_depends(several.get("requires-dist", [])),
            found="manifest" if packed else "record",
        )
    ]


def claims(path: str, data: bytes) -> list[Claim]:
    """Return the files that ``RECORD`` (from the folder above) or its forerunner list."""
    folder, _, name = path.rpartition("/")
    if name not in {"RECORD", "installed-files.txt"}:
        return []
    about = _about(path)
    listed = data.decode(errors="surrogateescape").splitlines()
    if name == "RECORD":
        folder = folder.rpartition("/")[0]
        try:
            listed = [row[0] for row in csv.reader(listed) if row]
        except csv.Error as error:
            raise ValueError(f"the RECORD cannot be read: {error}") from error
    return ownership.claim(path, f"{ECOSYSTEM}:{about[0]}", folder, listed)


def normal(name: str) -> str:
    """Return a name as the index has it (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def _about(path: str) -> tuple[str, str]:
    """Return name and version of the distribution whose folder ``path`` is in."""
    found = _FOLDER.fullmatch(path)
    return (normal(found[1]), (found[2] or "").replace("_", "-")) if found else ("", "")


def _note(path: str, name: str, data: bytes) -> list[Package]:
    title, version = _about(path)
    note = Package(ECOSYSTEM, title, version, "", "", "", (path,), found="note")
    if name == "direct_url.json":
        return _origin(note, data)
    if name == "requires.txt":
        wanted = _depends(_sections(lines(data)))
        return [note._replace(depends=wanted)] if wanted else []
    return []


def _origin(note: Package, data: bytes) -> list[Package]:
    """Return the hash of the archive, or the repository and its commit, that was installed."""
    fields = load_object(data)
    archive, vcs = mapping(fields.get("archive_info")), mapping(fields.get("vcs_info"))
    found = [
        digest(name, value) for name, value in mapping(archive.get("hashes")).items() if name
    ] + [digest(*_pair(archive.get("hash")))]
    hashes = tuple(sorted({one for some in found for one in some}))
    commit = word(vcs.get("commit_id"))
    if commit:
        note = note._replace(source=_public(fields.get("url")), source_version=commit)
    return [note._replace(hashes=hashes)] if hashes or commit else []


def _pair(value: object) -> tuple[str, str]:
    name, _, hexadecimal = value.partition("=") if isinstance(value, str) else ("", "", "")
    return name, hexadecimal


def _public(url: object) -> str:
    """Return an address without what may be a credential in it: user, query."""
    try:
        parts = urlsplit(text(url, 1000))
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{host}{port}{parts.path}" if host else ""


def _sections(requires: str) -> list[str]:
    """Return what ``requires.txt`` demands without an extra, markers added (setuptools' form)."""
    marker, found = "", []
    for line in requires.splitlines():
        line = line.strip()  # noqa: PLW2901
        if line.startswith("["):
            extra, _, marker = line.strip("[]").partition(":")
            marker = f'{marker} and extra == "{extra}"' if extra and marker else marker
            marker = 'extra == "x"' if extra and not marker else marker
        elif line and not line.startswith("#"):
            found.append(f"{line}; {marker}" if marker else line)
    return found


def _depends(requirements: list[str]) -> tuple[str, ...]:
    found = set()
    for requirement in requirements:
        name = _REQUIREMENT.match(requirement)
        marker = requirement.rpartition(";")[2] if ";" in requirement else ""
        if name is not None and (not marker or _holds(marker.strip())):
            found.add(normal(name[1]))
    return tuple(sorted(found))


@lru_cache(4096)
def _holds(marker: str) -> bool:
    """Whether a marker can hold on Linux without an extra; one that cannot be read may."""
    from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

    if _EXTRA.fullmatch(marker) or len(marker) > _MARKER:
        return len(marker) > _MARKER
    try:
        known = Marker(marker)
        for minor in range(6, 16):
            for machine in ("x86_64", "aarch64"):
                environment = {
                    "implementation_name": "cpython",
                    "implementation_version": f"3.{minor}.0",
                    "os_name": "posix",
                    "platform_machine": machine,
                    "platform_release": "",
                    "platform_system": "Linux",
                    "platform_version": "",
                    "python_full_version": f"3.{minor}.0",
                    "platform_python_implementation": "CPython",
                    "python_version": f"3.{minor}",
                    "sys_platform": "linux",
                    "extra": "",
                }
                if known.evaluate(environment):
                    return True
    except (InvalidMarker, UndefinedEnvironmentName, ValueError, RecursionError):
        return True
    return False


def _head(data: bytes) -> bytes:
    """Return what stands before the first empty line: a description may follow, of any length."""
    ends = [at for mark in (b"\n\n", b"\r\n\r\n") if (at := data.find(mark)) >= 0]
    return data[: min(ends, default=len(data))]


def _headers(content: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the first of each field, and all of those that may be repeated, by lower-case name.

    A field that goes on over several lines is a text and names nothing.
    """
    fields: dict[str, str] = {}
    several: dict[str, list[str]] = {}
    last = ""
    for line in content.replace("\r\n", "\n").split("\n"):
        if line[:1] in {" ", "\t"}:
            fields.pop(last, None)
            continue
        key, colon, value = line.partition(":")
        if not colon:
            continue
        last, value = key.strip().lower(), value.strip()
        if last in {"classifier", "requires-dist", "license-file"}:
            several.setdefault(last, []).append(value)
        elif value and value != "UNKNOWN":
            fields.setdefault(last, value)
    return fields, several


def _texts(path: str, fields: dict[str, str], files: list[str]) -> list[str]:
    """Return where the licence files lie that the metadata of a dist-info names."""
    folder = path.rpartition("/")[0]
    if not folder.endswith(".dist-info") or "!/" in path:
        return []
    major, _, minor = fields.get("metadata-version", "").partition(".")
    new = major.isdecimal() and minor.isdecimal() and (int(major), int(minor)) >= _LICENSES
    inner = f"{folder}/licenses" if new else folder
    return [f"{inner}/{file}" for file in map(text, files) if file and ".." not in file.split("/")]
