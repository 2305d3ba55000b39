"""Whether a base may be used at all: the policy's list, and why a registry's base is believed.

A base made here needs no more than its name on the list, since its packages are verified. One from
a registry is named by its repository, its pinned reference and, if a definition stands for it, the
definition's name; never by a tag, which anybody may write into a lock. What was proven is kept
under a digest over all that decided it, so an unchanged base asks no network again; exemptions and
the list are judged anew each time.
"""

from __future__ import annotations

import glob
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import cache
from imgforge.errors import BuildFailedError, EvidenceError, InvalidInputError
from imgforge.lock import LockedBase
from imgforge.oci.reference import Reference
from imgforge.oci.types import canonical_json, sha256

if TYPE_CHECKING:
    from imgforge.policy.bounds import Policy
    from imgforge.policy.trusted import Trust

_ENTRY = """add to the policy (--policy):
    [[bases.trust]]
    match = "{name}"
    key = "base.pub"   # or identity and issuer; or exempt, owner and expires"""
_LONGEST = 4096


def demand(
    base: LockedBase, policy: Policy, *, offline: bool = False, say: Callable[[str], None]
) -> str:
    """Demand that ``base`` may be used under ``policy``; return why it is believed, on one line.

    The line is empty for a base made here. InvalidInputError if the policy does not allow the base
    or says nothing of its registry, or if the lock contradicts itself; EvidenceError if the
    signature is missing or wrong or the exemption has expired; BuildFailedError if that is not
    known and this run is ``offline``; RegistryError and TransientError as registries give cause.
    """
    called = names(base)
    permit(base.name, policy, called)
    if base.source == "packages":
        check_title(base.name, base.digest)
        return ""
    entry = next(
        (t for t in policy.bases.trust if any(fnmatchcase(n, t.match) for n in called)), None
    )
    if entry is None:
        raise InvalidInputError(
            f"nothing says why the base {base.name} from a registry is to be believed",
            hint=_ENTRY.format(name=base.reference),
        )
    if entry.exempt:
        return _exempted(base, entry, policy)
    digest = base.upstream or base.digest
    return signed(f"base {base.name}", base.reference, digest, entry, offline=offline, say=say)


def permit(name: str, policy: Policy, known: tuple[str, ...] = ()) -> None:
    """InvalidInputError unless every list of the policy has the base, by a name of ``known``."""
    known = known or (name,)
    for allow in policy.bases.allow:
        if not any(fnmatchcase(n, glob) for n in known for glob in allow):
            raise InvalidInputError(
                f"the policy does not allow the base {name}",
                hint="its bases.allow lists: " + (", ".join(allow) or "nothing"),
            )


def names(base: LockedBase) -> tuple[str, ...]:
    """Return what the globs of a policy may match; InvalidInputError if the lock lies about it."""
    if base.source == "packages":
        return (base.name,)
    digest = base.upstream or base.digest
    if "/" in base.name:
        named = Reference.parse(base.name)
        own: tuple[str, ...] = ()
    else:
        from imgforge.bases.definitions import find

        registry = find(base.name)[0].registry
        if registry is None:
            raise InvalidInputError(
                f"base {base.name} is not taken from a registry, though the lock says so",
                hint="make it again with: imgforge lock",
            )
        named, own = Reference.parse(registry), (base.name,)
    pinned = named.digest in {None, digest} and (named.tag or "") == base.tag
    if named.name != base.reference or not pinned:
        raise InvalidInputError(
            f"the lock has {base.reference}@{digest} for the base {base.name}, which names {named}",
            hint="make it again with: imgforge lock",
        )
    return (*own, base.reference, f"{base.reference}@{digest}")


def check_title(name: str, digest: str) -> None:
    """InvalidInputError if what the cache has under ``digest`` is another base than ``name``.

    Names are what is asked for, and the digest beside one in a lock could be any base's made here.
    """
    from imgforge.bases import held
    from imgforge.oci.layout import Layout

    path = held(digest)
    if path is None:  # it is going to be made by that name, and its digest compared
        return
    layout = Layout(path)
    (top,) = layout.index()
    for image in layout.images(top):
        notes = layout.read_json(image).get("annotations") or {}
        if notes.get("org.opencontainers.image.title") != f"imgforge/{name}":
            raise InvalidInputError(
                f"what the lock calls the base {name} is another one",
                hint="make it again with: imgforge lock",
            )


def _exempted(base: LockedBase, entry: Trust, policy: Policy) -> str:
    if entry.expires is None or policy.day > entry.expires:
        raise EvidenceError(
            f"the exemption for the base {base.name} ended on {entry.expires}: {entry.exempt}",
            hint=f"ask {entry.owner}, who answers for it in the policy",
        )
    return f"exempt until {entry.expires}: {entry.exempt} ({entry.owner})"


def signed(
    what: str,
    reference: str,
    digest: str,
    entry: Trust,
    *,
    offline: bool,
    say: Callable[[str], None],
) -> str:
    """Demand that whom ``entry`` names signed ``digest`` in a repository; return who did.

    ``what`` names it in messages. What was proven before is not asked again. EvidenceError,
    BuildFailedError, RegistryError and TransientError as of :func:`demand`.
    """
    from imgforge import verify
    from imgforge.verify import signatories
    from imgforge.verify.demand import SignedBy

    by = SignedBy(
        key=entry.key,
        identity=entry.identity,
        issuer=glob.escape(entry.issuer),
        trusted_root=entry.trusted_root,
        digest=entry.digest,
    )
    files = signatories.files(by)
    secret = files[entry.file] if entry.file is not None else b""
    reason = "key" if entry.key else "root" if entry.trusted_root else "public"
    decides = [
        reference,
        digest,
        entry.match,
        entry.identity,
        entry.issuer,
        reason,
        sha256(secret),
    ]
    key = sha256(canonical_json(decides))
    path = cache.directory("trust") / key.removeprefix("sha256:")
    known = _recall(path)
    if known is not None:
        return known
    who = signatories.of(by, files)
    if offline:
        raise BuildFailedError(
            f"whether the {what} is signed is not known and this run is offline",
            hint="run it once with the network: what is proven is kept",
        )
    say(f"verifying the signature of {reference}@{digest}")
    line = "signed by " + verify.signature(Reference.parse(reference), digest, who, say=say)
    cache.write(path, line.encode())
    return line


def _recall(path: Path) -> str | None:
    if not cache.used(path):
        return None
    try:
        line = path.read_bytes()[:_LONGEST].decode()
    except (OSError, ValueError):
        return None
    return line if line.startswith("signed by ") and line.isprintable() else None
