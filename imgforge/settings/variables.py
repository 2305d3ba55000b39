"""Variables of the environment that stand for keys of ``config.toml``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from imgforge.errors import InvalidInputError
from imgforge.fields import Table
from imgforge.indexes import INDEXES
from imgforge.indexes.settings import Index
from imgforge.settings.tables import Advisories, Archive, Malware, Npm, Settings, Sigstore, Ubuntu
from imgforge.settings.values import File, Source


def names() -> dict[tuple[str, ...], str]:
    """Return the variable that stands for each key: its place in the file → its name."""
    return {place: name for name, (place, _) in _VARIABLES.items()}


def _yes(value: str) -> object:
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    return known.get(value.lower(), value)


def _folders(value: str) -> object:
    return [part for part in value.split(os.pathsep) if part]


def _words(value: str) -> object:
    return [word for word in re.split(r"[\s,]+", value) if word]


def _mirrors(value: str) -> object:
    pairs = [item.partition("=") for item in re.split(r"[\s,]+", value) if item]
    return {host: prefix.rstrip("/") for host, _, prefix in pairs}


def _tls(value: str) -> object:
    """Read words such as ``registry.example.com:5000=ca.pem,client.pem,client.key``."""
    found = {}
    for word in value.split():
        place, _, files = word.partition("=")
        names = zip(("ca", "certificate", "key"), files.split(","), strict=False)
        found[place] = {key: name for key, name in names if name}
    return found


_READERS: dict[Any, Callable[[str], object]] = {
    bool: _yes,
    list[File]: _folders,
    list[Source]: str.split,
}
"""What makes a value of a variable's text, by the key's type; text is taken as it is."""


_DATABASE = "IMGFORGE_ADVISORIES_DATABASE"


def _named() -> dict[str, tuple[tuple[str, ...], Callable[[str], object]]]:
    found: dict[str, tuple[tuple[str, ...], Callable[[str], object]]] = {
        "IMGFORGE_BASES": (("bases",), _folders),
        "IMGFORGE_PROXY": (("network", "proxy"), str),
        "IMGFORGE_CA": (("network", "ca"), str),
        "IMGFORGE_INDEXES_USER_FILES": (("indexes", "user-files"), _yes),
        "IMGFORGE_REGISTRY_MIRRORS": (("registry", "mirrors"), _mirrors),
        "IMGFORGE_INSECURE_REGISTRIES": (("registry", "insecure"), _words),
        "IMGFORGE_REGISTRY_TLS": (("registry", "tls"), _tls),
    }
    tables: dict[str, type[Table]] = {
        "debian": Archive,
        "ubuntu": Ubuntu,
        "npm": Npm,
        "malware": Malware,
        "sigstore": Sigstore,
        "advisories": Advisories,
    }
    for table, model in tables.items():
        for field, about in model.model_fields.items():
            reader = _READERS.get(about.annotation, str)
            key = field.replace("_", "-")
            name = f"IMGFORGE_{table}_{field}".upper()
            found["IMGFORGE_DB" if name == _DATABASE else name] = ((table, key), reader)
    for manager in INDEXES:
        for key in Index.model_fields:
            found[f"IMGFORGE_INDEX_{manager}_{key}".upper()] = (("indexes", manager, key), str)
    return found


_VARIABLES = _named()
"""Variable → its key's place in the file, and what makes the value of its text."""


def read(environ: Mapping[str, str]) -> Settings:
    """Return what the environment sets. InvalidInputError naming each variable that is wrong."""
    table: dict[str, Any] = {}
    for name, (place, reader) in _VARIABLES.items():
        if environ.get(name):
            here = table
            for part in place[:-1]:
                here = here.setdefault(part, {})
            here[place[-1]] = reader(environ[name])
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        named = names()
        details = []
        for item in error.errors(include_url=False, include_input=False):
            place = tuple(str(part) for part in item["loc"])
            name = next((n for p, n in named.items() if place[: len(p)] == p), ".".join(place))
            hint = (item.get("ctx") or {}).get("hint")
            details.append(
                f"{name}: {item['msg'][:1].lower()}{item['msg'][1:]}"
                + (f"\n    hint: {hint}" if hint else "")
            )
        raise InvalidInputError("the environment is not valid", details=details) from error
