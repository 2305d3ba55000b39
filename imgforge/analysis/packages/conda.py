"""Conda packages: one file each in an environment's ``conda-meta``.

Their fields are those of conda's package metadata and of the record of what was linked.
"""

from __future__ import annotations

from typing import Final

from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages import ownership
from imgforge.analysis.packages.document import listed, load_object, text, texts, word
from imgforge.analysis.packages.integrity import digest

ECOSYSTEM: Final = "conda"
FOLDERS: Final = frozenset({"conda-meta"})


def wants(path: str, name: str) -> bool:
    """Whether this records an installed package."""
    return name.endswith(".json") and f"/{path}".endswith(f"/conda-meta/{name}")


def read(path: str, data: bytes) -> list[Package]:
    """Return the one package; ValueError if it has no name or version."""
    fields = load_object(data)
    name, version = word(fields.get("name")), word(fields.get("version"))
    if not name or not version:
        raise ValueError("the record names no package and version")
    # A name that starts with two underscores is a property of the machine, no package.
    needs = {need.split()[0] for need in texts(fields.get("depends"))}
    return [
        Package(
            ECOSYSTEM,
            name,
            version,
            purl="",
            licence=text(fields.get("license")),
            supplier="",
            paths=(path,),
            hashes=digest("sha256", fields.get("sha256")),
            depends=tuple(sorted(need for need in needs if not need.startswith("__"))),
        )
    ]


def claims(path: str, data: bytes) -> list[Claim]:
    """Return the files of the package, from the folder of the environment."""
    fields = load_object(data)
    files = [file for file in listed(fields.get("files")) if isinstance(file, str)]
    prefix = path.rpartition("/")[0].rpartition("/")[0]
    return ownership.claim(path, f"{ECOSYSTEM}:{word(fields.get('name'))}", prefix, files)
