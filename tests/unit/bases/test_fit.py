from __future__ import annotations

import dataclasses

import pytest

from imgforge.bases import definitions, fit
from imgforge.errors import InvalidInputError
from imgforge.lock import LockedBase, LockedLayer, LockedPlatform
from imgforge.oci.types import Platform

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def made(
    name: str = "static", *layers: str, platforms: tuple[Platform, ...] = (AMD64,)
) -> LockedBase:
    chain = definitions.chain(name, packages="packages" in layers)
    locked = tuple(LockedLayer(d.name, (), ()) for d in chain)
    return LockedBase(
        name=name,
        source="packages",
        reference=f"imgforge/{name}",
        digest=ONE,
        epoch=0,
        definition=definitions.digest(chain),
        archives=(),
        platforms=tuple(LockedPlatform(p, ONE, locked) for p in platforms),
    )


def pulled(name: str, tag: str = "", upstream: str = "") -> LockedBase:
    platforms = (LockedPlatform(AMD64, ONE, ()),)
    reference = "registry.test/team/base"
    return LockedBase(
        name, "registry", reference, ONE, 0, "", (), platforms, tag=tag, upstream=upstream
    )


def misfits(
    base: LockedBase,
    name: str,
    *platforms: Platform,
    packages: bool = False,
) -> list[str]:
    return fit.misfits(base, name, platforms or (AMD64,), packages=packages)


def test_a_base_fits_what_it_was_locked_for() -> None:
    assert misfits(made(), "static") == []
    assert misfits(made("static", "packages"), "static", packages=True) == []
    assert misfits(made("cc"), "cc") == []


def test_a_platform_more_than_is_wanted_does_no_harm() -> None:
    both = made(platforms=(AMD64, ARM64))
    assert misfits(both, "static", AMD64) == []
    assert misfits(made(), "static", AMD64, ARM64) == ["it was not locked for linux/arm64"]


def test_each_misfit_is_said() -> None:
    assert misfits(made(), "cc") == ["static was locked, cc is wanted"]
    assert misfits(made(), "static", packages=True) == [
        "it was locked without system packages on top"
    ]
    assert misfits(made("static", "packages"), "static") == [
        "it was locked with system packages on top"
    ]
    changed = dataclasses.replace(made(), definition=TWO)
    assert misfits(changed, "static", ARM64) == ["it was not locked for linux/arm64", fit.CHANGED]
    other = dataclasses.replace(made(), platforms=(LockedPlatform(AMD64, ONE, ()),))
    assert misfits(other, "static") == [fit.CHANGED]
    with pytest.raises(InvalidInputError, match="no base 'gone'"):
        misfits(dataclasses.replace(made(), name="gone"), "gone")


@pytest.mark.parametrize(
    ("wanted", "tag", "upstream", "misfit"),
    [
        (f"registry.test/team/base@{ONE}", "", "", ""),
        (f"registry.test/team/base:13@{ONE}", "13", "", ""),
        (f"registry.test/team/base@{TWO}", "", TWO, ""),
        (f"registry.test/team/base@{TWO}", "", "", f"{TWO} is wanted, another digest was locked"),
        ("registry.test/team/base:13", "13", "", ""),
        ("registry.test/team/base:13", "12", "", "tag 13 is wanted, 12 was locked"),
        ("registry.test/team/base:13", "", "", "tag 13 is wanted, none was locked"),
        (
            f"registry.test/team/other@{ONE}",
            "",
            "",
            "locked from registry.test/team/base, wanted from registry.test/team/other",
        ),
    ],
)
def test_a_registrys_base_fits_its_reference(
    wanted: str, tag: str, upstream: str, misfit: str
) -> None:
    assert misfits(pulled(wanted, tag, upstream), wanted) == ([misfit] if misfit else [])


def test_a_base_that_comes_from_elsewhere_now_does_not_fit() -> None:
    assert misfits(dataclasses.replace(pulled("x"), name="static"), "static") == [
        "it now comes from distribution packages"
    ]
    name = f"registry.test/team/base@{ONE}"
    assert misfits(dataclasses.replace(made(), name=name), name) == [f"it now comes from {name}"]
