"""Trivy's JSON report (``trivy … --format json``, schema version 2).

Source: trivy.dev/docs, "Reporting", and ``pkg/types/report.go`` of aquasecurity/trivy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.verify.conditions.shown import at, word
from imgforge.vulnerabilities.adapters import shapes
from imgforge.vulnerabilities.adapters.foreign import Foreign, Report
from imgforge.vulnerabilities.vex.said import line

NAME: Final = "trivy"
_SCORES: Final = (("V40Score", "V40Vector"), ("V3Score", "V3Vector"), ("V2Score", "V2Vector"))


def is_one(value: Mapping[str, Any]) -> bool:
    """Whether a document is such a report."""
    return value.get("SchemaVersion") == 2 and "matches" not in value  # noqa: PLR2004


def command(sbom: str, *, offline: bool) -> list[str]:
    """Return the command that scans a CycloneDX SBOM and prints its report."""
    quiet = ["--skip-db-update", "--skip-java-db-update", "--offline-scan"] if offline else []
    return ["trivy", "sbom", "--quiet", "--format", "json", *quiet, sbom]


def read(value: Mapping[str, Any]) -> Report:
    """Return what the report says; ValueError if it is malformed."""
    digests = [each.rpartition("@")[2] for each in _texts(at(value, "Metadata", "RepoDigests"))]
    image = word(value, "Metadata", "ImageID")
    return Report(
        NAME,
        line(value.get("ArtifactName")),
        (*digests, *([image] if image else [])),
        tuple(_found(value)),
    )


def _found(value: Mapping[str, Any]) -> Iterator[Foreign]:
    for number, result in enumerate(shapes.listed(value, "Results", "")):
        place = f"Results[{number}]."
        for index, one in enumerate(shapes.listed(result, "Vulnerabilities", place)):
            if not isinstance(one, dict):
                raise ValueError(f"{place}Vulnerabilities[{index}]: it is no object")  # noqa: TRY004
            yield _one(one)


def _one(one: Mapping[str, Any]) -> Foreign:
    called = shapes.identifier(one.get("VulnerabilityID"))
    # Who rated it comes first, then NVD, then whoever else.
    cvss = one.get("CVSS")
    ratings: Mapping[str, Any] = cvss if isinstance(cvss, dict) else {}
    source = word(one, "SeveritySource")
    ranked = [ratings.get(source), ratings.get("nvd"), *ratings.values()]
    pairs = [(at(r, score), at(r, vector)) for r in ranked for score, vector in _SCORES]
    score, vector = shapes.best(pairs)
    return Foreign(
        id=called,
        aliases=shapes.others(_texts(one.get("VendorIDs")) + _texts(one.get("Aliases")), called),
        purl=word(one, "PkgIdentifier", "PURL"),
        name=line(one.get("PkgName")),
        version=line(one.get("InstalledVersion")),
        path=line(one.get("PkgPath")).lstrip("/"),
        layer=word(one, "Layer", "Digest"),
        summary=line(one.get("Title")) or line(one.get("Description")),
        level=shapes.level(one.get("Severity"), [score for score, _ in pairs]),
        rated=line(source) or NAME,
        score=score,
        vector=vector,
        fixed=line(one.get("FixedVersion")).partition(",")[0].strip(),
        published=shapes.day(one.get("PublishedDate")),
        url=line(one.get("PrimaryURL")),
        source=NAME,
    )


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
