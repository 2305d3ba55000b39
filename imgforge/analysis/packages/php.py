"""PHP packages: what Composer installed (``vendor/composer/installed.json``, versions 1 and 2).

The fields are those of composer.json's schema; ``installed.php`` says less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages import ownership
from imgforge.analysis.packages.document import load, mapping, text, texts, word
from imgforge.analysis.packages.integrity import digest

ECOSYSTEM: Final = "composer"
NAMES: Final = frozenset({"installed.json"})


def wants(path: str, name: str) -> bool:
    """Whether this is Composer's list."""
    return name == "installed.json" and f"/{path}".endswith("/composer/installed.json")


def read(path: str, data: bytes) -> list[Package]:
    """Return the packages; ValueError if it is no such list."""
    packages, dev = _listed(data)
    found = []
    for fields in packages:
        vendor, slash, name = word(fields.get("name")).lower().partition("/")
        if not slash or not name or not vendor:
            raise ValueError("an installed package has no name of vendor and package")
        found.append(
            Package(
                ECOSYSTEM,
                name,
                _version(fields),
                purl="",
                licence=_licence(fields),
                supplier=_supplier(fields),
                paths=(path,),
                namespace=vendor,
                hashes=digest("sha1", mapping(fields.get("dist")).get("shasum")),
                depends=_needs(fields),
                dev=f"{vendor}/{name}" in dev,
            )
        )
    return found


def claims(path: str, data: bytes) -> list[Claim]:
    """Return the folder of each package: where ``install-path`` says, else under its name."""
    home = path.rpartition("/")[0]
    found: list[Claim] = []
    for fields in _listed(data)[0]:
        name = word(fields.get("name")).lower()
        place = fields.get("install-path", f"../{name}")
        if name and isinstance(place, str) and place:
            claim = ownership.claim(path, f"{ECOSYSTEM}:{name}", home, [place])
            found += [one._replace(files=f"{one.files}/") for one in claim]
    return found


def _listed(data: bytes) -> tuple[list[Mapping[str, Any]], set[str]]:
    """Return what is listed, and the names of what is there for development."""
    value = load(data)
    packages = value.get("packages") if isinstance(value, dict) else value
    if not isinstance(packages, list) or not all(isinstance(one, dict) for one in packages):
        raise ValueError("no list of installed packages")
    dev = mapping(value).get("dev-package-names")
    return packages, {name.lower() for name in texts(dev)}


def _version(fields: Mapping[str, Any]) -> str:
    """Return the version without the ``v`` of tags, which Packagist's advisories leave out too."""
    version = word(fields.get("version"))
    return version[1:] if version[:1] in {"v", "V"} and version[1:2].isdecimal() else version


def _licence(fields: Mapping[str, Any]) -> str:
    """Return the licences, of which one may be chosen (composer.json, ``license``)."""
    found = list(dict.fromkeys(texts(fields.get("license"))))
    joined = " OR ".join(found)
    return f"({joined})" if len(found) > 1 else joined


def _supplier(fields: Mapping[str, Any]) -> str:
    authors = fields.get("authors")
    for author in authors if isinstance(authors, list) else []:
        name, email = (text(mapping(author).get(key)) for key in ("name", "email"))
        if name or email:
            return text(f"{name} <{email}>" if name and email else name or email)
    return ""


def _needs(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the packages it needs: what has no vendor is PHP itself and its extensions."""
    names = (word(name).lower() for name in mapping(fields.get("require")))
    return tuple(sorted({name for name in names if "/" in name}))
