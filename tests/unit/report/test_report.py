from __future__ import annotations

import json
import re
import urllib.parse

import pytest

from imgforge.checks import RULES
from imgforge.checks.finding import Finding, Severity
from imgforge.report import FORMATS, text

LAYER = "sha256:" + "a" * 64
FINDINGS = [
    Finding("IF020", Severity.CRITICAL, "Title one", "key in /a: b, 100%", "Fix it.", "a", LAYER),
    Finding("IF010", Severity.HIGH, "Title two", "one\nline\x1b[31m", "Do.", "b c/ü\udcff"),
    Finding("IF003", Severity.LOW, "Title three", "m", "Do.", ignored="accepted by Ann"),
    *(Finding("IF012", Severity.MEDIUM, "Many", f"no {n:02}", "Do.", f"p{n}") for n in range(12)),
]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_pure_ascii_and_the_same_each_time(name: str) -> None:
    out = FORMATS[name](FINDINGS)
    assert out.isascii()
    assert "\x1b" not in out
    assert out == FORMATS[name](FINDINGS)
    assert FORMATS[name]([]) is not None


def test_text_is_grouped_worst_first() -> None:
    lines = text.render(FINDINGS).splitlines()
    heads = [line for line in lines if line and not line.startswith(" ")]
    assert heads == [
        "critical IF020  Title one",
        "high     IF010  Title two",
        "medium   IF012  Many",
        "1 critical, 1 high, 12 medium (1 ignored by policy)",
    ]
    assert "    one\\nline\\x1b[31m" in lines
    assert "    ... and 2 more" in lines
    assert lines.count("    hint: Do.") == 2
    assert text.render([]) == "no findings\n"


def test_text_has_colour_when_asked() -> None:
    assert "\x1b[1;31mcritical IF020\x1b[0m" in text.render(FINDINGS, colour=True)


def test_json_has_all_fields() -> None:
    value = json.loads(FORMATS["json"](FINDINGS))
    assert value["summary"] == {
        "info": 0,
        "low": 0,
        "medium": 12,
        "high": 1,
        "critical": 1,
        "ignored": 1,
    }
    assert value["findings"][0] == {
        "check": "IF020",
        "severity": "critical",
        "title": "Title one",
        "message": "key in /a: b, 100%",
        "remedy": "Fix it.",
        "path": "a",
        "layer": LAYER,
        "fingerprint": FINDINGS[0].fingerprint,
    }
    assert value["findings"][1]["path"] == FINDINGS[1].path
    assert value["findings"][2]["ignored"] == "accepted by Ann"


def test_sarif_has_the_structure_that_the_standard_asks_for() -> None:
    log = json.loads(FORMATS["sarif"](FINDINGS))
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in RULES]
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in rules)
    assert all(
        rule["defaultConfiguration"]["level"] in {"error", "warning", "note"} for rule in rules
    )
    for result, finding in zip(run["results"], FINDINGS, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.check
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        [location] = result["locations"]
        place = location["physicalLocation"]["artifactLocation"]
        assert place["uriBaseId"] in run["originalUriBaseIds"]
        assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", place["uri"])
        assert list(result["partialFingerprints"].values()) == [finding.fingerprint]
    path = run["results"][1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert urllib.parse.unquote(path, errors="surrogateescape") == FINDINGS[1].path
    assert run["results"][2]["suppressions"][0]["justification"] == "accepted by Ann"


def test_github_annotations_cannot_be_injected() -> None:
    nasty = Finding("IF010", Severity.HIGH, "a,b::c\n::error::x", "x\r\n::error::y", "z")
    lines = FORMATS["github"]([nasty, *FINDINGS]).splitlines()
    assert len(lines) == 1 + len(FINDINGS) - 1
    assert all(re.match(r"::(error|warning|notice) title=[^,:]+::", line) for line in lines)
    assert "100%25" in lines[1]
