"""What was judged as JSON, for programs; :func:`json_schema` describes it."""

from __future__ import annotations

import json
from typing import Any, Final

from imgforge import __version__
from imgforge.checks import profiles
from imgforge.checks.finding import Severity
from imgforge.checks.profiles import Outcome
from imgforge.report.jsonschema import about, described
from imgforge.report.subject import Fault, Report
from imgforge.report.text import counts

VERSION: Final = 2
"""Of the format. It grows when a key goes or changes its meaning; new keys may come any time."""


def render(*reports: Report) -> str:
    """Return one JSON object; names that are no UTF-8 keep their bytes as surrogate escapes."""
    value = {
        "version": VERSION,
        "tool": {"name": "imgforge", "version": __version__},
        "passed": all(report.passed for report in reports),
        "subjects": [_subject(report) for report in reports],
    }
    return json.dumps(value, indent=2) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what :func:`render` writes."""
    text = {"type": "string"}
    digest = {"type": "string", "pattern": "^[a-z0-9]+:[0-9a-f]+$"}
    count = {"type": "integer", "minimum": 0}
    severities = [str(severity) for severity in Severity]
    severity = {"enum": severities}
    fingerprint = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
    site = described(
        "One platform's image that has the finding.",
        {
            "platform": about(
                text,
                "os/architecture[/variant]; with @digest, shortened, where several images have it",
            ),
            "layer": about(digest, "The layer that ships it."),
            "number": {"type": "integer", "minimum": 1, "description": "Of the layer, from 1."},
            "layers": about(count, "How many layers the image has."),
            "final": {
                "type": "boolean",
                "description": "Whether the final file system shows it; if not, it only ships.",
            },
        },
        optional={"layer", "number", "layers", "final"},
    )
    finding = described(
        "One fault, the same on every platform of `sites`.",
        {
            "check": about(text, "The rule's id; `imgforge explain` says more."),
            "severity": severity,
            "title": text,
            "message": about(text, "What is wrong here, in one line."),
            "remedy": text,
            "path": about(text, "A path in the image, or the Dockerfile's."),
            "line": {"type": "integer", "minimum": 1, "description": "In the Dockerfile, from 1."},
            "layer": about(digest, "The layer that ships it, on the first platform."),
            "ignored": about(text, "Why the policy accepts it; then the gate does not count it."),
            "ignoredBy": about(text, "Who accepted it."),
            "ignoredUntil": {"type": "string", "format": "date", "description": "Last day (UTC)."},
            "vex": about(text, "The VEX statement by which it does not count."),
            "fingerprint": about(fingerprint, "The same for the same fault in later builds."),
            "sites": {"type": "array", "items": site},
        },
        optional={"path", "line", "layer", "ignored", "ignoredBy", "ignoredUntil", "vex"},
    )
    practice = described(
        "One practice of the profile and how it came out.",
        {
            "id": text,
            "title": text,
            "verdict": {
                "enum": [profiles.PASS, profiles.ACCEPTED, profiles.FAIL, profiles.UNDECIDABLE]
            },
            "rules": {"type": "array", "items": text},
            "beyond": about(text, "What rules cannot see, and what decides that."),
            "allowed": {
                "type": "array",
                "items": text,
                "description": "Keys of the policy that allow what the practice forbids.",
            },
            "silent": {
                "type": "array",
                "items": text,
                "description": "Rules without a bound in the policy to compare with.",
            },
            "findings": {
                "type": "array",
                "items": fingerprint,
                "description": "Those that decided, ignored ones too.",
            },
        },
    )
    profile = described(
        "The profile that was asked for.",
        {
            "name": text,
            "title": text,
            "source": text,
            "practices": {"type": "array", "items": practice},
        },
    )
    platform = described(
        "One platform's image.",
        {
            "platform": text,
            "digest": about(digest, "Of its manifest."),
            "layers": {"type": "array", "items": digest, "description": "The base's first."},
        },
    )
    subject = described(
        "What was judged: an image or a Dockerfile.",
        {
            "subject": about(text, "As it was named; for what was built here, the image's name."),
            "digest": about(digest, "Of the image's manifest or index."),
            "platforms": {"type": "array", "items": platform},
            "gate": described(
                "What decides.",
                {
                    "failOn": about(severity, "Findings of this severity or worse fail."),
                    "vulnerabilities": about(
                        severity, "In its place for known vulnerabilities (IF200), if it differs."
                    ),
                    "policy": about(digest, "Of the policy; absent where the default was used."),
                    "passed": {"type": "boolean"},
                },
                optional={"policy", "vulnerabilities"},
            ),
            "summary": described(
                "Findings by severity; ignored ones are counted apart.",
                dict.fromkeys([*severities, "ignored"], count),
            ),
            "findings": {"type": "array", "items": finding},
            "profile": profile,
        },
        optional={"digest", "profile"},
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Findings of imgforge check --format json",
        **described(
            f"Version {VERSION}. New keys may come without a new version.",
            {
                "version": {"const": VERSION},
                "tool": described("What judged.", {"name": {"const": "imgforge"}, "version": text}),
                "passed": {"type": "boolean", "description": "Whether every subject passed."},
                "subjects": {"type": "array", "items": subject},
            },
        ),
    }


def _subject(report: Report) -> dict[str, Any]:
    faults = report.faults()
    gate: dict[str, Any] = {"failOn": report.fail_on, "passed": report.passed}
    gate |= {"vulnerabilities": report.vulnerable_on} if report.vulnerable_on else {}
    out: dict[str, Any] = {
        "subject": report.subject,
        **({"digest": report.digest} if report.digest else {}),
        "platforms": [
            {"platform": image.platform, "digest": image.digest, "layers": list(image.layers)}
            for image in report.images
        ],
        "gate": gate | ({"policy": report.policy} if report.policy else {}),
        "summary": counts(faults),
        "findings": [_fault(fault) for fault in faults],
    }
    if report.profile is not None:
        out["profile"] = {
            "name": report.profile.name,
            "title": report.profile.title,
            "source": report.profile.source,
            "practices": [practice(outcome) for outcome in report.outcomes],
        }
    return out


def _fault(fault: Fault) -> dict[str, Any]:
    sites: list[dict[str, Any]] = []
    for site in fault.sites:
        place: dict[str, Any] = {"platform": site.platform}
        if site.layer:
            place |= {"layer": site.digest, "number": site.layer, "layers": site.layers}
            place |= {"final": site.final} if fault.finding.path else {}
        sites.append(place)
    return {**fault.finding.to_json(), "sites": sites}


def practice(outcome: Outcome) -> dict[str, Any]:
    """Return the JSON object of one practice; findings are named by their fingerprints."""
    return {
        "id": outcome.practice.id,
        "title": outcome.practice.title,
        "verdict": outcome.verdict,
        "rules": list(outcome.practice.rules),
        "beyond": outcome.practice.beyond,
        "allowed": list(outcome.allowed),
        "silent": list(outcome.silent),
        "findings": list(dict.fromkeys(finding.fingerprint for finding in outcome.findings)),
    }
