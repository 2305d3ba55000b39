"""Whatever an image calls its files, a report stays a report."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import jsonschema
import madeimage as made
import madereport
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from imgforge import checks
from imgforge.analysis import analyse
from imgforge.checks import profiles
from imgforge.checks.finding import Finding, Severity
from imgforge.oci.layout import Layout
from imgforge.oci.types import CONFIG, MANIFEST, Descriptor
from imgforge.policy import Policy
from imgforge.report import FORMATS, as_json, subject
from imgforge.report.subject import Image, Report

TEXTS = some.text(
    some.characters() | some.sampled_from("\x1b\r\n\udcff\u202e:%,[](){}`|<>&\\"), max_size=30
)
DIGESTS = some.sampled_from([madereport.BASE, madereport.APP, madereport.ARM, ""])
FINDINGS = some.builds(
    Finding,
    some.sampled_from(["IF010", "IF020", "IF050", "DL3008"]),
    some.sampled_from(Severity),
    some.just("Title"),
    TEXTS.map(lambda text: f"m{text}"),
    some.just("Do."),
    path=TEXTS,
    layer=DIGESTS,
    key=TEXTS,
    ignored=some.sampled_from(["", "accepted\x1b[31m"]),
    line=some.integers(0, 9),
)
FOUND = some.lists(FINDINGS, max_size=4)


@some.composite
def reports(draw: some.DrawFn) -> Report:
    layers = (madereport.BASE, madereport.APP)
    images = tuple(
        Image(platform, madereport.APP, layers, tuple(found), frozenset(found[:1]))
        for platform in ("linux/amd64", "linux/arm64")
        for found in [draw(FOUND)]
    )
    dockerfile = tuple(draw(FOUND))
    findings = [*dockerfile, *(finding for image in images for finding in image.findings)]
    outcomes = profiles.judge(profiles.CIS, findings, {"IF010"}, Policy())
    found = Report(f"s{draw(TEXTS)}", madereport.APP, images, dockerfile)
    return dataclasses.replace(found, profile=profiles.CIS, outcomes=outcomes)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25, deadline=None)
@given(report=reports())
def test_only_printable_ascii_comes_out(name: str, report: Report) -> None:
    out = FORMATS[name](report)
    assert out.isascii()
    assert all(line.isprintable() for line in out.split("\n"))


@settings(max_examples=25, deadline=None)
@given(report=reports())
def test_annotations_are_annotations(report: Report) -> None:
    form = r"::(error|warning|notice) (file=[^,:]+,(line=\d+,)?)?title=[^,:]+::.+"
    lines = FORMATS["github"](report).splitlines()
    assert all(re.fullmatch(form, line) for line in lines)
    for level in ("error", "warning", "notice"):
        assert sum(line.startswith(f"::{level}") for line in lines) <= 10


@settings(max_examples=25, deadline=None)
@given(report=reports())
def test_json_and_sarif_keep_every_fault(report: Report) -> None:
    value = json.loads(as_json.render(report))
    jsonschema.Draft202012Validator(as_json.json_schema()).validate(value)
    [run] = json.loads(FORMATS["sarif"](report))["runs"]
    faults = report.faults()
    [subject] = value["subjects"]
    assert [found["message"] for found in subject["findings"]] == [
        fault.finding.message for fault in faults
    ]
    assert sum(subject["summary"].values()) == len(faults) == len(run["results"])
    uris = [
        location["physicalLocation"]["artifactLocation"]["uri"]
        for result in run["results"]
        for location in result["locations"]
    ]
    assert all(re.fullmatch(r"(file:///)?[A-Za-z0-9._~%/-]+", uri) for uri in uris)


@settings(max_examples=25, deadline=None)
@given(report=reports())
def test_no_fault_is_lost_when_platforms_are_folded(report: Report) -> None:
    told = {(f.finding.check, f.finding.message, f.finding.severity) for f in report.faults()}
    assert told == {(f.check, f.message, f.severity) for f in report.findings}
    sites = sum(len(fault.sites) for fault in report.faults())
    assert sites == sum(len(image.findings) for image in report.images)


@pytest.mark.parametrize("name", FORMATS)
def test_a_configuration_may_hold_lone_surrogates(name: str, tmp_path: Path) -> None:
    """JSON allows them; they come out as escapes, and never as a traceback."""
    lone = "\ud800\udcff"
    config = {
        "User": lone,
        "Env": [f"{lone}PASSWORD=x1{lone}", f"{lone}=1"],
        "Labels": {f"{lone}": lone},
        "Entrypoint": [f"/{lone}"],
        "WorkingDir": f"/{lone}",
        "Volumes": {f"/{lone}": {}},
        "ExposedPorts": {f"{lone}/tcp": {}},
    }
    layout = Layout.create(tmp_path / "layout")
    whole = layout.read_json(made.add(layout, [made.tar(made.file("a"))]))
    value = layout.read_json(Descriptor.from_json(whole["config"]))
    stored = layout.add(json.dumps({**value, "config": config}).encode(), CONFIG)
    image = analyse(layout, layout.add_json({**whole, "config": stored.to_json()}, MANIFEST))
    report = subject.of("x", Policy(), images=[(image, checks.run(image, Policy()))])
    assert not report.passed
    assert FORMATS[name](report).isascii()
