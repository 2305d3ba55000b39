"""Node packages: the ``package.json`` of each that is installed, and of applications themselves.

A package is what lies in a ``node_modules`` folder under a package's name (Node's algorithm,
"Loading from node_modules folders"); pnpm's store and Yarn's zips have such folders too. Deeper in
a package lie files of the same name that only say how a folder is to be loaded, and what its tests
need; but some packages carry whole others that way, which count. Licences, authors and fields are
those of npm's package.json(5), and of what npm wrote into installed ones until version 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages.document import (
    listed,
    load_object,
    mapping,
    text,
    texts,
    word,
)
from imgforge.analysis.packages.integrity import digests

ECOSYSTEM: Final = "npm"
NAMES: Final = frozenset({"package.json"})

_MODULES: Final = "node_modules/"
_NAME: Final = re.compile(r"(?:(@[\w.!~*'()-]+)/)?([\w!~*'()-][\w.!~*'()-]*)", re.ASCII)
"""Names of packages, those included that are no longer given."""
_SCRAP: Final = frozenset(
    {
        *("test", "tests", "__tests__", "spec", "testdata", "fixture", "fixtures"),
        *("__fixtures__", "example", "examples", "demo", "template", "templates"),
        *("bench", "benchmark", "benchmarks"),
    }
)
"""Folders of packages whose contents are not run."""


def split(name: str) -> tuple[str, str] | None:
    """Return scope (with its ``@``, or empty) and rest of a package's name; None if it is none."""
    found = _NAME.fullmatch(name)
    return None if found is None else (found[1] or "", found[2])


def wants(path: str, name: str) -> bool:
    """Whether this may describe a package."""
    if name != "package.json":
        return False
    owner, below = _place(path)
    return not owner.startswith(".") and not (owner and _SCRAP.intersection(below))


def read(path: str, data: bytes) -> list[Package]:
    """Return the one package; ValueError if where an installed one must be described none is.

    One without a version is listed where it is certain: as an installed package, or in a folder
    of its own name, and with a licence of its own, within another package.
    """
    owner, below = _place(path)
    try:
        fields = load_object(data)
    except ValueError:
        if below:
            return []  # a folder's setting that nothing loads, and no package's own
        raise
    parts = split(word(fields.get("name")))
    version = word(fields.get("version"))
    if parts is None or not _counts(fields, version, owner, below):
        return []
    return [
        Package(
            ECOSYSTEM,
            parts[1],
            version,
            purl="",
            licence=licence(fields),
            supplier=_supplier(fields),
            paths=(path,),
            namespace=parts[0],
            hashes=digests(text(fields.get("_integrity"))),
            depends=depends(fields),
            found="manifest",
        )
    ]


def claims(path: str, data: bytes) -> list[Claim]:
    """Return that what lies in the package's folder is its own, if it is an installed one."""
    owner, below = _place(path)
    if not owner or below:
        return []
    return [
        Claim(path, f"{ECOSYSTEM}:{found.namespace}/{found.name}".replace(":/", ":"), folder)
        for found in read(path, data)
        if (folder := path[: path.rfind("/") + 1])
    ]


def licence(fields: Mapping[str, Any]) -> str:
    """Return what ``license`` or the old ``licenses`` say, several joined as npm reads them."""
    said = fields.get("license") or fields.get("licenses")
    found = [
        text(item.get("type") or item.get("name")) if isinstance(item, dict) else text(item)
        for item in listed(said)
    ]
    found = list(dict.fromkeys(filter(None, found)))
    joined = " OR ".join(found)
    return f"({joined})" if len(found) > 1 else joined


def depends(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names under ``dependencies`` and the two kinds of them that may be missing.

    An alias (``x: npm:lodash@4``; pnpm's lock: ``x: lodash@4.0.0``) counts as what it stands for.
    """
    kinds = ("dependencies", "optionalDependencies", "peerDependencies")
    pairs = (pair for kind in kinds for pair in mapping(fields.get(kind)).items())
    return tuple(sorted({known for name, value in pairs if split(known := _meant(name, value))}))


def _meant(name: str, value: object) -> str:
    if not isinstance(value, str):
        return name
    other = value.partition("(")[0].removeprefix("npm:")
    cut = other.rfind("@")
    return other[:cut] if cut > 0 and split(other[:cut]) else name


def _place(path: str) -> tuple[str, list[str]]:
    """Return the package that the folder of ``path`` is in, and the folders below that one's.

    The package is empty outside ``node_modules``.
    """
    start = path.rfind(_MODULES)
    if start < 0 or (start > 0 and path[start - 1] != "/"):
        return "", []
    parts = path[start + len(_MODULES) :].split("/")[:-1]
    size = 2 if parts and parts[0].startswith("@") else 1
    return "/".join(parts[:size]) or ".", parts[size:]


def _counts(fields: dict[str, Any], version: str, owner: str, below: list[str]) -> bool:
    """Whether a named ``package.json`` stands for a package."""
    name = word(fields.get("name"))
    if not owner:
        return bool(version)
    if not below:
        return True
    if name == owner or fields.get("private") is True:
        return False
    return bool(version) or (bool(licence(fields)) and below[-1].startswith(name.split("/")[-1]))


def _supplier(fields: dict[str, Any]) -> str:
    for key in ("author", "maintainers", "contributors"):
        for found in _people(fields.get(key)):
            return found
    return ""


def _people(value: object) -> Iterator[str]:
    for person in listed(value):
        if isinstance(person, dict):
            name, email = text(person.get("name")), text(person.get("email"))
            whole = text(f"{name} <{email}>" if name and email else name or email)
        else:
            whole = next(iter(texts(person)), "")
            whole = re.sub(r"\s*\([^()]*\)\s*$", "", whole)
        if whole:
            yield whole
