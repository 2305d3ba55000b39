"""Where the advisory database is: apart, since most runs only ask whether there is one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from imgforge.files import configs

FILE: Final = "advisories.sqlite"
FILL: Final = (
    "import OSV's dump of each ecosystem, such as\n"
    "      imgforge db import https://osv-vulnerabilities.storage.googleapis.com/Debian/all.zip"
)
"""What to do where there is none, or an empty one."""


def place(path: Path | None = None) -> Path:
    """Return where the database is: ``path``, ``IMGFORGE_DB``, the settings', the cache's."""
    if path is not None:
        return path
    from imgforge import cache

    named = _named(os.environ)
    return Path(named) if named else cache.directory("advisories") / FILE


def _named(environ: Mapping[str, str]) -> str | None:
    # The settings' own library takes longer to import than all else that an unchanged build does.
    if not environ.get("IMGFORGE_CONFIG") and not environ.get("IMGFORGE_DB"):
        path = next((path for path in configs(environ) if path.is_file()), None)
        data = b"" if path is None else path.read_bytes()
        # A key may be written with escapes.
        if b"advisories" not in data and b"\\" not in data:
            return None
    from imgforge import settings

    return settings.load(environ).advisories.database
