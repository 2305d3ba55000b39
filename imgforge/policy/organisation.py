"""The organisation's policy: settings name it and pin it, by digest, by signature, or by both.

The machine's settings count whatever other settings are read (:data:`imgforge.files.SYSTEM`), so
that neither a user's file nor a variable takes their policy away. No variable stands for these
keys. Nothing is parsed before it is proven.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from imgforge import files, tomlfile
from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.types import sha256
from imgforge.policy import vulnerabilities
from imgforge.policy.bounds import Policy
from imgforge.tomlfile import Problem

if TYPE_CHECKING:
    from imgforge.signing.signer import Signer

SUFFIX: Final = ".sigstore.json"
"""What the bundle of a file's signature is called after the file's own name."""

MAX_BUNDLE: Final = 1 << 20
"""Bytes; a bundle without certificates has a few hundred."""

_KEYS: Final = ("file", "digest", "key")


@dataclass(frozen=True, slots=True)
class Pinned:
    """A policy that the file ``settings`` names: ``digest`` is ``sha256:<hex>`` or empty.

    ``key`` is the public key that must have signed it, if any.
    """

    settings: Path
    file: Path
    digest: str
    key: Path | None

    @property
    def files(self) -> tuple[Path, ...]:
        """What proves it: the key and the bundle beside the policy."""
        return () if self.key is None else (self.key, bundle_path(self.file))


def bundle_path(file: Path) -> Path:
    """Return where the signature of ``file`` lies."""
    return file.with_name(file.name + SUFFIX)


def pinned(environ: Mapping[str, str]) -> list[Pinned]:
    """Return the policies that settings pin, the machine's first; InvalidInputError if malformed.

    Not a byte of them is read.
    """
    found = []
    for path in files.pinning(environ):
        data, table = tomlfile.read(path)
        if "policy" in table:
            found.append(_pin(table["policy"], path, data))
    return found


def verified(pin: Pinned) -> bytes:
    """Return the bytes of the policy, proven; EvidenceError if they are not what ``pin`` says.

    InvalidInputError if it, its signature or the key cannot be read.
    """
    data = _read(pin.file, tomlfile.MAX_BYTES, f"the policy that {pin.settings} pins")
    if pin.digest and sha256(data) != pin.digest:
        raise EvidenceError(
            f"the policy {pin.file} is not the one that {pin.settings} pins",
            details=[f"pinned: {pin.digest}", f"found:  {sha256(data)}"],
            hint="bring the pinned one back, or have its owner pin the new one "
            "(imgforge policy digest)",
        )
    if pin.key is not None:
        verify(data, pin.file, pin.key)
    return data


def verify(data: bytes, file: Path, public: Path) -> str:
    """Demand that ``data``, which is ``file``'s, was signed by the key in the file ``public``.

    Return the key's fingerprint. EvidenceError if that is not proven, InvalidInputError if the
    bundle or the key cannot be read.
    """
    from imgforge.signing import blob, load_public

    key = load_public(public)
    bundle = _read(bundle_path(file), MAX_BUNDLE, f"the signature of {file}")
    try:
        blob.verify(bundle, data, key)
    except ValueError as error:
        raise EvidenceError(
            f"the policy {file} is not signed by {public}: {error}",
            hint="have its owner sign it: imgforge policy sign",
        ) from error
    return key.fingerprint


def sign(data: bytes, file: Path, signer: Signer) -> Path:
    """Write the signature over ``data``, which is ``file``'s, beside it; return where it lies.

    One that was there is replaced in one step. InvalidInputError if it cannot be written.
    """
    import tempfile

    from imgforge.signing import blob

    bundle, path = blob.sign(data, signer), bundle_path(file)
    try:
        fd, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        try:
            with os.fdopen(fd, "wb") as out:
                os.fchmod(fd, 0o644)
                out.write(bundle)
            Path(name).rename(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InvalidInputError(f"cannot write {path}: {error.strerror}") from error
    return path


def check_named(policy: Policy, file: Path) -> None:
    """InvalidInputError unless the pinned ``policy`` pins every file that it names in turn."""
    loose = [str(trust.file) for trust in policy.bases.trust if trust.file and not trust.digest]
    loose += [str(trust.file) for trust in policy.stacks.files if not trust.digest]
    loose += [
        v.place
        for v in policy.vulnerabilities.vex
        if v.place != vulnerabilities.ATTESTED and not v.digest
    ]
    demands = [demand for images in policy.images for demand in images.demands]
    for demand in demands:
        loose += [str(path) for by in demand.signed_by for path, digest in by.pins if not digest]
    if loose:
        raise InvalidInputError(
            f"{file} is pinned and names files that are not",
            details=loose,
            hint='give each a digest = "sha256:..." beside it (imgforge policy digest FILE)',
        )
    locks = [str(each.locked) for demand in demands for each in demand.attested if each.locked]
    if locks:
        raise InvalidInputError(
            f"{file} is pinned and names locks, which are not",
            details=locks,
            hint="a lock is a project's: name it in the project's own policy",
        )


def named_in(file: Path) -> tuple[Path, ...]:
    """Return the keys and roots that the policy in ``file`` names, as far as it can be read."""
    try:
        table: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ()
    images = _tables(table, "images")
    named: list[tuple[dict[str, Any], tuple[str, ...]]]
    named = [
        (trust, ("key", "trusted-root"))
        for bounded in ("bases", "stacks")
        for trust in _tables(table.get(bounded), "trust")
    ]
    for each in images:
        named += [(by, ("key", "trusted-root")) for by in _tables(each, "signed-by")]
        named += [(attested, ("locked",)) for attested in _tables(each, "attested")]
    names = [each.get(key) for each, keys in named for key in keys]
    found = [file.parent / name for name in names if isinstance(name, str)]
    return (*found, *_vex(file, table.get("vulnerabilities")))


def _vex(file: Path, table: object) -> list[Path]:
    """Return the VEX documents that a policy names and that are there."""
    named = table.get("vex") if isinstance(table, dict) else None
    texts = [each for each in named if isinstance(each, str)] if isinstance(named, list) else []
    return [path for each in texts for path in vulnerabilities.files(each, file.parent)]


def _tables(value: object, name: str) -> list[dict[str, Any]]:
    """Return a table's list of tables, as far as it is one."""
    found = value.get(name) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _pin(value: object, path: Path, data: bytes) -> Pinned:
    from imgforge.policy.kinds import DIGEST, TEXT

    if not isinstance(value, dict):
        raise tomlfile.invalid(str(path), data, [Problem(("policy",), "is not a table")])
    found, problems = {}, []
    for key, each in value.items():
        if key not in _KEYS:
            problems.append(Problem(("policy", key), "unknown key"))
            continue
        try:
            found[key] = (DIGEST if key == "digest" else TEXT).read(each)
        except ValueError as error:
            problems.append(Problem(("policy", key), str(error)))
    if "file" not in value:
        problems.append(Problem(("policy", "file"), "is required"))
    if "digest" not in value and "key" not in value:
        about = "is pinned by neither digest nor key: anybody could change it"
        problems.append(Problem(("policy",), about))
    if problems:
        raise tomlfile.invalid(str(path), data, problems)

    # No "~": whoever sets HOME would choose the key.
    key = path.parent / found["key"] if "key" in found else None
    return Pinned(path, path.parent / found["file"], found.get("digest", ""), key)


def _read(path: Path, limit: int, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read {what}: {path}: {error.strerror}") from error
    if len(data) > limit:
        raise InvalidInputError(f"{what}, {path}, is over {limit} bytes")
    return data
