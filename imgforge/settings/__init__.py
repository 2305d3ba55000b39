"""Settings of the machine or the organisation: where archives, registries and bases are found.

They stand in ``config.toml``: the file that ``IMGFORGE_CONFIG`` names, else
``$XDG_CONFIG_HOME/imgforge/config.toml``, else ``/etc/imgforge/config.toml``; the first that exists
is the only one read. Variables of the environment win over it, each named after its key:
``IMGFORGE_DEBIAN_MIRROR`` is ``mirror`` in ``[debian]``. Nothing here can change what a lock pins:
settings decide where bytes come from, never which bytes are right; and they pin the policy by
which images are judged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from imgforge import tomlfile
from imgforge.errors import InvalidInputError
from imgforge.fields import Table
from imgforge.files import configs
from imgforge.settings import variables
from imgforge.settings.catalog import Catalog
from imgforge.settings.paths import anchored
from imgforge.settings.tables import Archive, Settings, Ubuntu
from imgforge.settings.values import moment

__all__ = ["Archive", "Catalog", "Settings", "Ubuntu", "load", "moment", "variables"]

_T = TypeVar("_T", bound=Table)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; the defaults where there is no file. InvalidInputError if it is wrong.

    Paths in the file are relative to its folder, those in the environment to the present one.
    """
    environ = os.environ if environ is None else environ
    path = _path(environ)
    settings = Settings()
    if path is not None:
        data, table = tomlfile.read(path)
        settings = anchored(tomlfile.validate(Settings, table, data, str(path)), path.parent)
    return _over(settings, anchored(variables.read(environ), Path()))


def _path(environ: Mapping[str, str]) -> Path | None:
    named = environ.get("IMGFORGE_CONFIG")
    if named:
        if not Path(named).is_file():
            raise InvalidInputError(f"IMGFORGE_CONFIG names {named}, which is no file")
        return Path(named)
    return next((path for path in configs(environ) if path.is_file()), None)


def _over(below: _T, above: _T) -> _T:
    """Return ``below`` with every key that ``above`` was given, also in tables within."""
    changes: dict[str, object] = {}
    for name in above.model_fields_set:
        value, old = getattr(above, name), getattr(below, name)
        both = isinstance(value, Table) and isinstance(old, Table)
        changes[name] = _over(old, value) if both else value
    return below.model_copy(update=changes)
