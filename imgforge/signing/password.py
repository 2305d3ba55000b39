"""Where the password of a private key comes from."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from imgforge.errors import InvalidInputError

VARIABLES = ("IMGFORGE_KEY_PASSWORD", "COSIGN_PASSWORD")
_MAX = 4096


def read_foreign(file: Path | None = None) -> bytes:
    """Return the password of a key that is imported: from ``file``, or asked on a terminal.

    The variables hold the password that the key is given here. Errors as :func:`read`.
    """
    if file is not None:
        return _from_file(file)
    if not sys.stdin.isatty():
        raise InvalidInputError(
            "the key to import is encrypted, and nothing gives its password",
            hint="give --from-password-file",
        )
    return _ask(confirm=False, of="key to import")


def read(file: Path | None = None, *, confirm: bool = False) -> bytes:
    """Return the password: from ``file``, else the environment, else asked on a terminal.

    One line break at the file's end is not part of the password. ``confirm`` asks twice (for a
    new key). An empty variable is an empty password, as for cosign. InvalidInputError if there
    is no source, or if two answers differ.
    """
    if file is not None:
        return _from_file(file)
    for name in VARIABLES:
        value = os.environ.get(name)
        if value is not None:
            return os.fsencode(value)
    if not sys.stdin.isatty():
        raise InvalidInputError(
            "no password for the private key",
            hint=f"set {VARIABLES[0]} or give --password-file",
        )
    return _ask(confirm=confirm)


def _from_file(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            data = source.read(_MAX + 1)
    except OSError as error:
        raise InvalidInputError(
            f"cannot read the password file {file}: {error.strerror}"
        ) from error
    if len(data) > _MAX:
        raise InvalidInputError(f"the password file {file} is over {_MAX} bytes")
    return data.removesuffix(b"\n").removesuffix(b"\r")


def _ask(*, confirm: bool, of: str = "private key") -> bytes:
    import getpass

    answer = getpass.getpass(f"Password for the {of}: ")
    if confirm and getpass.getpass("The same again: ") != answer:
        raise InvalidInputError("the two passwords differ")
    return os.fsencode(answer)
