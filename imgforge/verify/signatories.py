"""The signatories that a demand names, opened: their keys and roots are read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.types import sha256
from imgforge.verify.demand import SignedBy

if TYPE_CHECKING:
    from imgforge.signing.signatory import Signatory

MAX_FILE = 4 << 20
"""Bytes; the most that is read of a key or a trusted root."""


def opened(by: SignedBy, *, offline: bool = False) -> Signatory:
    """Return who must have signed; ``offline`` says that no service may be asked.

    InvalidInputError if a file cannot be read or is no public key, EvidenceError if it is not the
    one that the policy pins, or no trusted root.
    """
    return of(by, files(by), offline=offline)


def files(by: SignedBy) -> dict[Path, bytes]:
    """Return what the files hold that decide who ``by`` is; errors as of :func:`opened`."""
    found = {}
    for path, digest in by.pins:
        found[path] = read(path)
        check_pin(path, found[path], digest)
    return found


def of(by: SignedBy, files: Mapping[Path, bytes], *, offline: bool = False) -> Signatory:
    """Return who must have signed, as ``files`` say; errors as of :func:`opened`."""
    root = None
    if by.trusted_root is not None:
        root = files[by.trusted_root]
        _check_root(by.trusted_root, root)
    if by.key is not None:
        return _of_key(by, files[by.key], root, offline=offline)
    return _of_identity(by, root, offline=offline)


def read(path: Path) -> bytes:
    """Return a file that a demand names; InvalidInputError if it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        stored = re.match("(pkcs11|[a-z]+kms|hashivault|openbao|env|k8s):", str(path))
        hint = "imgforge key public KEY > release.pub, and name that" if stored else None
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}", hint=hint) from error
    if len(data) > MAX_FILE:
        raise InvalidInputError(f"{path} is over {MAX_FILE} bytes, and no key or trusted root")
    return data


def check_pin(path: Path, data: bytes, digest: str) -> None:
    """EvidenceError unless ``data``, which is ``path``'s, has ``digest``, if that is not empty."""
    if digest and sha256(data) != digest:
        raise EvidenceError(
            f"{path} is not the file that the policy pins",
            details=[f"pinned: {digest}", f"found:  {sha256(data)}"],
            hint="bring it back, or have the policy's owner pin the new one",
        )


def _of_key(by: SignedBy, key: bytes, root: bytes | None, *, offline: bool) -> Signatory:
    from imgforge.signing.key import PublicKey
    from imgforge.signing.signatory import ByKey

    public = PublicKey.from_pem(key, str(by.key))
    return ByKey(public, witnesses=by.witnesses, root=root, offline=offline)


def _of_identity(by: SignedBy, root: bytes | None, *, offline: bool) -> Signatory:
    from imgforge.signing.keyless import ByIdentity

    return ByIdentity(
        by.identity,
        by.issuer,
        root,
        offline=offline,
        claims=dict(by.claims),
        witnesses=by.witnesses,
    )


def _check_root(path: Path, root: bytes) -> None:
    from imgforge.signing import keyless

    keyless.check_root(root, str(path))
