"""Which of two versions is newer, by the rules of each ecosystem.

A rule is a function that makes a key of a version's text; keys of one rule compare as the versions
do. ValueError if the text is no version by that rule: then nothing is known, and nothing is
guessed. A key is made once and compared thousands of times, so it is plain tuples where that can
be (docs/decisions/0028).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from imgforge.advisories.versions import distributions, languages, maven

Key = Any
"""Compares with keys of the same rule."""

LONGEST: Final = 512
"""Characters of a version; Debian's longest have about 60."""

RULES: Final[dict[str, Callable[[str], Key]]] = {
    "apk": distributions.apk,
    "composer": languages.composer,
    "cran": languages.cran,
    "deb": distributions.deb,
    "gem": languages.gem,
    "hackage": languages.hackage,
    "maven": maven.maven,
    "nuget": languages.nuget,
    "pub": languages.pub,
    "pypi": languages.pypi,
    "rpm": distributions.rpm,
    "semver": languages.semver,
}
"""What a rule is called here → what makes keys by it."""


@lru_cache(maxsize=1 << 15)
def key(rule: str, version: str) -> Key:
    """Return what compares as ``version`` does by ``rule``; ValueError if it is no such version."""
    if len(version) > LONGEST:
        raise ValueError(f"a version of {len(version)} characters")
    try:
        return RULES[rule](version)
    except ValueError as error:
        raise ValueError(f"{version!a} is no version by the rules of {rule}") from error
