"""Python distributions: ``METADATA`` of dist-info, ``PKG-INFO`` of egg-info directories.

Core metadata (packaging.python.org, 2.4); names are normalised as the index does (PEP 503).
"""

from __future__ import annotations

import re
from typing import Final

from imgforge.analysis.facts import Package

ECOSYSTEM: Final = "pypi"
NAMES: Final = frozenset({"METADATA", "PKG-INFO"})

_SEPARATORS: Final = re.compile(r"[-_.]+")
_CLASSIFIERS: Final = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Zope Public License": "ZPL-2.1",
}
_LONGEST: Final = 100
"""Characters of a License field that still name a licence instead of quoting its text."""


def wants(path: str, name: str) -> bool:
    """Whether this records an installed distribution."""
    return (name == "METADATA" and path.endswith(".dist-info/METADATA")) or (
        name == "PKG-INFO" and path.endswith(".egg-info/PKG-INFO")
    )


def read(path: str, data: bytes) -> list[Package]:
    """Return the one distribution; ValueError if it has no name or version."""
    fields, classifiers = _headers(data.decode(errors="replace"))
    name, version = fields.get("name", ""), fields.get("version", "")
    if not name or not version:
        raise ValueError("the metadata names no distribution and version")
    supplier = next(
        (
            fields[key]
            for key in ("maintainer-email", "author-email", "maintainer", "author")
            if fields.get(key)
        ),
        "",
    )
    return [
        Package(
            ECOSYSTEM,
            _SEPARATORS.sub("-", name).lower(),
            version,
            purl="",
            licence=_licence(fields, classifiers),
            supplier=supplier[:200],
            paths=(path,),
        )
    ]


def _headers(text: str) -> tuple[dict[str, str], list[str]]:
    fields: dict[str, str] = {}
    classifiers = []
    for line in text.replace("\r\n", "\n").split("\n\n", 1)[0].split("\n"):
        key, colon, value = line.partition(":")
        if not colon or line[:1] in {" ", "\t"}:
            continue
        key, value = key.strip().lower(), value.strip()
        if key == "classifier":
            classifiers.append(value)
        elif value and value != "UNKNOWN":
            fields.setdefault(key, value)
    return fields, classifiers


def _licence(fields: dict[str, str], classifiers: list[str]) -> str:
    if fields.get("license-expression"):
        return fields["license-expression"]
    named = {c.rsplit(" :: ", 1)[1] for c in classifiers if c.startswith("License :: OSI")}
    known = sorted(filter(None, (_CLASSIFIERS.get(name, "") for name in named)))
    text = fields.get("license", "")
    if text and len(text) <= _LONGEST:
        return text
    return known[0] if len(known) == 1 and len(named) == 1 else ""
