"""Paths in the settings, which are named from the folder of the file that they stand in."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from imgforge.errors import InvalidInputError
from imgforge.fields import Table
from imgforge.indexes import settings as indexed
from imgforge.indexes.settings import Indexes
from imgforge.settings.tables import Organisation

_T = TypeVar("_T", bound=Table)


def anchored(table: _T, folder: Path) -> _T:
    """Return ``table`` with each path in it, and in the tables within, made one from ``folder``.

    A table names its keys that are paths in ``PATHS``. ``~`` is the home directory.
    Raises InvalidInputError if a path begins with a home directory that does not exist.
    """
    paths = getattr(table, "PATHS", ())
    changes: dict[str, object] = {}
    for name in table.model_fields_set:
        value = getattr(table, name)
        if name not in paths:
            changes[name] = _within(value, folder)
        elif isinstance(value, list):
            changes[name] = [_rooted(folder, each) for each in value]
        elif value is not None:
            changes[name] = _rooted(folder, value)
    return table.model_copy(update=changes)


def _within(value: object, folder: Path) -> object:
    if isinstance(value, Indexes):
        return indexed.anchored(value, folder)
    if isinstance(value, Organisation):
        named = {"file": value.file, "key": value.key}
        # No home directory may choose the key that counts.
        return value.model_copy(update={k: str(folder / n) for k, n in named.items() if n})
    if isinstance(value, Table):
        return anchored(value, folder)
    if isinstance(value, list):
        return [_within(each, folder) for each in value]
    if isinstance(value, dict):
        return {key: _within(each, folder) for key, each in value.items()}
    return value


def _rooted(folder: Path, name: str) -> str:
    try:
        return str(folder / Path(name).expanduser())
    except RuntimeError as error:
        raise InvalidInputError(f"{name}: there is no such home directory") from error
