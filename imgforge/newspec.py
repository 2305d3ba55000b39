"""Writing a spec that was not there: in one step, and never over one that came meanwhile."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from imgforge.errors import InvalidInputError


def demand_free(target: Path) -> None:
    """Raise InvalidInputError if anything is at ``target``."""
    if os.path.lexists(target):
        raise InvalidInputError(
            f"{target} is there already", hint="--force replaces it, --stdout prints another"
        )


def write(target: Path, text: str, *, replace: bool) -> None:
    """Write the spec; InvalidInputError if there is one and not ``replace``, or it cannot be."""
    if not replace:
        demand_free(target)
    try:
        handle, name = tempfile.mkstemp(prefix=".imgforge-", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                os.fchmod(file.fileno(), 0o644)
            if replace:
                Path(name).replace(target)
            else:
                os.link(name, target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
    except FileExistsError as error:
        raise InvalidInputError(f"{target} is there already") from error
    except OSError as error:
        raise InvalidInputError(f"cannot write {target}: {error.strerror or error}") from error
