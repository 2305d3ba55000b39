"""Conditions on what attestations say: whether a proven predicate holds for an image.

Every condition fails closed: what is missing, of another type or of a format that is not known
here is a reason against it. Predicates are signed, and may be hostile all the same.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgforge.oci.layout import Blobs
    from imgforge.oci.types import Descriptor
    from imgforge.verify.demand import Attested


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

    Each reason is one line. InvalidInputError if the lock that the demand names cannot be read.
    """
    return [f"{attested.type}: {predicate!r:.0} is not judged yet {subject.day:%Y}"]
