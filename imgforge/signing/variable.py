"""Keys in an environment variable: ``env://NAME``, as cosign reads them."""

from __future__ import annotations

import os
from collections.abc import Callable

from imgforge.errors import InvalidInputError
from imgforge.signing import key as keys
from imgforge.signing.signer import KeySigner


def open_key(uri: str, password: Callable[[], bytes]) -> KeySigner:
    """Open cosign's encrypted PEM in the variable; errors as :func:`.key.decrypt`."""
    pem, place = content(uri)
    return KeySigner(keys.decrypt(pem, password(), place))


def content(uri: str) -> tuple[bytes, str]:
    """Return what the variable of ``uri`` holds, and its name for messages.

    InvalidInputError if it is not set.
    """
    name = uri.removeprefix("env://")
    value = os.environ.get(name) if name else None
    if value is None:
        raise InvalidInputError(
            f"the variable {name!a} that {uri!a} names is not set",
            hint="env://NAME takes the text of a key file from $NAME",
        )
    return os.fsencode(value), f"${name}"
