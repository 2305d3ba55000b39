from __future__ import annotations

import random
from itertools import product

import cvss
import pytest

from imgforge.advisories.advisory import Severity
from imgforge.advisories.cvss import v2, v3
from imgforge.advisories.cvss4 import v4
from imgforge.advisories.severity import Rating, rated
from imgforge.severity import band

V3 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
V4_LOW = "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N"
BASE4 = {
    "AV": "NALP", "AC": "LH", "AT": "NP", "PR": "NLH", "UI": "NPA", "VC": "HLN", "VI": "HLN",
    "VA": "HLN", "SC": "HLN", "SI": "HLN", "SA": "HLN",
}  # fmt: skip
MORE4 = {
    "E": "XAPU", "CR": "XHML", "IR": "XHML", "AR": "XHML", "MAV": "XNALP", "MAC": "XLH",
    "MAT": "XNP", "MPR": "XNLH", "MUI": "XNPA", "MVC": "XHLN", "MVI": "XHLN", "MVA": "XHLN",
    "MSC": "XHLN", "MSI": "XSHLN", "MSA": "XSHLN",
}  # fmt: skip


def test_all_base_vectors_of_version_2_score_as_red_hats_library_says() -> None:
    for values in product("LAN", "HML", "MSN", "NPC", "NPC", "NPC"):
        names = ("AV", "AC", "Au", "C", "I", "A")
        vector = "/".join(f"{n}:{v}" for n, v in zip(names, values, strict=True))
        assert v2(vector) == float(cvss.CVSS2(vector).scores()[0]), vector


def test_all_base_vectors_of_version_3_score_as_red_hats_library_says() -> None:
    names = ("AV", "AC", "PR", "UI", "S", "C", "I", "A")
    for values in product("NALP", "LH", "NLH", "NR", "UC", "NLH", "NLH", "NLH"):
        vector = "CVSS:3.1/" + "/".join(f"{n}:{v}" for n, v in zip(names, values, strict=True))
        assert v3(vector) == float(cvss.CVSS3(vector).scores()[0]), vector


def test_vectors_of_version_4_score_as_red_hats_library_says() -> None:
    dice = random.Random(4)  # noqa: S311 - the same each time
    for number in range(1500):
        metrics = {name: dice.choice(values) for name, values in BASE4.items()}
        if number % 2:
            metrics |= {name: dice.choice(values) for name, values in MORE4.items()}
        vector = "CVSS:4.0/" + "/".join(f"{n}:{v}" for n, v in metrics.items())
        assert v4(vector) == float(cvss.CVSS4(vector).base_score), vector


@pytest.mark.parametrize(
    "vector",
    [
        "",
        "CVSS:3.1/AV:N",
        "CVSS:3.2/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        f"{V3}/AV:N",
        f"{V3}/ZZ:N",
        V3.replace("AV:N", "AV:Q"),
        V3 + "/" * 1000,
    ],
)
def test_vectors_that_are_none_are_refused(vector: str) -> None:
    for read in (v2, v3, v4):
        with pytest.raises(ValueError, match=r"\S"):
            read(vector)


def test_the_newest_version_of_cvss_counts() -> None:
    both = [Severity("CVSS_V3", V3), Severity("CVSS_V4", V4_LOW)]
    assert rated(both) == Rating("low", v4(V4_LOW), V4_LOW, "CVSS_V4")


def test_a_distributions_word_counts_before_a_vector_which_is_still_shown() -> None:
    said = [Severity("CVSS_V3", V3), Severity("Debian", "unimportant")]
    assert rated(said) == Rating("info", 9.8, V3, "Debian")


def test_another_databases_word_counts_where_there_is_no_vector() -> None:
    assert rated([Severity("GHSA", "MODERATE")]) == Rating("medium", 0.0, "", "GHSA")
    assert rated([Severity("GHSA", "LOW"), Severity("CVSS_V3", V3)]).level == "critical"


def test_what_nobody_rated_counts_as_the_worst_and_says_so() -> None:
    nothing = Rating("critical", 0.0, "", "")
    assert rated([]) == nothing
    assert (
        rated([Severity("CVSS_V3", "garbage"), Severity("Debian", "not yet assigned")]) == nothing
    )


def test_bands_are_those_of_the_specification() -> None:
    scores = {0.0: "info", 0.1: "low", 3.9: "low", 4.0: "medium", 7.0: "high", 9.0: "critical"}
    assert {score: band(score) for score in scores} == scores
