"""Conditions on what attestations say: whether a proven predicate holds for an image.

Every condition fails closed: what is missing, of another type or of a format that is not known
here is a reason against it. Predicates are signed, and may be hostile all the same.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from imgforge.verify.conditions import provenance, sbom, scans
from imgforge.verify.conditions import where as pointed
from imgforge.verify.conditions.shown import Unreadable

if TYPE_CHECKING:
    from imgforge.oci.layout import Blobs
    from imgforge.oci.types import Descriptor
    from imgforge.verify.demand import Attested

MAX_REASONS: Final = 20
"""Of one predicate; who wants to know more reads it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a predicate is held against.

    ``digest`` is the subject that was asked for, ``image`` the manifest it speaks of, in
    ``layout``; None if nobody fetched its layers, and then no SBOM is known to be true. ``day`` is
    the day (UTC) on which ages are counted.
    """

    digest: str
    layout: Blobs | None
    image: Descriptor
    day: dt.date


def held(attested: Attested, predicate: object, subject: Judged) -> list[str]:
    """Return why ``predicate`` (decoded JSON) is not what is demanded; nothing if it holds.

    Each reason is one line of printable ASCII. InvalidInputError if the lock that the demand names
    cannot be read; what :func:`imgforge.analysis.analyse` raises if layers could not be looked at,
    but for CorruptLayoutError, which is a reason.
    """
    found: list[str] = []
    for asked in _asked(attested, predicate, subject):
        try:
            found += itertools.islice(asked, MAX_REASONS + 1)
        except Unreadable as error:
            found.append(str(error))
    return found if len(found) <= MAX_REASONS else [*found[:MAX_REASONS], "and more"]


def _asked(attested: Attested, predicate: object, subject: Judged) -> Iterator[Iterator[str]]:
    """Yield the conditions there are; each says its reasons when it is asked."""
    where = (attested.builder, attested.source, attested.ref, attested.build_type, attested.locked)
    if any(where):
        yield provenance.reasons(attested, predicate)
    # Whoever demands an SBOM means one, not whatever has its type.
    if attested.true or sbom.is_sbom(attested.type):
        yield sbom.reasons(attested, predicate, subject)
    if attested.below is not None or attested.max_age is not None:
        yield scans.reasons(attested, predicate, subject.day)
    if attested.where:
        yield pointed.reasons(attested.where, predicate)
