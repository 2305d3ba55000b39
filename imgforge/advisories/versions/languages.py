"""Versions of the languages' packages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from packaging.version import Version

_SEMVER: Final = re.compile(
    r"[v=]?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_NUGET: Final = re.compile(
    r"([0-9]+(?:\.[0-9]+){0,3})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)
_GEM: Final = re.compile(r"[0-9]+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
_COMPOSER: Final = re.compile(
    r"v?([0-9]+(?:\.[0-9]+)*)"
    r"(?:[._-]?(stable|beta|b|rc|alpha|a|patch|pl|p)((?:[.-]?[0-9]+)*))?([.-]?dev)?(?:\+\S*)?",
    re.IGNORECASE,
)
_STABILITY: Final = {
    "alpha": 1, "a": 1, "beta": 2, "b": 2, "rc": 3, "stable": 4, "": 4, "patch": 5, "pl": 5, "p": 5,
}  # fmt: skip

Identifiers = tuple[tuple[int, int | str], ...]


def pypi(version: str) -> Version:
    """Order as pip does (PEP 440)."""
    from packaging.version import Version

    return Version(version)


def semver(version: str) -> tuple[int, int, int, tuple[object, ...]]:
    """Order by Semantic Versioning 2.0.0; a leading ``v`` and missing numbers are forgiven."""
    return _semver(version)[0]


def pub(version: str) -> tuple[object, ...]:
    """Order as Dart's package manager does: Semantic Versioning, and builds count, too."""
    order, build = _semver(version)
    return (*order, _identifiers(build))


def _semver(version: str) -> tuple[tuple[int, int, int, tuple[object, ...]], str]:
    found = _SEMVER.fullmatch(version)
    if found is None:
        raise ValueError(version)
    major, minor, patch, before, build = found.groups()
    order = int(major), int(minor or 0), int(patch or 0), _release(before)
    return order, build or ""


def _release(before: str | None) -> tuple[object, ...]:
    return (1,) if before is None else (0, *_identifiers(before))


def _identifiers(text: str) -> Identifiers:
    parts = text.split(".") if text else []
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts)


def nuget(version: str) -> tuple[tuple[int, ...], tuple[object, ...]]:
    """Order as NuGet does: up to four numbers, and words in any case."""
    found = _NUGET.fullmatch(version.removeprefix("v"))
    if found is None:
        raise ValueError(version)
    numbers, before = found.groups()
    return _numbers(numbers), _release(before.lower() if before else before)


def _numbers(text: str) -> tuple[int, ...]:
    numbers = [int(number) for number in re.split("[.-]", text)]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def gem(version: str) -> Identifiers:
    """Order as RubyGems does (``Gem::Version``): a word is older than nothing, a number newer."""
    if _GEM.fullmatch(version) is None:
        raise ValueError(version)
    found: list[tuple[int, int | str]] = []
    numbers = True
    for segment in re.findall("[0-9]+|[A-Za-z]+", version.replace("-", ".pre.")):
        number = segment.isdecimal()
        if numbers and not number:
            # Zeros before the first word, and at the end, do not count.
            found = _without_zeros(found)
            numbers = False
        found.append((2, int(segment)) if number else (0, segment))
    return (*_without_zeros(found), (1, 0))


def _without_zeros(found: list[tuple[int, int | str]]) -> list[tuple[int, int | str]]:
    while found and found[-1] == (2, 0):
        found.pop()
    return found


def composer(version: str) -> tuple[object, ...]:
    """Order as Composer does; branches (``dev-main``) have no order: ValueError."""
    found = _COMPOSER.fullmatch(version)
    if found is None:
        raise ValueError(version)
    numbers, stability, more, dev = found.groups()
    parts = tuple(int(number) for number in re.findall("[0-9]+", more or ""))
    rank = _STABILITY[(stability or "").lower()]
    # "-dev" of a plain version is older than all of it, of another one than that one.
    if dev and not stability:
        return (_numbers(numbers), 0, (), 1)
    return (_numbers(numbers), rank, parts, 0 if dev else 1)


def cran(version: str) -> tuple[int, ...]:
    """Order as R does (``numeric_version``): numbers between dots and hyphens."""
    if re.fullmatch("[0-9]+(?:[.-][0-9]+)*", version) is None:
        raise ValueError(version)
    return tuple(int(number) for number in re.split("[.-]", version))


def hackage(version: str) -> tuple[int, ...]:
    """Order as Cabal does: numbers between dots."""
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)*", version) is None:
        raise ValueError(version)
    return tuple(int(number) for number in version.split("."))
