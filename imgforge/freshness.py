"""Whether the stored build still is what a new one would make: one key over all that decides it.

The key covers spec, lock, policy, stack, context, options, the day, what is known of malware and
of vulnerabilities, and imgforge's own code. When it holds, the stored evidence and every blob are
verified again, so an answer from here proves as much as a build does. A record that was not written
here, but came with a checkout, proves nothing: its writer knew all that the key covers.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import __version__, assets, cache, checkout, context, locks, malware
from imgforge.catalogs import stamp
from imgforge.errors import ImgforgeError, InvalidInputError
from imgforge.files import LOCK, pinning
from imgforge.oci.types import Descriptor, canonical_json, sha256
from imgforge.output import Output, Record

if TYPE_CHECKING:
    from imgforge.oci.layout import Layout
    from imgforge.signing.choice import SignWith
    from imgforge.signing.identity_token import Token
    from imgforge.signing.signatory import Signatory


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of a build that decide its result.

    ``token`` is the identity token with which ``sign`` will sign, if it was had without asking
    anybody; ``attested`` are predicates given from outside, type and JSON.
    """

    engine: str
    tags: Sequence[str]
    epoch: int | None
    policy: Path | None
    sign: SignWith | None
    secrets: Collection[str]
    platforms: Sequence[str] = ()
    token: Token | None = None
    attested: Sequence[tuple[str, bytes]] = ()


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
        # Locks beside the spec are no part of the context, but of what is said about the image.
        "locks": {name: sha256(_read(root / name)) for name in locks.lying(root)},
        "stack": assets.fingerprint(*folders),
        "catalogs": stamp.of(stack.partition("@")[0]),
        "context": content,
        # The same files may be of another commit now, and provenance must not name the old one.
        "source": checkout.stamp(root, os.environ),
        "policy": [sha256(data) for data in _policy(asked.policy)],
        # Support ends, exceptions and budgets run out: what passed yesterday need not pass today.
        "day": _today(),
        "advisories": _advisories(),
        "malware": malware.scanner(cache.directory("analysis")).identity,
        "engine": asked.engine,
        "epoch": asked.epoch,
        "tags": list(asked.tags),
        "platforms": list(asked.platforms),
        "signer": _signer(asked),
        "attested": [[kind, sha256(data)] for kind, data in asked.attested],
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
    if record is None or spec != record.spec or not output.made_here():
        return None, None
    content = None
    try:
        content = context.fingerprint(root, record.inputs, record.exclude)
        if key(spec, root, content, record.stack, asked) != record.key:
            return None, content
        _verify(output, record, asked)
    except (ImgforgeError, OSError, ValueError):
        # Whatever is wrong with the old build, a new one says it better or mends it.
        return None, content
    return record, content


def _advisories() -> str:
    """Return what changes with the database of advisories; empty if there is none."""
    from imgforge.advisories import whereabouts

    if not whereabouts.place().exists():
        return ""
    from imgforge.advisories.database import open_database

    with open_database() as held:
        return held.identity


def _signer(asked: Choices) -> str:
    if asked.sign is None or not asked.sign.anything:
        return ""  # nothing need be loaded to know that
    from imgforge.signing import choice

    return choice.name(asked.sign, asked.token)


def _verify(output: Output, record: Record, asked: Choices) -> None:
    from imgforge.oci.whole import verify_blobs

    for name, digest in record.evidence.items():
        if sha256((output.path / "evidence" / name).read_bytes()) != digest:
            raise InvalidInputError(f"{name} was changed")
    layout = output.layout()
    verify_blobs(layout, record.descriptor)
    listed = {each.digest for each in layout.index()}
    if not {referrer.digest for referrer in record.referrer_list} <= listed:
        raise InvalidInputError(f"{layout.place} does not list all evidence")
    if asked.sign is None or not asked.sign.anything:
        return
    from imgforge.signing import choice
    from imgforge.signing.statement import VULNERABILITIES
    from imgforge.vulnerabilities.built import FILE

    kinds = [kind for kind, _ in asked.attested]
    kinds += [VULNERABILITIES] if FILE in record.evidence else []
    _signed(layout, record, choice.stored(asked.sign, record.signer), kinds)


def _signed(layout: Layout, record: Record, who: Signatory, attested: Sequence[str]) -> None:
    """Demand that ``who`` signed each thing that a build signs, about what it is about."""
    from imgforge.oci.layout import references
    from imgforge.oci.types import INDEXES
    from imgforge.signing import statement
    from imgforge.signing.bundle import MAX_SIZE

    image = record.descriptor
    each = {statement.SIGNATURE, statement.PROVENANCE, statement.FINDINGS, *attested}
    boms = {statement.SPDX, statement.CYCLONEDX}
    missing = {(one.digest, kind) for one in layout.images(image) for kind in each | boms}
    if image.media_type in INDEXES:
        missing |= {(image.digest, kind) for kind in each}
    for referrer in record.referrer_list:
        manifest = layout.read_json(referrer)
        about = Descriptor.from_json(manifest.get("subject")).digest
        (bundle,) = references(manifest)[1:]
        try:
            said, _ = who.statement(layout.read(bundle, limit=MAX_SIZE))
        except ValueError:
            continue  # others may have signed, too
        if said.is_about(about):
            missing.discard((about, said.predicate_type))
    if missing:
        raise InvalidInputError(f"{len(missing)} statements about {image.digest} are not there")


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
