from __future__ import annotations

import dataclasses

import pytest

from imgforge.bases.changes import Changes, between, refuse_older
from imgforge.errors import TransientError
from imgforge.lock import (
    Archive,
    LockedBase,
    LockedLayer,
    LockedPlatform,
    Package,
    Tarball,
    Wheel,
)
from imgforge.oci.types import Platform

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


def package(name: str, version: str, suite: str = "trixie") -> Package:
    path = f"pool/{name}_{version}.deb"
    return Package(name, version, "amd64", name, version, "a" * 64, 1, path, suite)


def base(
    *packages: Package,
    wheel: str = "1.0",
    tarball: str = "22.0.0",
    date: str = "2026-01-01T00:00:00Z",
    platforms: tuple[Platform, ...] = (AMD64, ARM64),
    digit: str = "1",
) -> LockedBase:
    layer = LockedLayer(
        "demo",
        packages,
        (Wheel("uv", wheel, ("b" * 64,), "c" * 64, 1),),
        (Tarball("@acme/tool", tarball, "d" * 64, 1, "tool.tgz", "sha512-" + "A" * 86 + "=="),),
    )
    return LockedBase(
        name="demo",
        source="packages",
        reference="imgforge/demo",
        digest="sha256:" + digit * 64,
        epoch=0,
        definition="sha256:" + "e" * 64,
        archives=(Archive("trixie", date, "f" * 64),),
        platforms=tuple(LockedPlatform(p, "sha256:" + digit * 64, (layer,)) for p in platforms),
    )


def test_a_base_does_not_differ_from_itself() -> None:
    found = between(base(package("libc6", "1")), base(package("libc6", "1")))
    assert not found
    assert list(found.lines()) == []
    assert found.security == 0


def test_everything_that_differs_is_listed_once_with_its_versions() -> None:
    old = base(package("gone", "1"), package("libc6", "2.41-1"), package("tzdata", "2026a"))
    new = base(
        package("libc6", "2.41-2"),
        package("new", "3"),
        package("tzdata", "2026a"),
        wheel="1.1",
        tarball="22.1.0",
        digit="2",
    )
    found = between(old, new, {"libc6": "2.41-2"})
    assert bool(found)
    assert [(c.kind, c.name, c.old, c.new, c.security) for c in found.packages] == [
        ("npm", "@acme/tool", "22.0.0", "22.1.0", False),
        ("deb", "gone", "1", "", False),
        ("deb", "libc6", "2.41-1", "2.41-2", True),
        ("deb", "new", "", "3", False),
        ("pypi", "uv", "1.0", "1.1", False),
    ]
    assert {c.platforms for c in found.packages} == {(AMD64, ARM64)}
    assert list(found.lines()) == [
        "  @acme/tool (npm) 22.0.0 → 22.1.0",
        "- gone 1",
        "  libc6 2.41-1 → 2.41-2  security",
        "+ new 3",
        "  uv (pypi) 1.0 → 1.1",
    ]
    shown = found.to_json()
    assert shown["oldDigest"] == old.digest
    assert shown["packages"][1] == {
        "type": "deb",
        "name": "gone",
        "old": "1",
        "new": None,
        "security": False,
        "mends": [],
        "platforms": ["linux/amd64", "linux/arm64"],
    }


@pytest.mark.parametrize(
    ("old", "new", "fix", "mark"),
    [
        ("1-1", "1-2", "1-2", "  security"),
        # A point release took the fix over, or is newer still: it is missing all the same.
        ("1-1", "1-3", "1-2", "  security"),
        ("1-2", "1-3", "1-2", ""),
        ("1-1", "1-2", "", ""),
        ("1-1~deb13u1", "1-1", "1-1", "  security"),
        ("1:1-1", "1:1-2", "2-9", ""),
    ],
)
def test_an_update_is_for_security_if_a_fix_is_newer_than_what_is_locked(
    old: str, new: str, fix: str, mark: str
) -> None:
    fixes = {"libc6": fix} if fix else {}
    found = between(base(package("libc6", old)), base(package("libc6", new)), fixes)
    assert list(found.lines()) == [f"  libc6 {old} → {new}{mark}"]
    assert found.security == bool(mark)


def test_what_differs_on_one_platform_says_so() -> None:
    old, new = base(package("libc6", "1")), base(package("libc6", "1"))
    other = dataclasses.replace(
        new.platforms[1], layers=(LockedLayer("demo", (package("libc6", "1+b1"),), ()),)
    )
    new = dataclasses.replace(new, platforms=(new.platforms[0], other))
    lines = list(between(old, new).lines())
    assert "  libc6 1 → 1+b1 (linux/arm64)" in lines
    assert "- uv (pypi) 1.0 (linux/arm64)" in lines


def test_platforms_that_only_one_has_are_not_compared() -> None:
    found = between(base(package("libc6", "1"), platforms=(AMD64,)), base(package("libc6", "1")))
    assert not found.packages


def test_one_version_of_other_bytes_is_a_change() -> None:
    other = dataclasses.replace(package("libc6", "1"), sha256="9" * 64)
    assert list(between(base(package("libc6", "1")), base(other)).lines()) == [
        "  libc6 1 → 1 (rebuilt)"
    ]


def test_newer_archives_alone_change_nothing() -> None:
    found = between(base(), base(date="2026-02-01T00:00:00Z"))
    assert not found
    assert found.archives == {"trixie": ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")}
    assert list(found.lines()) == [
        "archive trixie: 2026-01-01T00:00:00Z → 2026-02-01T00:00:00Z",
    ]


def test_older_archives_are_refused() -> None:
    refuse_older(base(), base())
    refuse_older(base(), base(date="2026-02-01T00:00:00Z"))
    with pytest.raises(TransientError, match="older than the lock") as caught:
        refuse_older(base(date="2026-02-01T00:00:00Z"), base())
    assert caught.value.details == (
        "trixie: 2026-02-01T00:00:00Z was locked, it is 2026-01-01T00:00:00Z",
    )


def test_another_digest_or_definition_is_a_change_in_itself() -> None:
    assert Changes("sha256:1", "sha256:2")
    assert not Changes("sha256:1", "")
    new = dataclasses.replace(base(), definition="sha256:" + "0" * 64)
    assert between(base(), new).definition
    assert between(base(), new)
