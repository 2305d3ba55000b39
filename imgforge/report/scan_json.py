"""A scan as JSON, for programs; :func:`json_schema` describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from imgforge import __version__
from imgforge.checks.finding import Severity
from imgforge.report.jsonschema import about, described
from imgforge.vulnerabilities import cure
from imgforge.vulnerabilities.baseline import VERSION as _READ
from imgforge.vulnerabilities.vulnerability import STATUSES

if TYPE_CHECKING:
    import datetime as dt

    from imgforge.errors import ImgforgeError
    from imgforge.scanning import Image, Result
    from imgforge.vulnerabilities.baseline import Changes
    from imgforge.vulnerabilities.judging import Verdict
    from imgforge.vulnerabilities.scanned import Knowledge
    from imgforge.vulnerabilities.vex.applied import Applied

VERSION: Final = _READ
"""Of the format. It grows when a key goes or changes its meaning; new keys may come any time."""

_ITSELF: Final = ("IF200", "IF201", "IF203", "IF204")
"""Checks whose findings the lists of vulnerabilities and unmatched components are."""


def render(
    results: Sequence[Result],
    day: dt.date,
    knowledge: Knowledge,
    *,
    failed: Sequence[tuple[str, ImgforgeError]] = (),
    changes: Changes | None = None,
) -> str:
    """Return one JSON object: all that was scanned, all that could not be, and what is new."""
    out = value(results, day, knowledge)
    out["failed"] = [{"target": name, "error": error.message} for name, error in failed]
    if failed:
        out["passed"] = False
    if changes is not None:
        out["changes"] = {
            "against": changes.against,
            "new": [each._asdict() for each in changes.new],
            "gone": [each._asdict() for each in changes.gone],
            "lost": list(changes.lost),
        }
    return _written(out)


def _written(out: Mapping[str, Any]) -> str:
    """Return JSON with an entry a line: indenting all of it takes as long as the scan."""
    lines = []
    for key, each in out.items():
        if isinstance(each, list) and each:
            text = "[\n    " + ",\n    ".join(map(json.dumps, each)) + "\n  ]"
        else:
            text = json.dumps(each)
        lines.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def value(
    results: Sequence[Result], day: dt.date, knowledge: Knowledge, *, plain: bool = False
) -> dict[str, Any]:
    """Return the object; with ``plain`` without paths of this machine, as it may be published."""
    out: dict[str, Any] = {
        "version": VERSION,
        "tool": {"name": "imgforge", "version": __version__},
        "day": str(day),
        "passed": all(result.report.passed for result in results),
    }
    if knowledge.identity:
        out["database"] = {"identity": knowledge.identity, "day": str(knowledge.day or "")}
    out["targets"] = [_target(result, plain=plain) for result in results]
    return out


def _target(result: Result, *, plain: bool) -> dict[str, Any]:
    report = result.report
    gate: dict[str, Any] = {"failOn": report.fail_on, "passed": report.passed}
    gate |= {"vulnerabilities": report.vulnerable_on} if report.vulnerable_on else {}
    gate |= {"policy": report.policy} if report.policy else {}
    out = {
        "target": result.title if plain else result.target,
        "name": result.title,
        "digest": result.digest,
        "read": "" if plain else result.origin,
        "gate": gate,
        "images": [_image(image, plain=plain) for image in result.images],
    }
    return {key: each for key, each in out.items() if each != ""}


def _image(image: Image, *, plain: bool) -> dict[str, Any]:
    inventory = image.scanned.inventory
    system = inventory.system
    out: dict[str, Any] = {
        "platform": image.platform,
        "digest": inventory.digest,
        "system": f"{system.id} {system.version}".strip() if system else "",
        "components": len(inventory.components),
        "vulnerabilities": [vulnerability(each) for each in image.verdicts],
        "unmatched": [
            {"purl": each.component.package.purl, "reason": each.reason}
            for each in image.scanned.unmatched
        ],
        "left": [
            {
                "id": each.vulnerability.id,
                "purl": each.vulnerability.component.package.purl,
                "owner": each.owner.package.purl,
            }
            for each in image.scanned.left
        ],
        "vex": [_vex(each, plain=plain) for each in image.scanned.documents],
        "findings": [f.to_json() for f in image.findings if f.check not in _ITSELF],
    }
    return {key: each for key, each in out.items() if each != ""}


def vulnerability(verdict: Verdict) -> dict[str, Any]:
    """Return the object of one vulnerability; what is empty is left out."""
    one, excuse = verdict.vulnerability, verdict.excuse
    package, said = one.component.package, one.statement
    out: dict[str, Any] = {
        "id": one.id,
        "aliases": list(one.aliases),
        "purl": package.purl,
        "package": package.name,
        "version": package.version,
        "fixed": one.fixed,
        "level": one.level,
        "rated": one.rated,
        "score": one.score or "",
        "vector": one.vector,
        "judged": verdict.level,
        "raised": verdict.raised,
        "fails": verdict.fails,
        "exploited": one.exploited,
        "malicious": one.malicious,
        "probability": "" if one.probability is None else one.probability,
        "published": one.published,
        "summary": one.summary,
        "url": one.url,
        "source": one.source,
        "part": one.component.part,
        "declared": one.component.declared,
        "path": package.paths[0] if package.paths else "",
        "inside": package.inside,
        "layer": package.layer,
        "cure": cure.action(one),
    }
    if said is not None:
        out["vex"] = {
            "document": said.document,
            "statement": said.number,
            "status": said.status,
            "justification": said.justification,
            "author": said.author,
            "time": said.time,
        }
    if excuse is not None:
        out["excused"] = {"reason": excuse.reason, "by": excuse.by, "until": excuse.until}
    return {key: each for key, each in out.items() if each != ""}


def _vex(applied: Applied, *, plain: bool) -> dict[str, Any]:
    document = applied.document
    return {
        "document": PurePath(document.place).name if plain else document.place,
        "format": document.format,
        "author": document.author,
        "digest": document.digest,
        "statements": len(document.statements),
        "matched": list(applied.matched),
        "refused": [*document.refused, *(f"statement {n}: of the future" for n in applied.late)],
    }


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what :func:`render` writes."""
    text, flag = {"type": "string"}, {"type": "boolean"}
    count = {"type": "integer", "minimum": 0}
    texts = {"type": "array", "items": text}
    severity = {"enum": [str(each) for each in Severity]}
    day = {"type": "string", "format": "date"}
    vex = described(
        "The VEX statement that counts.",
        {
            "document": text,
            "statement": about(count, "Its number in the document, from 1."),
            "status": {"enum": list(STATUSES)},
            "justification": text,
            "author": text,
            "time": text,
        },
    )
    known = described(
        "One vulnerability of one package, worst first.",
        {
            "id": about(text, "The CVE if there is one."),
            "aliases": texts,
            "purl": text,
            "package": text,
            "version": text,
            "fixed": about(text, "The least version that mends it; absent: there is none yet."),
            "level": about(severity, "As it was rated; critical if nobody did."),
            "rated": about(text, "By whom; empty or absent: by nobody."),
            "score": {"type": "number", "minimum": 0, "maximum": 10, "description": "CVSS."},
            "vector": text,
            "judged": about(severity, "As the policy takes it."),
            "raised": about(text, "Why that is worse."),
            "fails": about(flag, "Whether the gate counts it."),
            "exploited": about(flag, "CISA lists it (KEV)."),
            "malicious": about(flag, "The package itself is malware."),
            "probability": {"type": "number", "minimum": 0, "maximum": 1, "description": "EPSS."},
            "published": day,
            "summary": text,
            "url": text,
            "source": about(text, "Who found it: imgforge, trivy, grype."),
            "part": {"enum": ["base", "app", "build"], "description": "What has to change."},
            "declared": about(text, "The line of a lock that lists it."),
            "path": text,
            "inside": text,
            "layer": text,
            "cure": about(text, "What mends it, in words."),
            "vex": vex,
            "excused": described(
                "Why it does not count.", {"reason": text, "by": text, "until": text}
            ),
        },
        optional={
            *("fixed", "rated", "score", "vector", "raised", "probability", "published"),
            *("summary", "url", "part", "declared", "path", "inside", "layer", "vex", "excused"),
        },
    )
    unmatched = described(
        "A component of which nobody can say anything.", {"purl": text, "reason": text}
    )
    left = described(
        "A vulnerability that does not count: the distribution ships the component, and its "
        "advisories decide.",
        {"id": text, "purl": text, "owner": about(text, "The distribution's package.")},
    )
    document = described(
        "A VEX document that is believed.",
        {
            "document": text,
            "format": text,
            "author": text,
            "digest": text,
            "statements": count,
            "matched": {"type": "array", "items": count, "description": "Their numbers."},
            "refused": about(texts, "Statements that do not count, and why."),
        },
    )
    image = described(
        "One platform's image.",
        {
            "platform": text,
            "digest": text,
            "system": text,
            "components": count,
            "vulnerabilities": {"type": "array", "items": known},
            "unmatched": {"type": "array", "items": unmatched},
            "left": {"type": "array", "items": left},
            "vex": {"type": "array", "items": document},
            "findings": about(
                {"type": "array", "items": {"type": "object"}},
                "Others, about database, policy and VEX, as imgforge check has them.",
            ),
        },
        optional={"digest", "system"},
    )
    gate = described(
        "What decides.",
        {"failOn": severity, "vulnerabilities": severity, "policy": text, "passed": flag},
        optional={"vulnerabilities", "policy"},
    )
    target = described(
        "What was named.",
        {
            "target": text,
            "name": text,
            "digest": text,
            "read": about(text, "What was read of it."),
            "gate": gate,
            "images": {"type": "array", "items": image},
        },
        optional={"digest", "read", "name"},
    )
    entry = described("A vulnerability.", {"target": text, "id": text, "purl": text})
    entries = {"type": "array", "items": entry}
    failed = described("What could not be read.", {"target": text, "error": text})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What imgforge scan --format json prints",
        **described(
            f"Version {VERSION}. New keys may come without a new version.",
            {
                "version": {"const": VERSION},
                "tool": described(
                    "What scanned.", {"name": {"const": "imgforge"}, "version": text}
                ),
                "day": about(day, "The day (UTC) on which it was judged."),
                "passed": flag,
                "database": described("The database.", {"identity": text, "day": text}),
                "targets": {"type": "array", "items": target},
                "failed": {"type": "array", "items": failed},
                "changes": described(
                    "Compared with an earlier scan, or a day.",
                    {"against": text, "new": entries, "gone": entries, "lost": texts},
                ),
            },
            optional={"database", "changes", "failed"},
        ),
    }
