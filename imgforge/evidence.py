"""What is said about an image beside it: SBOMs, provenance, findings, plan, Dockerfile; signed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from imgforge import __version__
from imgforge.oci.layout import Layout
from imgforge.oci.types import INDEXES, Descriptor, canonical_json, sha256
from imgforge.plan import BuildPlan

if TYPE_CHECKING:
    from imgforge.checks.finding import Finding
    from imgforge.inventory import Inventory
    from imgforge.signing.sealer import Sealer

PROVENANCE, FINDINGS = "provenance.json", "findings.json"


def files(
    plan: BuildPlan,
    dockerfile: str,
    images: Sequence[tuple[Descriptor, Inventory]],
    findings: Sequence[Finding],
    provenance: Mapping[str, object],
) -> dict[str, bytes]:
    """Return the evidence directory's files; with several platforms each has its own SBOMs."""
    return {
        "Dockerfile": dockerfile.encode(),
        "plan.json": plan.text().encode(),
        **documents(images, findings, provenance, name=plan.name, created=plan.epoch),
    }


def documents(
    images: Sequence[tuple[Descriptor, Inventory]],
    findings: Sequence[Finding],
    provenance: Mapping[str, object],
    *,
    name: str,
    created: int,
) -> dict[str, bytes]:
    """Return what is signed about the image ``name``; ``created`` is in seconds since 1970."""
    from imgforge.provenance.build import with_byproducts
    from imgforge.sbom import cyclonedx, spdx

    out: dict[str, bytes] = {}
    for image, inventory in images:
        suffix = _suffix(image, len(images))
        out[f"sbom{suffix}.spdx.json"] = spdx.render(inventory, name=name, created=created)
        out[f"sbom{suffix}.cdx.json"] = cyclonedx.render(inventory, name=name, created=created)
    # Findings are no byproduct there: they have the day, and provenance has none.
    made = with_byproducts(provenance, {file: sha256(data) for file, data in out.items()})
    return {**out, PROVENANCE: canonical_json(made), FINDINGS: findings_json(findings)}


def findings_json(findings: Sequence[Finding], day: dt.date | None = None) -> bytes:
    """Return findings as the predicate that is signed: who looked, on which day, what was found.

    ``day`` (UTC) is today if it is not given; no time, for the same day's bytes are the same.
    """
    value = {
        "scanner": f"imgforge {__version__}",
        "day": (day or dt.datetime.now(dt.UTC).date()).isoformat(),
        "findings": [f.to_json() for f in findings],
    }
    return json.dumps(value, indent=2, sort_keys=True).encode() + b"\n"


def sign(
    layout: Layout,
    image: Descriptor,
    evidence: Mapping[str, bytes],
    sealer: Sealer,
    *,
    name: str,
    created: int,
    attested: Sequence[tuple[str, bytes]] = (),
) -> list[Descriptor]:
    """Sign the image, every platform of an index, and all that :func:`documents` say of each.

    ``attested`` are further predicates (type and JSON), of each platform and of the index.
    """
    from imgforge.signing import statement
    from imgforge.signing.image import attach_all, said_of

    whole = [
        (statement.PROVENANCE, evidence[PROVENANCE]),
        (statement.FINDINGS, evidence[FINDINGS]),
        *attested,
    ]
    images = layout.images(image)
    said = []
    for one in images:
        suffix = _suffix(one, len(images))
        predicates = [
            (statement.SPDX, evidence[f"sbom{suffix}.spdx.json"]),
            (statement.CYCLONEDX, evidence[f"sbom{suffix}.cdx.json"]),
            *whole,
        ]
        said += said_of(one, name=name, predicates=predicates)
    if image.media_type in INDEXES:
        said += said_of(image, name=name, predicates=whole, subjects=images)
    return attach_all(layout, said, sealer, created)


def file_of(kind: str) -> str:
    """Return what the file of a predicate that was given from outside is called here."""
    from imgforge.signing.statement import TYPES

    short = next((name for name, uri in TYPES.items() if uri == kind), None)
    return f"{short or 'attested-' + sha256(kind.encode())[7:19]}.json"


def _suffix(image: Descriptor, platforms: int) -> str:
    return "" if platforms == 1 else "-" + str(image.platform).replace("/", "-")
