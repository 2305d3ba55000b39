"""``gradle.sha256``: what a Gradle build resolved, as lines of ``sha256sum``.

Paths are those of ``caches/modules-2/files-2.1`` in Gradle's user home (docs.gradle.org, "The
Dependency Cache"): GROUP, ARTIFACT, VERSION, the file's SHA-1, file.
"""

from __future__ import annotations

import re
from typing import Final

from imgforge.locks.locked import Entry, Locked
from imgforge.locks.shape import Spot

_LINE: Final = re.compile(
    r"([0-9a-f]{64})  ([\w.+-]+)/([\w.+-]+)/([\w.+-]+)/[0-9a-f]{1,40}/([\w.+-]+)", re.ASCII
)


def read(path: str, text: str) -> Locked:
    """Read the lock; a plug-in is not told from a library, so none is required of an image.

    Only jars make entries: of poms and modules nothing is in an image.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        found = _LINE.fullmatch(line)
        if found is None or ".." in line:
            raise Spot(path, number).error(f"{line[:80]!r} is no SHA-256 with a path of files-2.1")
        digest, group, name, version, file = found.groups()
        if file.endswith(".jar"):
            hashes = (f"sha256:{digest}",)
            entries.append(
                Entry("maven", name, version, number, group, hashes=hashes, scope="build")
            )
    return Locked(path, tuple(entries))
