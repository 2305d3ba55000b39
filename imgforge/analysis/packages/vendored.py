"""Python distributions that others carry in themselves: pip, pipenv, older setuptools.

The list beside them (``pip/_vendor/vendor.txt``, of the tool "vendoring") has a requirement with
an exact version for each. Newer ones carry the metadata too, which then counts.
"""

from __future__ import annotations

import re
from typing import Final

from imgforge.analysis.facts import Package
from imgforge.analysis.packages.document import lines
from imgforge.analysis.packages.python import ECOSYSTEM, normal

NAMES: Final = frozenset({"vendor.txt", "vendored.txt"})

_PLACES: Final = ("/_vendor/vendor.txt", "/_vendor/vendored.txt", "/pipenv/vendor/vendor.txt")
_PIN: Final = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._-]{0,99})==([A-Za-z0-9.!+-]{1,99})\s*(?:[#;].*)?"
)


_MODULES: Final = {"setuptools": "pkg_resources", "pyyaml": "yaml"}


def wants(path: str, name: str) -> bool:
    """Whether this is such a list."""
    return name in NAMES and f"/{path}".endswith(_PLACES)


def read(path: str, data: bytes) -> list[Package]:
    """Return what is pinned to a version; comments, addresses and anything else is passed over."""
    pins = (_PIN.fullmatch(line) for line in lines(data).splitlines())
    found = sorted({(normal(pin[1]), pin[2]) for pin in pins if pin is not None})
    return [
        Package(ECOSYSTEM, name, version, "", "", "", (path, *_places(path, name)), found="lock")
        for name, version in found
    ]


def _places(path: str, name: str) -> list[str]:
    """Return where its code would lie: distributions take their own out and leave the list."""
    folder = path[: path.rfind("/") + 1]
    words = name.split("-")
    modules = {"_".join(words), words[0], words[-1], _MODULES.get(name, words[0])}
    return [f"{folder}{module}{end}" for module in sorted(modules) for end in ("", ".py")]
