"""Versions of Debian's, RPM's and Alpine's packages."""

from __future__ import annotations

import re
from typing import Final

_DEB: Final = re.compile(r"(?:([0-9]+):)?([A-Za-z0-9.+~:-]+)")
_NUMBER: Final = re.compile(r"([0-9]+)")
_END: Final = chr(2)
_RPM: Final = re.compile(r"(?:([0-9]+):)?([^\s:-]+)(?:-([^\s:-]+))?")
_SEGMENT: Final = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")
_APK: Final = re.compile(
    r"([0-9]+)((?:\.[0-9]+)*)([a-z]?)"
    r"((?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*)(~[0-9a-f]+)?(?:-r([0-9]+))?"
)
_APK_SUFFIX: Final = re.compile(r"_([a-z]+)([0-9]*)")
_BEFORE: Final = ("alpha", "beta", "pre", "rc")
_AFTER: Final = ("cvs", "svn", "git", "hg", "p")

Runs = tuple[str | int, ...]


def _order(character: str) -> str:
    # "~" sorts before the end of a run (chr(2)), letters before all else.
    if character == "~":
        return chr(1)
    return character if character.isalpha() else chr(ord(character) + 256)


_DEB_ORDER: Final = str.maketrans(
    {c: _order(c) for c in map(chr, range(33, 127)) if not c.isdigit()}
)


def deb(version: str) -> tuple[int, Runs, Runs]:
    """Order as dpkg does (deb-version(7))."""
    found = _DEB.fullmatch(version)
    if found is None:
        raise ValueError(version)
    epoch, rest = found.groups()
    if epoch is None and ":" in rest:
        raise ValueError(version)
    upstream, hyphen, revision = rest.rpartition("-")
    if not hyphen:
        upstream, revision = rest, ""
    if not upstream:
        raise ValueError(version)
    return int(epoch or 0), _deb_runs(upstream), _deb_runs(revision)


def _deb_runs(text: str) -> Runs:
    """Return runs of other characters and numbers by turns, the last one marks the end."""
    if not text[-1:].isdigit():  # nothing is as good as "0"
        text += "0"
    found = _NUMBER.split(text.translate(_DEB_ORDER))
    runs: list[str | int] = [other + _END for other in found]
    runs[1::2] = map(int, found[1::2])
    return tuple(runs)


def rpm(version: str) -> tuple[int, tuple[tuple[int, int | str], ...], tuple[object, ...]]:
    """Order as rpm does: epoch, version and release, each by rpmvercmp (rpm-version(7))."""
    found = _RPM.fullmatch(version)
    if found is None:
        raise ValueError(version)
    epoch, upstream, release = found.groups()
    return int(epoch or 0), _rpm_segments(upstream), _rpm_segments(release or "")


def _rpm_segments(text: str) -> tuple[tuple[int, int | str], ...]:
    # "~" is older than the end, "^" newer than that and older than anything else.
    found: list[tuple[int, int | str]] = []
    for segment in _SEGMENT.findall(text):
        if segment == "~":
            found.append((0, 0))
        elif segment == "^":
            found.append((2, 0))
        elif segment[0].isdigit():
            found.append((4, int(segment)))
        else:
            found.append((3, segment))
    return (*found, (1, 0))


def apk(version: str) -> tuple[tuple[int, object], ...]:
    """Order as apk does (apk-package(5)); what is left out sorts before what is there."""
    found = _APK.fullmatch(version)
    if found is None:
        raise ValueError(version)
    first, more, letter, suffixes, commit, revision = found.groups()
    parts: list[tuple[int, object]] = [(8, int(first))]
    # With a leading zero a number is read as a fraction.
    parts += [(7, (0, n) if n[0] == "0" else (1, int(n))) for n in more.split(".")[1:]]
    if letter:
        parts.append((6, letter))
    for suffix, number in _APK_SUFFIX.findall(suffixes):
        before = suffix in _BEFORE
        parts.append((0, _BEFORE.index(suffix)) if before else (5, _AFTER.index(suffix)))
        if number:
            parts.append((4, int(number)))
    if commit:
        parts.append((3, commit))
    if revision is not None:
        parts.append((2, int(revision)))
    return (*parts, (1, 0))
