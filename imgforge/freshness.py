"""Whether the stored build still is what a new one would make: one key over all that decides it.

The key covers spec, lock, policy, stack, context, options, the day, what is known of malware, and
imgforge's own code. When it holds, the stored evidence and every blob are verified again, so an
answer from here proves as much as a build does.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgforge import __version__, assets, cache, checkout, context, malware
from imgforge.errors import ImgforgeError, InvalidInputError
from imgforge.files import LOCK, pinning, public_path
from imgforge.oci.types import canonical_json, sha256
from imgforge.output import Output, Record


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of a build that decide its result; ``key`` is the private key's path."""

    engine: str
    tags: Sequence[str]
    epoch: int | None
    policy: Path | None
    key: Path | None
    secrets: Collection[str]
    platforms: Sequence[str] = ()


def key(spec: str, root: Path, content: str, stack: str, asked: Choices) -> str:
    """Return the digest over everything that decides a build's result and its gate.

    ``spec`` is the spec's digest, ``content`` the fingerprint of the context. Raises
    InvalidInputError for what cannot be read, and whatever :func:`imgforge.malware.scanner` does.
    """
    folders = [assets.folder("templates"), assets.folder("stacks") / stack.partition("@")[0]]
    value = {
        "imgforge": __version__,
        "code": code(),
        "spec": spec,
        "lock": sha256(_read(root / LOCK)),
        "stack": assets.fingerprint(*folders),
        "context": content,
        # The same files may be of another commit now, and provenance must not name the old one.
        "source": checkout.stamp(root, os.environ),
        "policy": [sha256(data) for data in _policy(asked.policy)],
        # Support ends, exceptions and budgets run out: what passed yesterday need not pass today.
        "day": _today(),
        "malware": malware.scanner(cache.directory("analysis")).identity,
        "engine": asked.engine,
        "epoch": asked.epoch,
        "tags": list(asked.tags),
        "platforms": list(asked.platforms),
        "signer": public_fingerprint(asked.key),
        "secrets": sorted(asked.secrets),
    }
    return sha256(canonical_json(value))


def unchanged(
    spec: str, root: Path, output: Output, asked: Choices
) -> tuple[Record | None, str | None]:
    """Return the stored build if nothing that decides it changed and all of it still verifies.

    Beside it, the fingerprint of the context as far as it was taken, so that it is taken once.
    """
    record = output.record()
    if record is None or spec != record.spec:
        return None, None
    content = None
    try:
        content = context.fingerprint(root, record.inputs, record.exclude)
        if key(spec, root, content, record.stack, asked) != record.key:
            return None, content
        _verify(output, record, asked.key)
    except (ImgforgeError, OSError):
        # Whatever is wrong with the old build, a new one says it better or mends it.
        return None, content
    return record, content


def public_fingerprint(private: Path | None) -> str:
    """Digest of the public key file beside ``private``: it stands for the signer; or empty."""
    if private is None:
        return ""
    try:
        return sha256(public_path(private).read_bytes())
    except OSError as error:
        raise InvalidInputError(
            f"there is no public key {public_path(private)}",
            hint="it belongs beside the private key; imgforge key public writes it",
        ) from error


def _verify(output: Output, record: Record, private: Path | None) -> None:
    from imgforge import verify

    for name, digest in record.evidence.items():
        if sha256((output.path / "evidence" / name).read_bytes()) != digest:
            raise InvalidInputError(f"{name} was changed")
    layout = output.layout()
    if private is None:
        verify.verify_blobs(layout, record.descriptor)
        return
    wanted = verify.by_key(public_path(private), [verify.TYPES[name] for name in verify.OURS])
    verify.verify_layout(layout, record.descriptor, wanted, deep=True)


def _policy(path: Path | None) -> list[bytes]:
    """Return the bytes of all that decides the policy: the organisation's files, the keys named."""
    if path is None and not pinning(os.environ):
        return []  # nothing need be loaded to know that
    from imgforge import policy

    return [_read(file) for file in policy.files(path)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error


@functools.cache
def code() -> str:
    """Say which code this is: in a checkout it changes without its version."""
    package = Path(__file__).parent
    if not (package.parent / "pyproject.toml").is_file():
        return __version__
    return str(max(p.stat().st_mtime_ns for p in package.rglob("*.py")))


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().isoformat()
