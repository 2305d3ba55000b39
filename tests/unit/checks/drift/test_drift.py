from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import madeimage as made
import madesecrets
import pytest

from imgforge.analysis import ImageFacts
from imgforge.checks.drift import CHECKS, application, base, packages, places, process
from imgforge.checks.drift.expected import Expectation, Own
from imgforge.checks.finding import Severity

BASE = [
    made.folder("usr"),
    made.folder("usr/bin"),
    made.file("usr/bin/app", b"\x7fELF", 0o755),
    made.file(
        "var/lib/dpkg/status.d/libc6",
        b"Package: libc6\nVersion: 2.41\nArchitecture: amd64\nStatus: install ok installed\n",
    ),
]
CONFIG: dict[str, Any] = {
    "User": "1000:1000",
    "Entrypoint": ["/usr/bin/app"],
    "Env": ["PATH=/usr/bin", "LEVEL=info"],
    "ExposedPorts": {"8080/tcp": {}},
    "Labels": {"a": "1"},
    "Healthcheck": {"Test": ["CMD", "/usr/bin/app"]},
}
APP = [made.folder("app"), made.file("app/main.py", b"print()")]
DEPS = [
    made.folder("opt"),
    made.folder("opt/deps"),
    made.file("opt/deps/a-1.0.dist-info/METADATA", b"Name: a\nVersion: 1.0\n"),
]


def image(tmp_path: Path, *layers: Sequence[made.Member], **config: object) -> ImageFacts:
    (tmp_path / "image").mkdir()
    merged = {k: v for k, v in {**CONFIG, **config}.items() if v is not None}
    return made.facts(tmp_path / "image", *(layers or (BASE, DEPS, APP)), config=merged)


@pytest.fixture
def expected(tmp_path: Path) -> Expectation:
    (tmp_path / "base").mkdir()
    facts = made.facts(tmp_path / "base", BASE)
    return Expectation(
        *("imgforge.toml", facts.platform, CONFIG, facts, ("app", "opt/deps")),
        sources=frozenset({"app"}),
        application={"app/main.py": Own("file", 7)},
    )


def test_an_image_of_its_spec_has_no_drift(tmp_path: Path, expected: Expectation) -> None:
    facts = image(tmp_path)
    assert [finding for check in CHECKS for finding in check.check(facts, expected)] == []


@pytest.mark.parametrize(
    ("config", "key", "severity"),
    [
        ({"User": "0"}, "User", Severity.HIGH),
        ({"Entrypoint": ["/bin/sh"]}, "Entrypoint", Severity.HIGH),
        ({"Cmd": ["x"]}, "Cmd", Severity.HIGH),
        ({"WorkingDir": "/tmp"}, "WorkingDir", Severity.MEDIUM),
        ({"Env": ["PATH=/usr/bin", "LEVEL=debug"]}, "Env:LEVEL", Severity.MEDIUM),
        ({"Env": ["PATH=/usr/bin"]}, "Env:LEVEL", Severity.MEDIUM),
        ({"Env": ["PATH=/usr/bin", "LEVEL=info", "X=1"]}, "Env:X", Severity.MEDIUM),
        ({"ExposedPorts": {"8080/tcp": {}, "22/tcp": {}}}, "ExposedPorts:22/tcp", Severity.MEDIUM),
        ({"ExposedPorts": None}, "ExposedPorts:8080/tcp", Severity.MEDIUM),
        ({"Volumes": {"/data": {}}}, "Volumes:/data", Severity.MEDIUM),
        ({"Labels": {"a": "2"}}, "Labels:a", Severity.LOW),
        ({"Healthcheck": None}, "Healthcheck", Severity.MEDIUM),
    ],
)
def test_every_setting_is_compared_both_ways(
    tmp_path: Path, expected: Expectation, config: dict[str, Any], key: str, severity: Severity
) -> None:
    found = list(process.check(image(tmp_path, **config), expected))
    assert [(finding.key, finding.severity) for finding in found] == [(key, severity)]


def test_a_secret_is_not_shown(tmp_path: Path, expected: Expectation) -> None:
    token = madesecrets.checked("ghp_")
    env = ["PATH=/usr/bin", f"LEVEL={token}"]
    found = list(process.check(image(tmp_path, Env=env), expected))
    assert len(found) == 1
    assert token not in found[0].message


def test_files_outside_the_places(tmp_path: Path, expected: Expectation) -> None:
    extra = [
        made.file("usr/bin/helper", b"\x7fELF", 0o755),
        made.file("usr/bin/app", b"\x7fELF other", 0o755),
        made.file("app/fine", b"x"),
    ]
    found = list(places.check(image(tmp_path, BASE, DEPS, APP, extra), expected))
    assert {(finding.path, finding.message.partition(" ")[2]) for finding in found} == {
        ("usr/bin/helper", "is not in the spec or its base"),
        ("usr/bin/app", "is not the base's own"),
    }


def test_deleted_and_missing_files(tmp_path: Path, expected: Expectation) -> None:
    gone = [made.file("usr/bin/.wh.app", b"")]
    found = list(places.check(image(tmp_path, BASE, DEPS, gone), expected))
    assert {(finding.path, finding.key) for finding in found} == {
        ("usr/bin/app", "deleted"),
        ("app", "missing"),
    }


def test_files_are_compared_one_by_one_on_another_base(
    tmp_path: Path, expected: Expectation
) -> None:
    squashed = [*BASE, *DEPS, *APP, made.file("etc/extra", b"x")]
    facts = image(tmp_path, squashed)
    assert [finding.path for finding in places.check(facts, expected)] == ["etc/extra"]
    assert [finding.key for finding in base.check(facts, expected)] == ["layer1"]


def test_a_package_of_the_base_is_missing(tmp_path: Path, expected: Expectation) -> None:
    gone = [made.file("var/lib/dpkg/status.d/.wh.libc6", b"")]
    facts = image(tmp_path, BASE, DEPS, gone)
    (finding,) = packages.check(facts, expected)
    assert finding.message == "the deb package libc6 2.41 is missing"
    assert finding.path == "var/lib/dpkg/status.d/libc6"
    # What the lock lists, IF190 looks for.
    listed = dataclasses.replace(expected, listed=frozenset({("deb", "libc6")}))
    assert list(packages.check(facts, listed)) == []


def test_an_image_of_fewer_layers_than_its_base(tmp_path: Path, expected: Expectation) -> None:
    (tmp_path / "none").mkdir()
    found = list(base.check(made.facts(tmp_path / "none"), expected))
    assert [finding.message for finding in found] == ["the image has 0 layers, its base alone 1"]


def test_files_of_the_application_are_those_beside_the_spec(
    tmp_path: Path, expected: Expectation
) -> None:
    wanted = {
        **expected.application,
        "app/gone": Own("file", 1),
        "app/other": Own("file", 2),
        "app/link": Own("link", link="a"),
        "app/same": Own("link", link="a"),
        "app/folder": Own("file", 1),
    }
    more = [
        made.file("app/debug.py", b"x"),
        made.file("app/other", b"three"),
        made.symlink("app/link", "b"),
        made.symlink("app/same", "a"),
        made.folder("app/folder"),
        made.folder("app/cache"),
        made.file("app/cache/made-by-a-stage", b"x"),
    ]
    facts = image(tmp_path, BASE, DEPS, APP, more)
    places = (*expected.places, "app/cache")
    nested = dataclasses.replace(expected, application=wanted, places=places)
    found = application.check(facts, nested)
    assert {(finding.path, finding.key, finding.severity) for finding in found} == {
        ("app/debug.py", "", Severity.HIGH),
        ("app/other", "differs", Severity.HIGH),
        ("app/link", "differs", Severity.HIGH),
        ("app/folder", "differs", Severity.HIGH),
        ("app/gone", "missing", Severity.MEDIUM),
    }


def test_what_a_stage_made_beside_the_sources_is_no_drift(
    tmp_path: Path, expected: Expectation
) -> None:
    made_of_it = [made.folder("app/cache"), made.file("app/cache/main.pyc", b"x")]
    facts = image(tmp_path, BASE, DEPS, made_of_it, APP, [made.file("app/late.pyc", b"x")])
    below = len(expected.base.layers)
    assert {f.path for f in application.check(facts, expected)} == {
        *("app/cache", "app/cache/main.pyc", "app/late.pyc"),
    }
    filled = dataclasses.replace(expected, filled=frozenset({0, 1}))
    assert {f.path for f in application.check(facts, filled)} == {"app/late.pyc"}
    assert below == 1
