"""Predicates held against demands, for tests of conditions."""

from __future__ import annotations

import datetime as dt

from imgforge.oci.layout import Blobs
from imgforge.oci.types import MANIFEST, Descriptor
from imgforge.verify.conditions import Judged, held
from imgforge.verify.demand import Attested

DAY = dt.date(2026, 11, 28)
IMAGE = Descriptor(MANIFEST, "sha256:" + "a" * 64, 100)


def against(
    predicate: object,
    kind: str,
    layout: Blobs | None = None,
    image: Descriptor = IMAGE,
    **demand: object,
) -> list[str]:
    """Return why ``predicate`` of type ``kind`` does not hold; ``demand`` is Attested's."""
    attested = Attested(kind, **demand)  # type: ignore[arg-type] # any of its fields
    reasons = held(attested, predicate, Judged(image.digest, layout, image, DAY))
    assert all(r.isascii() and r.isprintable() and len(r) < 1500 for r in reasons), reasons
    return reasons
