"""The ways to sign, and how each tool is told of them: keys, keys with witnesses, identities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import realcosign
from livesigstore import LiveSigstore
from realcosign import NO_LOG, NO_SERVICES
from running import Key

Flags = tuple[str | Path, ...]

WAYS = ("key", "witnessed-key", "person", "workflow")


@dataclass(frozen=True, slots=True)
class Way:
    """One way, as flags of our command line and of cosign's; ``env`` and
    ``cosign_env`` are what signing needs. ``folder`` is a place to run in."""

    name: str
    folder: Path
    sign: Flags
    verify: Flags
    cosign_sign: Flags
    cosign_verify: Flags
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cosign_env: Mapping[str, str] = field(default_factory=dict, repr=False)


def way(name: str, key: Key, sigstore: LiveSigstore, folder: Path) -> Way:
    """Return a way to sign; what it writes lies in ``folder``."""
    trust, root = sigstore.trust_config, sigstore.trusted_root
    if name in {"key", "witnessed-key"}:
        signed: Flags = ()
        proven: Flags = ()
        ours: Flags = NO_SERVICES
        theirs: Flags = NO_LOG
        if name == "witnessed-key":
            signed = ("--log", "--timestamp", "--trust-config", trust)
            proven = ("--trusted-root", root, "--log", "required", "--timestamp", "required")
            ours, theirs = realcosign.services(sigstore), ("--trusted-root", root)
        return Way(
            name,
            folder,
            ("--key", key.private, *signed),
            ("--key", key.public, *proven),
            ("--key", key.private, *ours),
            ("--key", key.public, *theirs),
            key.env,
            {"COSIGN_PASSWORD": key.env["IMGFORGE_KEY_PASSWORD"]} if key.env else {},
        )
    env: dict[str, str] = {}
    if name == "person":
        token, who, issuer = sigstore.token(), "dev@example.com", sigstore.issuer
        path = folder / "token"
        path.write_text(token, encoding="utf-8")
        path.chmod(0o600)
        given: Flags = ("--identity-token", path)
    else:
        env, who, issuer = sigstore.github_env(), sigstore.workflow(), sigstore.github_issuer
        token, given = realcosign.github(sigstore), ()
    return Way(
        name,
        folder,
        ("--keyless", *given, "--trust-config", trust),
        ("--identity", who, "--issuer", issuer, "--trusted-root", root),
        ("--identity-token", token, *realcosign.services(sigstore)),
        (
            *("--certificate-identity", who, "--certificate-oidc-issuer", issuer),
            *("--trusted-root", root),
        ),
        env,
    )


def strangers(way: Way, other: Key, sigstore: LiveSigstore) -> list[Way]:
    """Return ways of which none may accept what was signed in ``way``."""
    root = ("--trusted-root", sigstore.trusted_root)
    ours, theirs = way.verify, way.cosign_verify
    found = []
    if "--key" in ours:
        public = ours[ours.index("--key") + 1]
        found.append((swapped(ours, public, other.public), swapped(theirs, public, other.public)))
        who, issuer = "dev@example.com", sigstore.issuer
        found.append(_identity(who, issuer, root))
        if root[0] not in ours:  # signed with no witness
            demand = ("--log", "required", *root)
            found.append(((*ours, *demand), ("--key", public, *root)))
        return [replace(way, verify=one, cosign_verify=two) for one, two in found]
    who, issuer = (str(ours[ours.index(flag) + 1]) for flag in ("--identity", "--issuer"))
    found += [
        _identity(who + "x", issuer, root),
        _identity(who[1:], issuer, root),
        _identity(who, issuer + "/", root),
        _identity(who, "https://token.actions.githubusercontent.com", root),
        (("--key", other.public, *root), ("--key", other.public, *root)),
    ]
    return [replace(way, verify=one, cosign_verify=two) for one, two in found]


def swapped(flags: Flags, old: str | Path, new: str | Path) -> Flags:
    """Return ``flags`` with ``new`` in place of ``old``."""
    return tuple(new if flag == old else flag for flag in flags)


def older(way: Way, sigstore: LiveSigstore) -> Way:
    """Return the way in which cosign signs in its older formats, with timestamps and no log."""
    timed = ("--use-signed-timestamps",)
    old = ("--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false")
    if way.name == "key":
        key = way.cosign_sign[:2]
        return replace(way, cosign_sign=(*key, *old))
    urls = ("--fulcio-url", sigstore.fulcio, "--timestamp-server-url", sigstore.tsa)
    return replace(
        way,
        verify=(*way.verify, "--log", "waived", "--timestamp", "required"),
        cosign_sign=(*way.cosign_sign[:2], *old, *urls),
        cosign_verify=(*way.cosign_verify, *NO_LOG, *timed),
    )


def _identity(who: str, issuer: str, root: Flags) -> tuple[Flags, Flags]:
    return (
        ("--identity", who, "--issuer", issuer, *root),
        ("--certificate-identity", who, "--certificate-oidc-issuer", issuer, *root),
    )
