from __future__ import annotations

import random

import pytest

from imgforge.advisories.versions import LONGEST, key

CHAINS = {
    "deb": "0~ 0 0.1~rc1 0.1 0.1-1 0.1-1+b1 0.1a 1~~ 1~~a 1~ 1 1.2.3-4+deb12u1 1.2.3-4+deb12u2 "
    "1.2.3-10 1.10 2.36-9+deb12u9 2.36-9+deb12u10 1:0.1 2:0",
    "rpm": "1.0~rc1~git123 1.0~rc1 1.0~rc2 1.0 1.0-1 1.0-2.el9 1.0^ 1.0^git1 1.0^git2 1.0a 1.0aa "
    "1.0.1 2.0 2.0.1 2.0.1a 5.5p1 5.5p2 5.5p10 10xyz 10.1xyz 20101121 20101122 1:0.1",
    "apk": "0.1_alpha 0.1_alpha2 0.1_beta1 0.1_rc1 0.1 0.1-r0 0.1-r1 0.1_git20240101 0.1_p1 0.1_p2 "
    "0.1a 0.1a-r1 0.1.1 1.01 1.02 1.02.07 1.02.10-r1 1.1 1.10 006 13 20050718-r1",
    "pypi": "1.0.dev1 1.0a1 1.0b2 1.0rc1 1.0 1.0+local 1.0.post1 1.1 1!0.1",
    "semver": "1.0.0-0 1.0.0-1 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 "
    "1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 v1.1.0 2",
    "pub": "1.0.0-a 1.0.0 1.0.0+1 1.0.0+2 1.0.1",
    "maven": "1-alpha2snapshot 1-alpha2 1-alpha-123 1-beta-2 1-beta123 1-m2 1-m11 1-rc 1-cr2 "
    "1-rc123 1-SNAPSHOT 1 1-sp 1-sp2 1-sp123 1-abc 1-def 1-pom-1 1-1-snapshot 1-1 1-2 1-123 2.0 "
    "2.0.a 2-1 "
    "2.0.2 2.0.123 2.1.0 2.1-a 2.1b 2.1-c 2.1-1 2.1.0.1 2.2 2.123 11.a2 11.a11 11.b2 11.b11 11.m2 "
    "11.m11 11 11.a 11b 11c 11m",
    "gem": "1.a 1.a.1 1.b 1.0.0.pre1 1.0.0.rc1 1 1.0.1 1.1.a 1.1 1.9 1.10",
    "composer": "1.0-dev 1.0-alpha1-dev 1.0-alpha1 1.0-beta 1.0-beta2 1.0RC1 1.0 1.0-p1 1.0.1 1.10",
    "nuget": "1.0.0-ALPHA 1.0.0-beta 1.0.0-beta.2 1.0.0 1.0.0.1 1.0.1 1.10",
    "cran": "1 1.0 1.0-1 1.0.2 1.10",
    "hackage": "1 1.0 1.0.2 1.10",
}  # fmt: skip
"""From the ecosystems' own documents and tests; each is older than all after it."""

SAME = {
    "deb": "1.0 0:1.0 1.0-0",
    "rpm": "1.0 0:1.0 1_0 1.00",
    "apk": "1.2-r3 1.2-r3",
    "pypi": "1.0 1 1.0.0 v1.0",
    "semver": "1.0.0 v1.0.0 1.0.0+build 1.0.0+incompatible 1",
    "maven": "1 1.0 1.0.0 1-0 1.0-0 1-ga 1-final 1-release 1.0.Final 1.0-FINAL",
    "gem": "1 1.0 1.0.0",
    "composer": "1.0 v1.0.0 1.0.0.0 1.0-stable",
    "nuget": "1.0 1 1.0.0.0 1.0.0+build",
}  # fmt: skip

NONE = {
    "deb": ["", "1.0 2", "1.0_2", "-1", "a:1", "1.0\n"],
    "rpm": ["", "1 2", "a:1", "1:2:3"],
    "apk": ["", "a", "1.0bc", "1_foo", ".1", "-r1", "1.0-r", "0.1-r2-r3", "1.2\n"],
    "pypi": ["", "2004d", "1.0-x", "main"],
    "semver": ["", "main", "1.2.3.4", "1.0.0-", "(devel)", "1.0.0-a..b"],
    "maven": ["", "1 0", "-".join("1" * 200)],
    "gem": ["", "a", "1..2", "1.0 "],
    "composer": ["", "dev-main", "1.x-dev", "main"],
    "nuget": ["", "1.2.3.4.5", "main"],
    "cran": ["", "1.a"],
    "hackage": ["", "1-2"],
    "pub": ["", "any"],
}


@pytest.mark.parametrize("rule", CHAINS)
def test_versions_are_ordered_by_their_ecosystems_rule(rule: str) -> None:
    chain = CHAINS[rule].split()
    for index, older in enumerate(chain):
        for newer in chain[index + 1 :]:
            assert key(rule, older) < key(rule, newer), f"{older} < {newer}"
            assert not key(rule, newer) < key(rule, older)
    shuffled = random.Random(1).sample(chain, len(chain))  # noqa: S311 - the same each time
    assert sorted(shuffled, key=lambda v: key(rule, v)) == chain


@pytest.mark.parametrize("rule", SAME)
def test_spellings_of_one_version_are_equal(rule: str) -> None:
    first, *others = SAME[rule].split()
    for other in others:
        assert key(rule, first) == key(rule, other)
        assert not key(rule, first) < key(rule, other)


@pytest.mark.parametrize("rule", NONE)
def test_what_is_no_version_is_refused(rule: str) -> None:
    for text in [*NONE[rule], "1" * (LONGEST + 1)]:
        with pytest.raises(ValueError, match=r"version"):
            key(rule, text)


def test_numbers_may_be_longer_than_a_machines() -> None:
    for rule in ("deb", "rpm", "semver", "maven", "nuget", "gem"):
        assert key(rule, "1." + "9" * 40) < key(rule, "1.1" + "0" * 40)
