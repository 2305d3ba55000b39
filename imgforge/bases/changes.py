"""What differs between a locked base and another: packages, where from, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from imgforge.bases.flaws import Flaws
from imgforge.errors import TransientError
from imgforge.lock import LockedBase, LockedPlatform
from imgforge.oci.types import Platform

ARROW = "→"
_NAMED = 3
"""Vulnerabilities that are named in a line."""


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package that differs; ``old`` is empty if it is new, ``new`` if it is gone.

    ``kind`` is the package's type as in a purl: ``deb``, ``pypi`` or ``npm``. ``platforms`` are
    those it differs on, ``mends`` the vulnerabilities that an advisory database knows of the old
    one and not of the new.
    """

    kind: str
    name: str
    old: str
    new: str
    security: bool = False
    platforms: tuple[Platform, ...] = ()
    mends: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--format json`` shows it."""
        return {
            "type": self.kind,
            "name": self.name,
            "old": self.old or None,
            "new": self.new or None,
            "security": self.security,
            "mends": list(self.mends),
            "platforms": [str(p) for p in self.platforms],
        }


@dataclass(frozen=True, slots=True)
class Changes:
    """All that differs; ``old`` and ``new`` are index digests, empty if there is none (yet).

    ``archives`` maps a suite to the dates (RFC 3339) of its old and new Release file, those that
    differ only.
    """

    old: str
    new: str
    packages: tuple[PackageChange, ...] = ()
    definition: bool = False
    archives: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    everywhere: tuple[Platform, ...] = ()
    """The platforms that were compared: those that both bases have."""

    def __bool__(self) -> bool:
        return bool(self.packages or self.definition or (self.new and self.new != self.old))

    @property
    def security(self) -> int:
        """How many packages change for security's sake."""
        return sum(change.security for change in self.packages)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--format json`` shows it."""
        return {
            "oldDigest": self.old or None,
            "newDigest": self.new or None,
            "definitionChanged": self.definition,
            "packages": [change.to_json() for change in self.packages],
            "archives": {s: {"old": o, "new": n} for s, (o, n) in self.archives.items()},
        }

    def lines(self) -> Iterator[str]:
        """Say in words what differs, a line each."""
        for change in self.packages:
            where = ""
            if set(change.platforms) != set(self.everywhere):
                where = f" ({', '.join(map(str, change.platforms))})"
            yield _spelt(change) + where + _why(change)
        for suite, (old, new) in self.archives.items():
            yield f"archive {suite}: {old} {ARROW} {new}"


def between(
    old: LockedBase,
    new: LockedBase,
    fixes: Mapping[str, str] | None = None,
    mended: Flaws | None = None,
) -> Changes:
    """Compare two pins of a base on the platforms that both have.

    ``fixes`` are the newest security updates by package name, see
    :class:`imgforge.bases.archive.Offer`; ``mended`` is what :func:`imgforge.bases.flaws.mended`
    says of the two.
    """
    gone = mended or {}
    both = tuple(sorted({p.platform for p in old.platforms} & {p.platform for p in new.platforms}))
    found: dict[tuple[str, str, str, str], list[Platform]] = {}
    for platform in both:
        before, after = _packages(old.on(platform)), _packages(new.on(platform))
        for kind, name in sorted(before.keys() | after.keys()):
            was, now = before.get((kind, name), ("", "")), after.get((kind, name), ("", ""))
            if was != now:
                found.setdefault((name, kind, was[0], now[0]), []).append(platform)
    return Changes(
        old.digest,
        new.digest,
        tuple(
            PackageChange(
                kind,
                name,
                was,
                now,
                (kind, name) in gone or (kind == "deb" and mends(name, was, now, fixes or {})),
                tuple(on),
                gone.get((kind, name), ()),
            )
            for (name, kind, was, now), on in sorted(found.items())
        ),
        definition=old.definition != new.definition,
        archives=_dates(old, new),
        everywhere=both,
    )


def mends(name: str, old: str, new: str, fixes: Mapping[str, str]) -> bool:
    """Whether ``new`` in place of ``old`` is a security update by the archive's own word.

    It is if the archive's security suite has one that is newer than ``old``.
    """
    from imgforge.bases.index import compare

    return bool(old and new and name in fixes and compare(fixes[name], old) > 0)


def is_security(suite: str) -> bool:
    """Whether a suite holds security updates alone."""
    return suite.endswith("-security")


def refuse_older(old: LockedBase, new: LockedBase) -> None:
    """Raise TransientError if ``new`` is of older archives: it could bring known holes back."""
    dates = _dates(old, new)
    late = [
        f"{suite}: {was} was locked, it is {now}"
        for suite, (was, now) in dates.items()
        if now < was
    ]
    if late:
        raise TransientError(
            f"the archives of base {new.name} are older than the lock",
            details=late,
            hint="the mirror is behind: try again or use another; if its age is intended, delete "
            "the lock and make it anew",
        )


def _dates(old: LockedBase, new: LockedBase) -> dict[str, tuple[str, str]]:
    before = {archive.suite: archive.date for archive in old.archives}
    after = {archive.suite: archive.date for archive in new.archives}
    return {s: (before[s], after[s]) for s in after if s in before and before[s] != after[s]}


def _packages(locked: LockedPlatform) -> dict[tuple[str, str], tuple[str, str]]:
    """Return version and what else tells two builds apart, by kind and name."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for layer in locked.layers:
        found |= {("deb", p.name): (p.version, p.sha256) for p in layer.packages}
        found |= {("pypi", w.name): (w.version, w.sha256) for w in layer.wheels}
        found |= {("npm", t.name): (t.version, t.sha256) for t in layer.tarballs}
    return found


def _why(change: PackageChange) -> str:
    if not change.security:
        return ""
    more = f" and {len(change.mends) - _NAMED} more" if len(change.mends) > _NAMED else ""
    return "  security" + (f": {', '.join(change.mends[:_NAMED])}{more}" if change.mends else "")


def _spelt(change: PackageChange) -> str:
    name = change.name if change.kind == "deb" else f"{change.name} ({change.kind})"
    if not change.old:
        return f"+ {name} {change.new}"
    if not change.new:
        return f"- {name} {change.old}"
    same = " (rebuilt)" if change.old == change.new else ""
    return f"  {name} {change.old} {ARROW} {change.new}{same}"
