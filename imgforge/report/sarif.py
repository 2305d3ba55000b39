"""What was judged as SARIF 2.1.0 (OASIS), for code scanning services.

GitHub's limits are kept (docs.github.com, "SARIF results exceed one or more limits"): at most
25,000 results a run. A file may hold 20 runs there, and each subject is a run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from imgforge import __version__
from imgforge.checks import Rule, profiles
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.profiles import Profile
from imgforge.report import explanation
from imgforge.report.as_json import practice
from imgforge.report.subject import Fault, Report, Site
from imgforge.report.text import excuse, plain, told

MOST: Final = 25_000
"""Results of one run that GitHub takes; a file with more is refused whole."""

MOST_PLACES: Final = 100
"""Locations of one result that GitHub keeps."""

HELP: Final = "https://imgforge.dev/checks"
"""Below this address each rule has its page."""

_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_SCORES: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFO: "0.0",
}
"""``security-severity``: the numbers by which GitHub sorts alerts into its four classes."""


def render(*reports: Report) -> str:
    """Return one run a subject, with every rule and every fault as a result, worst first.

    What the policy excuses is a suppressed result. A profile is a taxonomy: its practices are
    taxa that rules point at, and how they came out is in the run's properties.
    """
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [_run(report, alone=len(reports) == 1) for report in reports],
    }
    return json.dumps(log, indent=2) + "\n"


def _run(report: Report, *, alone: bool) -> dict[str, Any]:
    from imgforge.checks.rules import RULES

    faults = report.faults()
    shown = faults[:MOST]
    rules = [*RULES, *_foreign([fault.finding for fault in shown])]
    places = {rule.id: index for index, rule in enumerate(rules)}
    failed = _failed(report)
    driver: dict[str, Any] = {
        "name": "imgforge",
        "semanticVersion": __version__,
        "informationUri": HELP,
        "rules": [_rule(rule, report.profile) for rule in rules],
    }
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "invocations": [_invocation(len(faults) - len(shown))],
        "originalUriBaseIds": {
            "IMAGE": {"uri": "file:///", "description": {"text": "The image's root directory."}}
        },
        "columnKind": "utf16CodeUnits",
        "results": [_result(fault, report, places, failed) for fault in shown],
        "properties": _properties(report),
    }
    if not alone:
        # GitHub tells runs of one tool apart by this; a digest would make each build's anew.
        run["automationDetails"] = {"id": f"imgforge/{plain(report.subject.partition('@')[0])}/"}
    if report.profile is not None:
        driver["supportedTaxonomies"] = [{"name": report.profile.name, "index": 0}]
        run["taxonomies"] = [_taxonomy(report.profile)]
    return run


def _foreign(findings: Sequence[Finding]) -> list[Rule]:
    """Return rules made of what findings of other tools (hadolint) say about theirs."""
    from imgforge.checks.rules import RULES

    own = {rule.id for rule in RULES}
    found: dict[str, Rule] = {}
    for f in findings:
        if f.check not in own:
            found.setdefault(f.check, Rule(f.check, f.severity, f.title, f.title, f.remedy))
    return [found[check] for check in sorted(found)]


def _rule(rule: Rule, profile: Profile | None) -> dict[str, Any]:
    from imgforge.checks.rules import RULES

    references = "".join(f"\n- {reference}" for reference in rule.references)
    out: dict[str, Any] = {
        "id": rule.id,
        "shortDescription": {"text": plain(rule.title)},
        "fullDescription": {"text": plain(rule.why or rule.title)},
        "help": {
            "text": plain(rule.remedy) + (f"\n\nSee:{references}" if references else ""),
            "markdown": explanation.markdown(rule),
        },
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"security-severity": _SCORES[rule.severity], "tags": ["security"]},
    }
    if rule in RULES:
        out["helpUri"] = f"{HELP}/{rule.id}"
    if profile is not None:
        taxa = [i for i, asked in enumerate(profile.practices) if rule.id in asked.rules]
        if taxa:
            out["relationships"] = [
                {"target": _taxon(profile, index), "kinds": ["relevant"]} for index in taxa
            ]
    return out


def _taxonomy(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "fullName": profile.title,
        "shortDescription": {"text": f"{profile.title} ({profile.source})"},
        "taxa": [
            {
                "id": asked.id,
                "shortDescription": {"text": asked.title},
                **({"fullDescription": {"text": asked.beyond}} if asked.beyond else {}),
            }
            for asked in profile.practices
        ],
    }


def _taxon(profile: Profile, index: int) -> dict[str, Any]:
    component = {"name": profile.name, "index": 0}
    return {"id": profile.practices[index].id, "index": index, "toolComponent": component}


def _invocation(left: int) -> dict[str, Any]:
    out: dict[str, Any] = {"executionSuccessful": True}
    if left:
        text = f"{left} further results, none worse than these, are left out: only {MOST} are taken"
        out["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": text}}]
    return out


def _properties(report: Report) -> dict[str, Any]:
    out: dict[str, Any] = {
        "subject": plain(report.subject),
        "digest": report.digest,
        "platforms": {image.platform: image.digest for image in report.images},
        "failOn": report.fail_on,
        "policy": report.policy,
        "passed": report.passed,
    }
    if report.profile is not None:
        out["profile"] = report.profile.name
        out["practices"] = [practice(outcome) for outcome in report.outcomes]
    return {key: value for key, value in out.items() if value not in ("", {})}


def _failed(report: Report) -> dict[Finding, list[dict[str, Any]]]:
    """Return the practices that failed for a finding nobody accepted."""
    found: dict[Finding, list[dict[str, Any]]] = {}
    for index, outcome in enumerate(report.outcomes):
        if report.profile is not None and outcome.verdict == profiles.FAIL:
            for finding in outcome.findings:
                if not finding.ignored:
                    found.setdefault(finding, []).append(_taxon(report.profile, index))
    return found


def _result(
    fault: Fault,
    report: Report,
    places: dict[str, int],
    failed: dict[Finding, list[dict[str, Any]]],
) -> dict[str, Any]:
    finding = fault.finding
    out: dict[str, Any] = {
        "ruleId": finding.check,
        "ruleIndex": places[finding.check],
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(f"{told(fault, report)}. {finding.remedy}")},
        "locations": [_location(fault, report)],
        "partialFingerprints": {"imgforge/v1": finding.fingerprint},
        "properties": {"severity": str(finding.severity)},
    }
    if finding.layer:
        out["properties"]["layer"] = finding.layer
    if fault.sites:
        out["properties"]["platforms"] = list(dict.fromkeys(s.platform for s in fault.sites))
    if finding.ignored:
        out["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": plain(excuse(finding))}
        ]
    if finding in failed:
        out["taxa"] = failed[finding]
    return out


def _message(text: str) -> str:
    # Text in brackets before one in parentheses would be a link (SARIF 2.1.0, 3.11.6), and an
    # image could put one into a name.
    return plain(text).replace("](", "] (")


def _location(fault: Fault, report: Report) -> dict[str, Any]:
    finding = fault.finding
    region = {"startLine": finding.line or 1}
    if not fault.sites and (finding.path or not report.images):
        artifact = {"uri": _uri(finding.path or report.subject)}
        return {"physicalLocation": {"artifactLocation": artifact, "region": region}}
    # A finding about the configuration has no file; services want a location all the same.
    path = finding.path.lstrip("/") or "image-configuration"
    artifact = {"uri": _quoted(path), "uriBaseId": "IMAGE"}
    return {
        "physicalLocation": {"artifactLocation": artifact, "region": region},
        "logicalLocations": [_logical(site, finding, report) for site in fault.sites[:MOST_PLACES]],
    }


def _logical(site: Site, finding: Finding, report: Report) -> dict[str, Any]:
    layer = f"/layer {site.layer} of {site.layers}" if site.layer else ""
    place = f"{report.subject}//{site.platform}{layer}"
    return {
        "name": plain(f"/{finding.path}" if finding.path else "configuration"),
        "fullyQualifiedName": plain(f"{place}//{finding.path}" if finding.path else place),
        "kind": "member" if finding.path else "module",
    }


def _uri(path: str) -> str:
    return f"file://{_quoted(path)}" if path.startswith("/") else _quoted(path)


def _quoted(path: str) -> str:
    try:
        return quote(path.encode(errors="surrogateescape"))
    except UnicodeEncodeError:
        # JSON can bring surrogates that stand for no byte.
        return quote(path.encode(errors="surrogatepass"))
