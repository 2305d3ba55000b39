"""What the building machine gives to steps that install: certificates and index settings.

Values go into files below a private folder, handed on as secret mounts, and are gone with it.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from imgforge.engines.protocol import BuildSecret
from imgforge.errors import InvalidInputError
from imgforge.indexes import AUTHORITY, INDEXES, KEYSTORE


def secrets(names: tuple[str, ...], folder: Path) -> dict[str, BuildSecret]:
    """Return the secrets that steps with the indexes ``names`` may mount: id → where it is.

    ``folder`` is private and lives as long as the build; what is not set is left out.
    InvalidInputError if the CA bundle is meant for Java and cannot be read.
    """
    found: dict[str, BuildSecret] = {}
    bundle = os.environ.get("SSL_CERT_FILE")
    if names and bundle and Path(bundle).is_file():
        found[AUTHORITY] = BuildSecret(Path(bundle))
        if any(INDEXES[name].java for name in names):
            found[KEYSTORE] = BuildSecret(_written(folder / KEYSTORE, _keystore(Path(bundle))))
    for name in names:
        index = INDEXES[name]
        settings = {n: os.environ[n] for n in index.variables if os.environ.get(n)}
        if settings:
            text = "".join(f"{n}={shlex.quote(value)}\n" for n, value in settings.items())
            found[index.secret] = BuildSecret(_written(folder / index.secret, text.encode()))
        for file in index.files:
            path = Path(os.environ.get(file.variable, "") or (Path.home() / file.home))
            if (file.home or os.environ.get(file.variable)) and path.is_file():
                found[file.secret] = BuildSecret(path)
    return found


def _keystore(bundle: Path) -> bytes:
    from imgforge import keystore

    try:
        found = keystore.certificates(bundle.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"SSL_CERT_FILE: cannot read {bundle}: {error}") from error
    return keystore.write(found)


def _written(path: Path, data: bytes) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    return path
