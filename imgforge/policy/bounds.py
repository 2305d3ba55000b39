"""What a policy says, as plain data: it bounds images, and nothing downstream loosens it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from imgforge.errors import EvidenceError
from imgforge.policy.stacks import UNBOUND, Stacks
from imgforge.policy.trusted import Trust
from imgforge.policy.vulnerabilities import CHECK, USUAL, Vulnerabilities
from imgforge.severity import LEVELS, Level

if TYPE_CHECKING:
    from imgforge.checks.finding import Finding
    from imgforge.policy.licences import Licences
    from imgforge.verify.demand import Demand

FIRM: Final = ("IF04", "IF09", "IF205")
"""Checks, and groups of them, that no policy excuses or lowers: an image that is not what it says,
and what the policy says of itself."""

FLAGS: Final = (
    "allow_shell",
    "allow_package_manager",
    "allow_root",
    "allow_compiler",
    "allow_downloader",
    "allow_sudo",
    "allow_ssh",
)
"""The fields of :class:`Policy` that permit something."""


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


@dataclass(frozen=True, slots=True)
class Ignore:
    """Findings that somebody accepted: which, why, until which day (UTC), and who answers for it.

    ``path``, ``key`` and ``image`` are globs that are matched whole (``*`` crosses ``/``); a
    finding without a path or key matches ``*`` only. ``fingerprint``, if there is one, is exact.
    ``expires`` is the last day on which it holds.
    """

    check: str
    path: str
    reason: str
    expires: dt.date
    owner: str = ""
    image: str = "*"
    key: str = "*"
    fingerprint: str = ""

    def __str__(self) -> str:
        named = (("at", self.path), ("key", self.key), ("in image", self.image))
        parts = [f"{word} {glob}" for word, glob in named if glob != "*"]
        parts += [f"fingerprint {self.fingerprint}"] if self.fingerprint else []
        return " ".join([self.check, *parts])

    @property
    def said(self) -> str:
        """What a report says of it: the reason, the owner and the last day."""
        owner = f"{self.owner}, " if self.owner else ""
        return f"{self.reason} ({owner}until {self.expires})"

    def holds(self, finding: Finding, day: dt.date) -> bool:
        """Whether this accepts ``finding`` on ``day``.

        One for certain images accepts nothing before :meth:`Policy.about` has chosen it.
        """
        return (
            self.check == finding.check
            and not self.check.startswith(FIRM)
            and self.image == "*"
            and not self.expired(day)
            and fnmatchcase(finding.path, self.path)
            and fnmatchcase(finding.key, self.key)
            and self.fingerprint in {"", finding.fingerprint}
        )

    def expired(self, day: dt.date) -> bool:
        """Whether the last day has passed."""
        return day > self.expires


@dataclass(frozen=True, slots=True)
class Bases:
    """Which bases may be used, and why those of registries are believed.

    ``allow`` holds lists of globs, each of which must have the base; none bounds nothing. Globs
    are matched whole and ``*`` crosses ``/``. Of ``trust`` the first that matches counts.
    """

    allow: tuple[tuple[str, ...], ...] = ()
    trust: tuple[Trust, ...] = ()


@dataclass(frozen=True, slots=True)
class Images:
    """What one policy demands of images; of ``demands`` the first that matches counts.

    ``file`` says where that stands. ``delegated``: of an image that none matches, policies below it
    may say what is demanded.
    """

    demands: tuple[Demand, ...]
    file: str
    delegated: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """How much an image may have; None is no bound.

    ``size`` is in bytes of its layers as shipped (compressed), ``unpacked`` of its files,
    ``layers`` counts layers, ``age`` is in days since the image, ``base_age`` since its base was
    made.
    """

    size: int | None = None
    unpacked: int | None = None
    layers: int | None = None
    age: int | None = None
    base_age: int | None = None


@dataclass(frozen=True, slots=True)
class Delegate:
    """What a policy lets those below it decide: ids of checks whose findings they may accept.

    ``trust``: whether they may say why bases are believed of which it says nothing. Their
    exceptions and exemptions end ``max_days`` from now at the latest; None is no bound.
    """

    checks: frozenset[str] = frozenset()
    trust: bool = False
    max_days: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """``fail_on``: the least severity that fails the gate. ``day``: when the policy is applied.

    ``images`` has what each policy that says something of images demands of them, all of which
    must be met. ``severities`` sets the severity of checks, by id; ``floors`` are severities below
    which no finding of a check falls, whatever else is said. ``ignore`` are exceptions; those in
    ``inherited`` were made for more images than one.
    """

    fail_on: Level = "high"
    allow_shell: bool = False
    allow_package_manager: bool = False
    allow_root: bool = False
    allow_compiler: bool = False
    allow_downloader: bool = False
    allow_sudo: bool = False
    allow_ssh: bool = False
    severities: Mapping[str, Level] = field(default_factory=dict)
    budget: Budget = Budget()
    ignore: tuple[Ignore, ...] = ()
    bases: Bases = Bases()
    day: dt.date = field(default_factory=_today)
    floors: Mapping[str, Level] = field(default_factory=dict)
    inherited: tuple[Ignore, ...] = ()
    delegate: Delegate = Delegate()
    images: tuple[Images, ...] = ()
    licences: tuple[Licences, ...] = ()
    """What each policy that says something of licences allows, all of which must be met."""
    vulnerabilities: Vulnerabilities = USUAL
    stacks: Stacks = UNBOUND

    @property
    def exceptions(self) -> tuple[Ignore, ...]:
        """All exceptions, the inherited ones first."""
        return self.inherited + self.ignore

    def demands(self, image: str) -> tuple[Demand, ...]:
        """Return what is demanded of the image of this name (or repository), each by itself.

        EvidenceError if a policy that speaks of images says nothing of it, and lets nobody else.
        Nothing is returned only if no policy speaks of images.
        """
        found = []
        for images in self.images:
            first = next((d for d in images.demands if fnmatchcase(image, d.match)), None)
            if first is not None:
                found.append(first)
            elif not images.delegated:
                raise _unspoken(image, images.file)
        if self.images and not found:
            raise _unspoken(image, " or ".join(images.file for images in self.images))
        return tuple(found)

    def matching(self, image: str) -> tuple[Demand, ...]:
        """Return the same as far as something is said of that name; nothing is no error."""
        found = (
            next((d for d in images.demands if fnmatchcase(image, d.match)), None)
            for images in self.images
        )
        return tuple(each for each in found if each is not None)

    def severity(self, check: str, found: Level) -> Level:
        """Return the severity of a finding of ``check`` that the check itself calls ``found``."""
        own = self.severities.get(check, found)
        if check.startswith(FIRM):
            own = max(own, found, key=LEVELS.index)
        return max(own, self.floors.get(check, own), key=LEVELS.index)

    def limit(self, check: str) -> Level:
        """Return the least severity at which a finding of ``check`` fails."""
        own = self.vulnerabilities.fail_on
        return own if own is not None and check == CHECK else self.fail_on

    def about(self, image: str) -> Policy:
        """Return the policy for the image of this name: exceptions for others are left out."""

        def chosen(found: tuple[Ignore, ...]) -> tuple[Ignore, ...]:
            return tuple(
                dataclasses.replace(i, image="*") for i in found if fnmatchcase(image, i.image)
            )

        return dataclasses.replace(
            self, ignore=chosen(self.ignore), inherited=chosen(self.inherited)
        )


def _unspoken(image: str, where: str) -> EvidenceError:
    return EvidenceError(
        f"no [[images]] in {where} matches {image}, so nothing says what it must prove",
        hint="whoever owns that policy may add an entry that matches it",
    )
