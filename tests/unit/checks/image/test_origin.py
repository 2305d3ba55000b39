from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import madeimage as made
import pytest
from judged import APP, LABELS, POLICY, configured, findings, found, image, of

from imgforge.analysis.facts import Package
from imgforge.checks import run
from imgforge.checks.finding import Severity
from imgforge.checks.image.lifetimes import RUNTIMES, SYSTEMS
from imgforge.policy import Bases, Budget, Policy

BASE = "org.opencontainers.image.base."
DIGEST = "sha256:" + "0a" * 32


def allowing(*globs: str) -> Policy:
    return dataclasses.replace(POLICY, bases=Bases(allow=(globs,)))


@pytest.mark.parametrize(
    ("name", "globs", "severity"),
    [
        ("imgforge/python-3.13", ["python-*"], None),
        ("imgforge/python-3.13", ["imgforge/*"], None),
        ("registry.example/bases/java:21", ["registry.example/bases/*"], None),
        ("docker.io/library/node:24", [f"*@{DIGEST}"], None),
        ("docker.io/library/node:24", ["python-*"], "high"),
        ("docker.io/imgforge/python-3.13", ["python-*"], "high"),
        ("imgforge/python-3.13", [], "high"),
        ("", ["*"], "low"),
    ],
)
def test_bases_on_and_off_the_list(name: str, globs: list[str], severity: str | None) -> None:
    labels = {**LABELS, f"{BASE}digest": DIGEST, **({f"{BASE}name": name} if name else {})}
    seen = of("IF060", configured(Labels=labels, policy=allowing(*globs)))
    assert [str(f.severity) for f in seen] == ([severity] if severity else [])
    assert of("IF060", configured(Labels=labels)) == []


def test_every_list_of_bases_counts() -> None:
    labels = {**LABELS, f"{BASE}name": "imgforge/python-3.13"}
    both = dataclasses.replace(POLICY, bases=Bases(allow=(("*",), ("node-*",))))
    [seen] = of("IF060", configured(Labels=labels, policy=both))
    assert (seen.severity, "node-*" in seen.message) == (Severity.HIGH, True)


@pytest.mark.parametrize(
    ("moment", "severity"),
    [
        ("2026-05-31T00:00:00Z", None),
        ("2026-03-03T10:00:00.123456789Z", None),
        ("2026-03-02T23:59:59Z", "medium"),
        ("2019-01-01T00:00:00Z", "medium"),
        ("1970-01-01T00:00:00Z", "info"),
        ("1980-01-01T00:00:01Z", "info"),
        ("0001-01-01T00:00:00Z", "info"),
        ("2099-01-01T00:00:00Z", "info"),
        ("yesterday", "info"),
        (None, "info"),
        (12, "info"),
    ],
)
def test_ages(moment: object, severity: str | None) -> None:
    aged = dataclasses.replace(POLICY, budget=Budget(age=90))
    fields = {"created": moment}
    seen = of("IF061", configured(policy=aged, fields=fields))
    assert [str(f.severity) for f in seen] == ([severity] if severity else [])
    based = dataclasses.replace(POLICY, budget=Budget(base_age=90))
    steps: dict[str, Any] = {"history": [fields, {"created": "2026-05-31T00:00:00Z"}]}
    seen = of("IF061", configured(policy=based, fields=steps))
    assert [str(f.severity) for f in seen] == ([severity] if severity else [])
    assert of("IF061", configured(fields=fields)) == []


@pytest.mark.parametrize(
    ("release", "day", "ended"),
    [
        ('ID=debian\nVERSION_ID="10"\nPRETTY_NAME="Debian GNU/Linux 10 (buster)"', 2026, True),
        ("ID=debian\nVERSION_ID=13", 2026, False),
        ("ID=debian\nVERSION_ID=13", 2031, True),
        ("ID=debian\nPRETTY_NAME=forky/sid", 2040, False),
        ("ID=ubuntu\nVERSION_ID='22.04'", 2026, False),
        ("ID=ubuntu\nVERSION_ID='25.04'", 2026, True),
        ("ID=alpine\nVERSION_ID=3.18.4", 2026, True),
        ("ID=alpine\nVERSION_ID=3.22.1", 2026, False),
        ('ID="rhel"\nVERSION_ID="9.4"', 2026, False),
        ('ID="centos"\nVERSION_ID="7"', 2026, True),
        ('ID="amzn"\nVERSION_ID="2018.03"', 2026, True),
        ('ID="opensuse-leap"\nVERSION_ID="15.6"', 2026, True),
        ('ID="fedora"\nVERSION_ID=44', 2026, False),
        ("ID=wolfi\nVERSION_ID=20230201", 2040, False),
        ("ID=unheard-of\nVERSION_ID=1", 2040, False),
        ("ID=debian\nVERSION_ID=ten", 2040, False),
        ("", 2040, False),
    ],
)
def test_ends_of_life(release: str, day: int, ended: bool, tmp_path: Path) -> None:  # noqa: FBT001
    policy = dataclasses.replace(POLICY, day=dt.date(day, 6, 1))
    members = [made.symlink("etc/os-release", "../usr/lib/os-release")]
    members.append(made.file("usr/lib/os-release", f"{release}\n".encode()))
    seen = found("IF062", tmp_path, *members, policy=policy)
    assert [f.severity for f in seen] == ([Severity.HIGH] if ended else [])


@pytest.mark.parametrize(
    ("item", "ended"),
    [
        ("PYTHON_VERSION=3.8.20", True),
        ("PYTHON_VERSION=3.13.5", False),
        ("NODE_VERSION=18.20.1", True),
        ("NODE_VERSION=24.1.0", False),
        ("PHP_VERSION=7.4.33", True),
        ("RUBY_VERSION=3.1.2", True),
        ("GOLANG_VERSION=1.20.1", True),
        ("GOLANG_VERSION=1.99", False),
        ("JAVA_VERSION=jdk-17.0.9+9", False),
        ("JAVA_VERSION=jdk-19.0.2+7", True),
        ("JAVA_VERSION=8u392", False),
        ("JAVA_VERSION=1.8.0", False),
        ("PYTHON_VERSION=", False),
        ("PYTHON_VERSION=latest", False),
    ],
)
def test_ends_of_runtimes(item: str, ended: bool) -> None:  # noqa: FBT001
    seen = of("IF062", configured(Env=["PATH=/usr/bin", item]))
    assert [f.severity for f in seen] == ([Severity.MEDIUM] if ended else [])


def test_runtimes_without_a_variable(tmp_path: Path) -> None:
    local = made.file("usr/local/bin/python3.8", b"\x7fELF", 0o755)
    packaged = made.file("usr/bin/python3.9", b"\x7fELF", 0o755)
    [seen] = found("IF062", tmp_path, local, packaged)
    assert "python 3.8" in seen.message
    foreign = Package("deb", "nodejs", "16.20.2-1nodesource1", "", "", "", ("x",))
    own = Package("deb", "nodejs", "12.22.12~dfsg-1", "", "", "", ("y",))
    good = dataclasses.replace(image(tmp_path / "b"), packages=(foreign, own))
    [seen] = of("IF062", run(good, POLICY))
    assert "node 16" in seen.message


def test_lifetimes_are_ordered_as_releases_are() -> None:
    for lines in (*SYSTEMS.values(), *RUNTIMES.values()):
        for line, day in lines.items():
            assert line.replace(".", "").isdigit()
            assert dt.date(2010, 1, 1) < day < dt.date(2040, 1, 1)
    for name in ("debian", "rhel", "fedora", "alpine"):
        days = list(SYSTEMS[name].values())
        assert days == sorted(days)


def test_budgets(tmp_path: Path) -> None:
    big = made.file("data", bytes(300_000))
    members = [*APP, big, made.hardlink("more", "data")]

    def keys(budget: Budget) -> list[str]:
        policy = dataclasses.replace(POLICY, budget=budget)
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        seen = of("IF063", findings(folder, members, [made.file("x")], policy=policy))
        assert {f.severity for f in seen} <= {Severity.MEDIUM}
        return [f.key for f in seen]

    assert keys(Budget()) == []
    assert keys(Budget(size=10, unpacked=300_000, layers=1)) == ["layers", "size", "unpacked"]
    assert keys(Budget(size=1_000_000, unpacked=310_000, layers=2)) == []
    assert keys(Budget(size=0, layers=0)) == ["layers", "size"]


def test_many_layers(tmp_path: Path) -> None:
    good = image(tmp_path)

    def judged(count: int, most: int | None = None) -> list[str]:
        layers = (*good.layers, *(good.layers[0],) * (count - 1))
        policy = dataclasses.replace(POLICY, budget=Budget(layers=most))
        seen = run(dataclasses.replace(good, layers=layers), policy)
        return [str(f.severity) for f in of("IF063", seen)]

    assert judged(50) == []
    assert judged(51) == ["low"]
    assert judged(127) == ["low"]
    assert judged(128) == ["medium"]
    assert judged(100, 100) == []
    assert judged(128, 200) == ["medium"]
