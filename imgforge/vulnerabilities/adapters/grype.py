"""Grype's JSON report (``grype … -o json``; ``grype/presenter/models`` of anchore/grype)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.verify.conditions.shown import at, word
from imgforge.vulnerabilities.adapters import shapes
from imgforge.vulnerabilities.adapters.foreign import Foreign, Report
from imgforge.vulnerabilities.vex.said import line

NAME: Final = "grype"


def is_one(value: Mapping[str, Any]) -> bool:
    """Whether a document is such a report."""
    return isinstance(value.get("matches"), list) and at(value, "descriptor", "name") == NAME


def command(sbom: str, *, offline: bool) -> list[str]:
    """Return the command that scans a CycloneDX SBOM and prints its report."""
    del offline  # that is an environment variable there
    return ["grype", f"sbom:{sbom}", "--quiet", "--output", "json"]


def read(value: Mapping[str, Any]) -> Report:
    """Return what the report says; ValueError if it is malformed."""
    target = at(value, "source", "target")
    digests = [d for key in ("manifestDigest", "imageID") if (d := word(target, key))]
    return Report(NAME, line(at(target, "userInput")), tuple(digests), tuple(_found(value)))


def _found(value: Mapping[str, Any]) -> Iterator[Foreign]:
    for index, one in enumerate(shapes.listed(value, "matches", "")):
        if not isinstance(at(one, "vulnerability"), dict):
            raise ValueError(f"matches[{index}]: it has no vulnerability")  # noqa: TRY004
        yield _one(one)


def _one(one: object) -> Foreign:
    known, artifact = at(one, "vulnerability"), at(one, "artifact")
    own = shapes.identifier(at(known, "id"))
    related = [at(each, "id") for each in shapes.listed(one, "relatedVulnerabilities", "")]
    names = (own, *shapes.others(related, own))
    cves = [name for name in names if name.startswith("CVE-")]
    called = cves[0] if len(cves) == 1 else own
    rated = [
        (at(each, "metrics", "baseScore"), at(each, "vector"))
        for each in sorted(shapes.listed(known, "cvss", ""), key=_version, reverse=True)
    ]
    score, vector = shapes.best(rated)
    versions = shapes.listed(at(known, "fix"), "versions", "")
    chances = [at(each, "epss") for each in shapes.listed(known, "epss", "")]
    place = next(iter(shapes.listed(artifact, "locations", "")), None)
    return Foreign(
        id=called,
        aliases=tuple(sorted(set(names) - {called})),
        purl=word(artifact, "purl"),
        name=line(at(artifact, "name")),
        version=line(at(artifact, "version")),
        path=line(at(place, "path")).lstrip("/"),
        layer=word(place, "layerID"),
        summary=line(at(known, "description")),
        level=shapes.level(at(known, "severity"), [score for score, _ in rated]),
        rated=line(at(known, "namespace")) or NAME,
        score=score,
        vector=vector,
        fixed=next((line(each) for each in versions if isinstance(each, str)), ""),
        published="",
        url=line(at(known, "dataSource")),
        source=NAME,
        exploited=bool(shapes.listed(known, "knownExploited", "")),
        probability=max((c for c in chances if isinstance(c, float) and 0 <= c <= 1), default=None),
    )


def _version(rating: object) -> str:
    return word(rating, "version")
