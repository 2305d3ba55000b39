"""The lock and the files beside it that installing reads, looked at before anything is built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from imgforge import context
from imgforge.errors import InvalidInputError

MOST: Final = 1 << 20
"""Bytes of a settings file."""

_CREDENTIAL: Final = re.compile(
    r"""^\s*(?:\S*[:.])?["']?(_authToken|_auth|_password|npmAuthToken|npmAuthIdent)["']?"""
    r"""\s*[=:]\s*(?!["']?\$\{)\S""",
    re.ASCII,
)
"""A credential that npm (.npmrc, "Auth related configuration") or Yarn would read as it stands."""


def check(spec: Path, root: Path, inputs: Sequence[str]) -> None:
    """Demand that the lock of the project in ``root`` is there and its settings hold no secret.

    ``inputs`` are the plan's. Settings are copied into a build stage, where an engine's cache keeps
    them: a credential in one is an InvalidInputError that names its line, and so is a lock that is
    missing, with the command that makes it.
    """
    there = context.existing(root, inputs)
    if any(not (root / path).exists() for path in there):
        _missing(spec, root)
    found = [
        f"{path}:{number}: {name}"
        for path in there
        if path not in inputs  # those that are heeded: settings
        for number, name in _credentials(root / path)
    ]
    if found:
        raise InvalidInputError(
            "a credential stands in the settings of a package manager",
            details=found,
            hint="write ${NPM_TOKEN} there, declare the secret npm-token with [[build.secrets]], "
            "and replace the credential: it is no secret any more",
        )


def _missing(spec: Path, root: Path) -> None:
    from imgforge import project
    from imgforge.stack import lock_kind

    loaded = project.load(spec)
    lock = loaded.spec.app.lock
    kind = lock_kind(loaded.stack.definition, lock) if lock else None
    if lock and kind and not (root / lock).exists():
        raise InvalidInputError(
            f"{lock} does not exist", hint=f"make it, in its folder, with: {kind.mend}"
        )
    for stage in loaded.choice.stages:
        if lock and stage.prepared is not None and stage.prepared.kind == "backend":
            from imgforge.compiler import preparation
            from imgforge.hashed import backend

            fill = preparation(stage, loaded.spec, loaded.choice)
            if fill is not None:
                backend.demand(root, fill.parameters, loaded.spec.platforms[0])


def _credentials(path: Path) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            data = file.read(MOST + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > MOST:
        raise InvalidInputError(f"{path} is over {MOST >> 20} MiB, too large for settings")
    text = data.decode(errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        match = _CREDENTIAL.match(line)
        if match:
            yield number, match[1]
