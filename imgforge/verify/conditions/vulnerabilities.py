"""Vulnerability reports that are attested: cosign's ``vuln`` predicate, and in-toto's ``vulns``.

Cosign's carries a scanner's report as it is: Trivy's, grype's, SARIF or imgforge's own. It is told
by its shape, for what a predicate says of its scanner is free text. Severities of all are mapped to
imgforge's; without a word that is known the CVSS score decides (CVSS v3.1, section 5), and without
one a vulnerability counts as critical.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from imgforge.severity import LEVELS, WORDS, band
from imgforge.signing.statement import VULNERABILITIES
from imgforge.verify.conditions import findings
from imgforge.verify.conditions.findings import WORST, Found, capped
from imgforge.verify.conditions.shown import Unreadable, at, items, shown, text, word

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
    if at(result, "tool", "name") == "imgforge" and isinstance(at(result, "targets"), list):
        return list(_own(result, today))
    if isinstance(at(result, "findings"), list):
        return findings.found(result, today)
    raise Unreadable(
        "scanner.result: it is no report of Trivy, grype or imgforge, and no SARIF, but "
        + shown(result)
    )


def worst(words: Iterable[object], scores: Iterable[object]) -> int:
    """Return the worst level of the words that are known, else of the scores, else the worst."""
    known = [
        LEVELS.index(level)
        for word in words
        if isinstance(word, str) and (level := WORDS.get(word[:20].lower())) is not None
    ]
    if known:
        return max(known)
    rated = [score for score in map(_score, scores) if score is not None]
    return LEVELS.index(band(max(rated))) if rated else WORST


def _score(value: object) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 10 else None  # noqa: PLR2004


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
    return Found(worst(words, scores), said)


def _counts(method: str) -> bool:
    """Whether a number of this method is a CVSS score; EPSS' say something else."""
    return any(word in method[:100].lower() for word in ("cvss", "nvd"))


def _own(result: object, today: dt.date) -> Iterator[Found]:
    """Read what ``imgforge scan`` writes. What a VEX statement or a policy excuses does not count.

    A policy's word counts until its day; one without a day counts for whoever built, not here.
    """
    number = 0
    for target in capped(items(result, "targets"), "targets"):
        for image in capped(items(target, "images"), "images"):
            for one in capped(items(image, "vulnerabilities"), "vulnerabilities"):
                number += 1
                level = at(one, "judged")
                if not isinstance(level, str) or level not in LEVELS:
                    place = f"scanner.result: vulnerability {number}"
                    raise Unreadable(f"{place}: {shown(level)} is no severity")
                said = at(one, "vex", "status")
                excused = at(one, "excused")
                by_vex = excused is not None and said in {"not_affected", "fixed"}
                until = at(excused, "until")
                if not by_vex and not findings.holds(until, today):
                    yield Found(LEVELS.index(level), at(one, "id"), at(one, "purl"))


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
                called = one.get("VulnerabilityID") or one.get("ID") or one.get("RuleID")
                level = worst((one.get("Severity"),), _cvss(one.get("CVSS")))
                yield Found(level, called, one.get("PkgName"))


def _cvss(ratings: object) -> Iterator[object]:
    """Yield the scores in Trivy's table of who gave them, v2 to v4."""
    for rating in ratings.values() if isinstance(ratings, dict) else ():
        if isinstance(rating, dict):
            yield from map(rating.get, ("V2Score", "V3Score", "V40Score"))


def _grype(result: object) -> Iterator[Found]:
    if at(result, "descriptor", "name") != "grype":
        said = shown(at(result, "descriptor", "name"))
        raise Unreadable(f"scanner.result.descriptor.name: {said} is not read")
    for one in capped(items(result, "matches"), "matches"):
        known = at(one, "vulnerability")
        cvss = at(known, "cvss")
        ratings = cvss if isinstance(cvss, list) else ()
        level = worst((at(known, "severity"),), (at(r, "metrics", "baseScore") for r in ratings))
        yield Found(level, at(known, "id"), at(one, "artifact", "name"))


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
        scores = [_score(at(rule, "properties", "security-severity")) for rule in rules]
        ids = Counter(word(rule, "id") for rule in rules)
        # Of several rules of one name nobody knows which is meant, so none of them rates a result.
        known = {name: n for n, rule in enumerate(rules) if ids[name := word(rule, "id")] == 1}
        for one in capped(items(run, "results"), f"{place}.results"):
            if not isinstance(one, dict):
                raise Unreadable(f"{place}.results: not all are objects")
            if one.get("kind") in _NO_FAULT:
                continue
            called = one.get("ruleId") or at(one, "rule", "id")
            number = known.get(called) if isinstance(called, str) else one.get("ruleIndex")
            if type(number) is int and 0 <= number < len(rules):
                rule = rules[number]
                yield Found(_level(one, rule, scores[number]), at(rule, "id"))
            else:
                yield Found(_level(one, None, None), called)


def _list(value: object, key: str) -> Sequence[object]:
    return () if at(value, key) is None else items(value, key)


def _level(result: Mapping[str, object], rule: object, score: float | None) -> int:
    own = _score(at(result, "properties", "security-severity"))
    scores = [value for value in (score, own) if value is not None]
    if scores:
        return LEVELS.index(band(max(scores)))
    level = at(result, "level")
    if level is None and rule is not None:
        level = at(rule, "defaultConfiguration", "level") or "warning"
    return _SARIF.get(level, WORST) if isinstance(level, str) else WORST
