"""What changes whenever catalogs do, without loading what reads settings: part of cache keys.

Git's and registries' stacks are pinned by the lock, which is a part of those keys already. What a
directory has, and whose signature counts, is not.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from imgforge.files import configs
from imgforge.oci.types import canonical_json, sha256

_KEYS = ("key", "trusted-root")


def of(stack: str) -> str:
    """Return a digest over what settings say of catalogs and what they have of ``stack``.

    Empty if no settings name a catalog, as is most usual.
    """
    config = next((path for path in configs(os.environ) if path.exists()), None)
    if config is None:
        return ""
    try:
        data = config.read_bytes()
        catalogs: Any = tomllib.loads(data.decode()).get("catalogs")
        if not catalogs:
            return ""
        said = [sha256(data)]
        for each in catalogs:
            named = [_path(config, each[key]) for key in _KEYS if key in each]
            if "directory" in each:
                folder = _path(config, each["directory"])
                # That another stack came is of interest, since names must be there once.
                said += sorted(p.name for p in folder.iterdir())
                named += sorted(p for p in (folder / stack).rglob("*") if p.is_file())
            said += [sha256(str(path).encode() + b"\0" + path.read_bytes()) for path in named]
    except (OSError, ValueError, TypeError, RecursionError, AttributeError, RuntimeError):
        return "unreadable"  # whoever reads it properly says what is wrong, and keeps nothing
    return sha256(canonical_json(said))


def _path(config: Path, name: str) -> Path:
    return config.parent / Path(name).expanduser()
