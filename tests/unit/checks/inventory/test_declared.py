from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import madeimage as made
import pytest

from imgforge import checks, inventory
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.inventory import bound
from imgforge.inventory.declared import Declared, Install, Target
from imgforge.locks.locked import Entry, Locked
from imgforge.oci.types import Platform
from imgforge.policy import Policy

AMD64 = Platform("linux", "amd64")
BASE = [
    made.file(
        "var/lib/dpkg/status.d/libc6",
        b"Package: libc6\nVersion: 2.41\nArchitecture: amd64\nStatus: install ok installed\n",
    ),
]
LISTED = Locked(
    "imgforge.lock", (Entry("deb", "libc6", "2.41", architecture="amd64", hashes=("sha256:0",)),)
)
REQUIREMENTS = Locked(
    "requirements.txt",
    (
        Entry("pypi", "a", "1.0.0", 1),
        Entry("pypi", "w", "1", 2, marker='sys_platform == "win32"'),
        Entry("pypi", "t", "1", 3, scope="dev"),
    ),
)


def package(path: str, name: str, version: str) -> made.Member:
    text = f"Name: {name}\nVersion: {version}\n"
    return made.file(f"{path}/{name}-{version}.dist-info/METADATA", text.encode())


DEPS = [package("opt/deps", "a", "1.0")]
APP = [made.file("app/main.py", b"print()")]


def declared(*layers: str, base: Locked = LISTED) -> Declared:
    return Declared(
        Target(AMD64, "3.13"),
        base_name="cc",
        base=base,
        layers=layers,
        installs=(Install("opt/deps", REQUIREMENTS),),
        places=("app", "opt/deps"),
        own=("app",),
    )


def judge(
    tmp_path: Path,
    *layers: Sequence[made.Member],
    base: Locked = LISTED,
    lock: Locked = REQUIREMENTS,
    count: int = 1,
) -> dict[tuple[str, str], Finding]:
    tmp_path.mkdir(exist_ok=True)
    facts = made.facts(tmp_path, *layers)
    told = declared(*(layer.diff_id for layer in facts.layers[:count]), base=base)
    told = replace(told, installs=(Install("opt/deps", lock),))
    found = inventory.of(facts, told)
    findings = checks.run(facts, Policy(), bound(found, told))
    return {(finding.check, finding.key): finding for finding in findings}


def test_what_is_locked_and_nothing_else_has_no_findings(tmp_path: Path) -> None:
    assert judge(tmp_path, BASE, DEPS, APP) == {}


def test_without_a_declaration_nothing_is_compared(tmp_path: Path) -> None:
    assert bound(inventory.of(made.facts(tmp_path, BASE)), None) == ()


def test_packages_beside_the_lock(tmp_path: Path) -> None:
    more = [
        package("opt/deps", "b", "2"),
        package("app/vendor", "c", "3"),
        package("usr/lib", "d", "4"),
        package("opt/deps", "w", "1"),
        package("opt/deps", "t", "1"),
    ]
    found = judge(tmp_path, BASE, DEPS, APP, more)
    assert {key: finding.severity for key, finding in found.items()} == {
        ("IF191", "pypi:b"): Severity.HIGH,
        ("IF191", "pypi:c"): Severity.LOW,
        ("IF191", "pypi:d"): Severity.HIGH,
        ("IF193", "pypi:t"): Severity.MEDIUM,
        ("IF195", "pypi:w"): Severity.MEDIUM,
    }
    assert found["IF191", "pypi:d"].message.endswith("is neither in the base nor in a lock")


def test_packages_that_are_missing_or_other(tmp_path: Path) -> None:
    gone = [made.file("var/lib/dpkg/status.d/.wh.libc6", b"")]
    found = judge(tmp_path, BASE, [package("opt/deps", "a", "1.1")], gone)
    assert {key: finding.message for key, finding in found.items()} == {
        (
            "IF192",
            "pypi:a",
        ): "the pypi package a 1.1 is installed, requirements.txt has 1.0.0",
        (
            "IF190",
            "base:deb:libc6",
        ): "deb package libc6 2.41, of which base cc was made, is missing",
    }


def test_a_lock_of_which_nothing_is_installed(tmp_path: Path) -> None:
    found = judge(tmp_path, BASE, APP)
    assert list(found) == [("IF190", "pypi:a")]
    assert found["IF190", "pypi:a"].message == "pypi package a 1.0.0 of requirements.txt is missing"


def test_a_lock_that_does_not_tell_what_is_for_development(tmp_path: Path) -> None:
    lock = REQUIREMENTS._replace(scoped=False)
    assert judge(tmp_path, BASE, APP, lock=lock) == {}


def test_a_base_with_a_package_that_its_lock_has_not(tmp_path: Path) -> None:
    more = BASE[0][1].replace(b"libc6", b"evil")
    base = [*BASE, made.file("var/lib/dpkg/status.d/evil", more)]
    found = judge(tmp_path, base, DEPS, APP)
    assert list(found) == [("IF191", "deb:evil")]
    # What a registry's base has, no lock lists.
    assert judge(tmp_path / "other", base, DEPS, APP, base=Locked("imgforge.lock", ())) == {}


def test_a_squashed_image_is_told_apart_by_what_its_base_is_known_to_have(tmp_path: Path) -> None:
    assert judge(tmp_path, [*BASE, *DEPS, *APP], count=0) == {}


@pytest.mark.parametrize("count", [0, 1])
def test_parts_and_lines(tmp_path: Path, count: int) -> None:
    facts = made.facts(tmp_path, BASE, DEPS, APP)
    told = declared(*(layer.diff_id for layer in facts.layers[:count]))
    found = inventory.of(facts, told)
    assert [(c.package.name, c.part, c.declared) for c in found.components] == [
        ("libc6", "base", "imgforge.lock runtime libc6"),
        ("a", "app", "requirements.txt:1"),
    ]
    assert [c.part for c in inventory.of(facts).components] == ["", ""]
