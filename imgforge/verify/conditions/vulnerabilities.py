"""Vulnerability reports that are attested: cosign's ``vuln`` predicate, and in-toto's ``vulns``.

Cosign's carries a scanner's report as it is: Trivy's, grype's, SARIF or imgforge's own. It is told
by its shape, for what a predicate says of its scanner is free text. Severities of all are mapped to
imgforge's; without a word that is known the CVSS score decides (CVSS v3.1, section 5), and without
one a vulnerability counts as critical.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from imgforge.signing.statement import VULNERABILITIES
from imgforge.verify.conditions import findings
from imgforge.verify.conditions.findings import WORST, Found, capped, name
from imgforge.verify.conditions.shown import Unreadable, at, items, shown, text

_WORDS: Final[Mapping[str, int]] = {
    "none": 0,
    "negligible": 0,
    "unimportant": 0,
    "info": 0,
    "informational": 0,
    "low": 1,
    "minor": 1,
    "medium": 2,
    "moderate": 2,
    "high": 3,
    "important": 3,
    "critical": 4,
}
"""Places in LEVELS of the words of Trivy, grype, GitHub, Debian, Red Hat and CVSS."""
_NUMBER: Final = re.compile(r"(?:10|[0-9])(?:\.[0-9]{1,6})?")
_SARIF: Final[Mapping[str, int]] = {"none": 0, "note": 1, "warning": 2, "error": WORST}
"""An error may be high or critical: the worse of the two."""
_TRIVY: Final = ("Vulnerabilities", "Misconfigurations", "Secrets", "Licenses")
_SCANNED: Final = ("os-pkgs", "lang-pkgs")
"""Classes of results that say that vulnerabilities were looked for."""
_HELD: Final = ("PASS", "EXCEPTION")
_NO_FAULT: Final = ("pass", "notApplicable", "informational")


def day(predicate: object) -> dt.date:
    """Return the day (UTC) on which the scan ended; Unreadable if it is not said."""
    said = text(predicate, "metadata", "scanFinishedOn")
    return findings.day_of(said, "metadata.scanFinishedOn")


def found(kind: str, predicate: object, today: dt.date) -> Sequence[Found]:
    """Return every vulnerability in a predicate of type ``kind``; Unreadable if it is not known."""
    result = at(predicate, "scanner", "result")
    if kind != VULNERABILITIES:
        listed = capped(items(predicate, "scanner", "result"), "scanner.result")
        return [_rated(one, f"scanner.result[{index}]") for index, one in enumerate(listed)]
    if at(result, "SchemaVersion") is not None:
        return list(_trivy(result))
    if isinstance(at(result, "matches"), list) and at(result, "descriptor") is not None:
        return list(_grype(result))
    if isinstance(at(result, "runs"), list):
        return list(_sarif(result))
    if isinstance(at(result, "findings"), list):
        return findings.found(result, today)
    raise Unreadable(
        "scanner.result: it is no report of Trivy, grype or imgforge, and no SARIF, but "
        + shown(result)
    )


def _worst(words: Iterable[object], scores: Iterable[object]) -> int:
    """Return the worst level of the words that are known, else of the scores, else the worst."""
    known = [
        _WORDS[word.lower()]
        for word in words
        if isinstance(word, str) and len(word) < 20 and word.lower() in _WORDS  # noqa: PLR2004
    ]
    if known:
        return max(known)
    return max((_band(n) for n in map(_score, scores) if n is not None), default=WORST)


def _score(value: object) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 10 else None  # noqa: PLR2004


def _band(score: float) -> int:
    return sum(score >= least for least in (0.1, 4.0, 7.0, 9.0))


def _rated(one: object, place: str) -> Found:
    """Read one of in-toto's: flat as v0.2 and its examples, or below ``vulnerability`` (v0.1)."""
    inner = at(one, "vulnerability")
    entry = one if inner is None else inner
    said = text(entry, "id")
    ratings = at(entry, "severity")
    if not isinstance(ratings, list):
        raise Unreadable(f"{place}.severity: there is no list, but {shown(ratings)}")
    words = [at(rating, "score") for rating in ratings]
    scores = [
        at(rating, "score")
        for rating in ratings
        if isinstance(method := at(rating, "method"), str) and _counts(method)
    ]
    return Found(_worst(words, scores), said)


def _counts(method: str) -> bool:
    """Whether a number of this method is a CVSS score; EPSS' say something else."""
    return any(word in method[:100].lower() for word in ("cvss", "nvd"))


def _trivy(result: object) -> Iterator[Found]:
    version = at(result, "SchemaVersion")
    if type(version) is not int or version != 2:  # noqa: PLR2004 - the only one that is written
        raise Unreadable(f"scanner.result.SchemaVersion: {shown(version)} is not read")
    parts = capped(items(result, "Results"), "Results")
    if not any(at(part, "Class") in _SCANNED for part in parts):
        raise Unreadable("scanner.result.Results: no packages were scanned")
    for index, part in enumerate(parts):
        where = f"scanner.result.Results[{index}]"
        text(part, "Target")
        for kind in _TRIVY:
            listed = at(part, kind)
            if listed is None:
                continue  # Trivy leaves out what is empty
            for one in capped(items(part, kind), f"{where}.{kind}"):
                if not isinstance(one, dict):
                    raise Unreadable(f"{where}.{kind}: not all are objects")
                if kind == "Misconfigurations" and one.get("Status") in _HELD:
                    continue
                cvss = one.get("CVSS")
                rated = cvss.values() if isinstance(cvss, dict) else ()
                keys = ("V2Score", "V3Score", "V40Score")
                scores = [at(rating, key) for rating in rated for key in keys]
                called = one.get("VulnerabilityID") or one.get("ID") or one.get("RuleID")
                yield Found(_worst([one.get("Severity")], scores), name(called, one.get("PkgName")))


def _grype(result: object) -> Iterator[Found]:
    if at(result, "descriptor", "name") != "grype":
        said = shown(at(result, "descriptor", "name"))
        raise Unreadable(f"scanner.result.descriptor.name: {said} is not read")
    for one in capped(items(result, "matches"), "matches"):
        cvss = at(one, "vulnerability", "cvss")
        scores = [at(r, "metrics", "baseScore") for r in cvss] if isinstance(cvss, list) else []
        called = name(at(one, "vulnerability", "id"), at(one, "artifact", "name"))
        yield Found(_worst([at(one, "vulnerability", "severity")], scores), called)


def _sarif(result: object) -> Iterator[Found]:
    """Read SARIF 2.1.0 (OASIS, sections 3.14, 3.27.9, 3.27.10, 3.49); suppressed results count."""
    version = at(result, "version")
    if version != "2.1.0":
        raise Unreadable(f"scanner.result.version: {shown(version)} is no SARIF that is read")
    runs = items(result, "runs")
    if not runs:
        raise Unreadable("scanner.result.runs: there is no run")
    for index, run in enumerate(runs):
        place = f"scanner.result.runs[{index}]"
        for invocation in _list(run, "invocations"):
            if at(invocation, "executionSuccessful") is not True:
                raise Unreadable(f"{place}.invocations: the scanner did not succeed")
        rules = _list(at(run, "tool", "driver"), "rules")
        known = {str(at(rule, "id")): rule for rule in reversed(rules)}
        for one in capped(items(run, "results"), f"{place}.results"):
            if not isinstance(one, dict):
                raise Unreadable(f"{place}.results: not all are objects")
            if one.get("kind") in _NO_FAULT:
                continue
            called = at(one, "ruleId") or at(one, "rule", "id")
            number = at(one, "ruleIndex")
            if not isinstance(called, str):
                rule = _indexed(rules, number)
                called = at(rule, "id")
            else:
                rule = known.get(called)
            yield Found(_level(one, rule), name(called, None))


def _list(value: object, key: str) -> Sequence[object]:
    return () if at(value, key) is None else items(value, key)


def _indexed(rules: Sequence[object], number: object) -> object:
    if isinstance(number, bool) or not isinstance(number, int):
        return None
    return rules[number] if 0 <= number < len(rules) else None


def _level(result: object, rule: object) -> int:
    score = _score(at(rule, "properties", "security-severity"))
    own = _score(at(result, "properties", "security-severity"))
    scores = [value for value in (score, own) if value is not None]
    if scores:
        return _band(max(scores))
    level = at(result, "level")
    if level is None and rule is not None:
        level = at(rule, "defaultConfiguration", "level") or "warning"
    return _SARIF.get(level, WORST) if isinstance(level, str) else WORST
