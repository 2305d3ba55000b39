"""Advisories and what they hit: plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from imgforge.inventory import Component


class Severity(NamedTuple):
    """One rating.

    ``kind`` is ``CVSS_V2``, ``CVSS_V3`` or ``CVSS_V4``, and ``value`` then the vector; or it is who
    says the word that ``value`` is (``Ubuntu``, ``GHSA``).
    """

    kind: str
    value: str


class Advisory(NamedTuple):
    """What an advisory says (ossf.github.io/osv-schema), as far as anybody here needs it.

    Times are RFC 3339 as the database has them, empty if it says none; ``withdrawn`` ones never
    match. ``ecosystem`` is OSV's name with its release (``Debian:13``, ``PyPI``).
    """

    id: str
    ecosystem: str
    aliases: tuple[str, ...]
    summary: str
    severities: tuple[Severity, ...]
    published: str
    modified: str
    url: str
    malicious: bool = False
    """Whether the package itself is malware (``MAL-…``)."""

    @property
    def cves(self) -> tuple[str, ...]:
        """The CVE identifiers among the id and its aliases, sorted."""
        return tuple(sorted({n for n in (self.id, *self.aliases) if n.startswith("CVE-")}))


class Match(NamedTuple):
    """A component that an advisory hits.

    ``fixed`` is the least version that mends it and is not below the one that is there, empty if
    there is none yet. ``severities`` are those that the advisory gives this very package, else
    the advisory's.
    """

    component: Component
    advisory: Advisory
    fixed: str
    severities: tuple[Severity, ...]


class Unmatched(NamedTuple):
    """A component of which nobody can say whether an advisory hits it, and why (one line)."""

    component: Component
    reason: str
