"""``maven.sha256``: what a Maven build resolved, as lines of ``sha256sum``.

Paths are those of a local repository (maven.apache.org, "Repository Layout"): GROUP as folders,
ARTIFACT, VERSION, file. It is the format of the summary file of Maven's trusted checksums too.
"""

from __future__ import annotations

import re
from typing import Final

from imgforge.locks.locked import Entry, Locked
from imgforge.locks.shape import Spot

_LINE: Final = re.compile(r"([0-9a-f]{64})  ((?:[\w.+-]+/)+)([\w.+-]+)/([\w.+-]+)/([\w.+-]+)")


def read(path: str, text: str) -> Locked:
    """Read the lock; a plug-in is not told from a library, so none is required of an image.

    A ``pom.xml`` of a parent is no package, and its line makes no entry.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        found = _LINE.fullmatch(line)
        if found is None or ".." in line:
            raise Spot(path, number).error(f"{line[:80]!r} is no SHA-256 with a repository's path")
        digest, group, name, version, file = found.groups()
        if file.endswith(".jar"):
            entries.append(
                Entry(
                    "maven",
                    name,
                    version,
                    number,
                    group.rstrip("/").replace("/", "."),
                    hashes=(f"sha256:{digest}",),
                    scope="build",
                )
            )
    return Locked(path, tuple(entries))
