"""A source that is to be imported, and the proof that it is the one that is meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from imgforge.errors import EvidenceError, InvalidInputError

if TYPE_CHECKING:
    from imgforge.signing.key import PublicKey

SUFFIX: Final = ".sigstore.json"
"""What a signature is called after the file that it is over."""

_BUNDLE: Final = 1 << 20


class Given(NamedTuple):
    """A source to import: ``name`` is what it is called from now on.

    ``sha256`` (hex) is what its file must be, or empty; ``bundle`` holds a signature by ``key``.
    ``tag`` is what a server said about the version, to be sent along the next time. ``written`` is
    when a file was last written (seconds since 1970; None: now): what it says cannot be newer.
    """

    name: str
    path: Path
    sha256: str = ""
    key: PublicKey | None = None
    bundle: Path | None = None
    tag: str = ""
    written: float | None = None


def proven(given: Given, digest: str) -> str:
    """Demand that what was read is what is expected; return how that is known, or nothing.

    EvidenceError if it is not, InvalidInputError if the signature cannot be read.
    """
    if given.sha256 and digest != f"sha256:{given.sha256}":
        raise EvidenceError(
            f"{given.path} is not what was expected",
            details=[f"wanted sha256:{given.sha256}", f"got    {digest}"],
        )
    if given.key is None:
        return "digest" if given.sha256 else ""
    from imgforge.signing import blob

    if given.path.is_dir() or given.bundle is None:
        raise InvalidInputError(f"{given.path} is a folder: a signature is over one file")
    try:
        with given.bundle.open("rb") as file:
            bundle = file.read(_BUNDLE + 1)
    except OSError as error:
        raise InvalidInputError(
            f"cannot read the signature of {given.path}: {given.bundle}: {error.strerror}",
            hint="it is made by: cosign sign-blob --bundle",
        ) from error
    if len(bundle) > _BUNDLE:
        raise InvalidInputError(f"the signature {given.bundle} is over {_BUNDLE} bytes")
    try:
        blob.verify_hash(bundle, bytes.fromhex(digest.removeprefix("sha256:")), given.key)
    except ValueError as error:
        raise EvidenceError(f"{given.path} is not signed by the key: {error}") from error
    return f"key {given.key.fingerprint}"
