"""Package indexes made of a few stanzas."""

from __future__ import annotations

from collections.abc import Iterable

from imgforge.bases import index
from imgforge.bases.index import Index


def stanza(name: str, version: str = "1", **fields: str) -> str:
    lines = {
        "Version": version,
        "Architecture": "amd64",
        **{key.replace("_", "-"): value for key, value in fields.items()},
        "Filename": f"pool/main/{name}_{version.rpartition(':')[2]}_amd64.deb",
        "Size": "10",
        "SHA256": "a" * 64,
    }
    return f"Package: {name}\n" + "".join(f"{key}: {value}\n" for key, value in lines.items())


def archive(*stanzas: str, updates: Iterable[str] = ()) -> Index:
    suites = (("trixie", stanzas), ("trixie-updates", updates))
    return Index((suite, index.split("\n".join(parts).encode())) for suite, parts in suites)
