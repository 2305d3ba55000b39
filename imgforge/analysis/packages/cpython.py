"""Python itself, where nothing else lists it: by the header that says which release it belongs to.

Compilers turn so short a text as the version into instructions, so the program seldom has it.
"""

from __future__ import annotations

import re
from typing import Final

from imgforge.analysis.facts import Package

NAMES: Final = frozenset({"patchlevel.h"})

_VERSION: Final = re.compile(
    rb'^#define[ \t]+PY_VERSION[ \t]+"([0-9]+\.[0-9]+\.[0-9]+)', re.MULTILINE
)


def wants(path: str, name: str) -> bool:
    """Whether this is the header."""
    return name in NAMES and "include/python" in path


def read(path: str, data: bytes) -> list[Package]:
    """Return Python; ValueError if the header says no release."""
    found = _VERSION.search(data)
    if found is None:
        raise ValueError("the header says no version of Python")
    version = found[1].decode()
    cpe = f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"
    return [
        Package(
            "generic",
            "python",
            version,
            purl="",
            licence="",
            supplier="",
            paths=(path,),
            cpes=(cpe,),
            found="manifest",
        )
    ]
