"""Scores of CVSS 4.0 vectors (first.org/cvss/v4-0/specification-document, section 8).

A vector belongs to a macro vector: six digits, one for each set of metrics that count alike
("EQ1" to "EQ6"). Experts gave each macro vector a score; within it the score falls, towards the
next lower ones, by how far the vector is from the worst of its macro vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Final

from imgforge.advisories.cvss import metrics

_METRICS: Final = {
    "AV": "NALP", "AC": "LH", "AT": "NP", "PR": "NLH", "UI": "NPA",
    "VC": "HLN", "VI": "HLN", "VA": "HLN", "SC": "HLN", "SI": "HLN", "SA": "HLN",
}  # fmt: skip
_MORE: Final = {
    "E": "XAPU", "CR": "XHML", "IR": "XHML", "AR": "XHML",
    "MAV": "XNALP", "MAC": "XLH", "MAT": "XNP", "MPR": "XNLH", "MUI": "XNPA",
    "MVC": "XHLN", "MVI": "XHLN", "MVA": "XHLN", "MSC": "XHLN", "MSI": "XSHLN", "MSA": "XSHLN",
    "S": "XNP", "AU": "XNY", "V": "XDC", "RE": "XLMH",
}  # fmt: skip
_WORDS: Final = {"R": ("X", "A", "U", "I"), "U": ("X", "Clear", "Green", "Amber", "Red")}

_ORDER: Final = {
    "AV": "NALP", "PR": "NLH", "UI": "NPA", "AC": "LH", "AT": "NP", "VC": "HLN", "VI": "HLN",
    "VA": "HLN", "SC": "SHLN", "SI": "SHLN", "SA": "SHLN", "CR": "HML", "IR": "HML", "AR": "HML",
}  # fmt: skip
"""Values of a metric from the worst on; each step away counts one."""

_SETS: Final = (
    ("AV", "PR", "UI"),
    ("AC", "AT"),
    ("VC", "VI", "VA", "CR", "IR", "AR"),
    ("SC", "SI", "SA"),
)
"""The metrics of EQ1, EQ2, EQ3 with EQ6, and EQ4. EQ5 has one, and no distance in it."""

_WORST: Final[tuple[Mapping[str, tuple[str, ...]], ...]] = (
    {"0": ("NNN",), "1": ("ANN", "NLN", "NNP"), "2": ("PNN", "ALP")},
    {"0": ("LN",), "1": ("HN", "LP")},
    {
        "00": ("HHHHHH",),
        "01": ("HHLMMH", "HHHMMM"),
        "10": ("LHHHHH", "HLHHHH"),
        "11": ("LHLHMH", "LHHHMM", "HLHMHM", "HLLMHH", "LLHHHM"),
        "21": ("LLLHHH",),
    },
    {"0": ("HSS",), "1": ("HHH",), "2": ("LLL",)},
)
"""The worst vectors of each value of a set, in the order of its metrics (tables 24 to 30)."""

_DEPTH: Final[tuple[Mapping[str, int], ...]] = (
    {"0": 1, "1": 4, "2": 5},
    {"0": 1, "1": 2},
    {"00": 7, "01": 6, "10": 8, "11": 8, "21": 10},
    {"0": 6, "1": 5, "2": 4},
)
"""How many steps lie between the worst and the mildest vector of a set's value."""

_LOWER: Final = {"00": ("01", "10"), "01": ("11",), "10": ("11",), "11": ("21",), "21": ()}
"""The next milder values of EQ3 with EQ6."""

_TABLE: Final = """
10 9.8 9.5 10 9.3 9.1 9.3 8.9 8.1
9.9 9.5 9.2 9.6 8.7 8.1 9 8 6.8
9.8 9.5 9 9.3 8.9 8.1 8.8 7.8 6.9
9.5 9.2 8.4 9.2 8.1 6.5 8 7 4.8
9.2 8.2 7.2 7.9 6.9 5 6.9 5.5 2.7
9.9 9.5 9.2 9.5 9 8.4 9.2 8.2 7.2
9.7 9.2 8.5 9.1 8.3 7.1 8.1 7.1 5.3
9.5 9.2 8.5 9.2 8 7 8.4 7.1 5
9.3 8.5 7.3 8.2 7.2 5.9 7 5.2 3
8.6 7.5 5.2 7.1 5.2 2.9 6.3 2.9 1.7
9.8 9.4 9.1 9.4 8.6 7.7 8.7 7.4 6.3
9.5 8.7 8.1 8.9 7.4 6.4 7.5 6.3 4.9
9.4 8.8 7.6 8.6 7.4 5.9 7.2 5.7 5.2
8.9 7.7 6.7 7.6 5.8 5 5.7 5.2 2.5
8.3 7 5.4 6.5 5.8 2.6 5.3 2.1 1.3
9.5 8.8 7.6 9 7.5 6.1 7.7 6.8 5.2
9 7.6 7 7.7 6.2 5.3 6.6 5.9 3
8.9 7.6 6.2 7.4 5.7 4.7 6.1 5.7 2.4
7.8 6.7 5.8 5.9 5.7 2.3 5.2 2.9 1.6
7.1 5.9 3 5.8 2.6 1.5 2.3 1.3 0.6
9.3 8.6 7.5 8.6 7.4 5.6 7 5.2 4
8.7 7.2 5.8 7.4 6.1 3.4 5.4 4 2.2
8.5 7.4 6.2 7.2 5.5 4.6 5.3 3.4 1.9
7.5 5.5 5.1 5.7 4.1 1.9 3.6 1.9 0.8
6.4 5.1 2 4.7 2.1 1.1 2.4 0.9 0.4
8.8 7.3 6 7.3 5.9 4.1 5.4 4.5 2
7.5 5.3 5 5.5 4 2 4.3 2.2 1.1
7.5 5.8 4 6.1 4.8 2 4.6 1.7 0.8
5.5 4.5 2.1 5.1 1.8 0.9 1.8 0.7 0.2
5.3 2.4 1.4 2.4 1.2 0.5 1 0.3 0.1
"""
_SCORES: Final = dict(
    zip(
        product("012", "01", ("00", "01", "10", "11", "21"), "012", "012"),
        map(float, _TABLE.split()),
        strict=True,
    )
)
"""Scores of the macro vectors (EQ1, EQ2, EQ3 with EQ6, EQ4, EQ5).

Data of FIRST's calculator: copyright 2023 FIRST.ORG, Inc., Red Hat, and contributors, BSD-2-Clause.
"""

Macro = tuple[str, str, str, str, str]


def v4(vector: str) -> float:
    """Return the score of a CVSS 4.0 vector, by all metrics it has; ValueError if it is none."""
    prefix, _, rest = vector.partition("/")
    if prefix != "CVSS:4.0":
        raise ValueError(f"{prefix!a:.40} is not the prefix of version 4.0")
    given = metrics(rest)
    for name, value in given.items():
        known = _METRICS.get(name) or _MORE.get(name) or _WORDS.get(name, ())
        if value not in tuple(known):
            raise ValueError(f"{name}:{value} is no metric of version 4.0")
    if missing := [name for name in _METRICS if name not in given]:
        raise ValueError(f"the vector lacks {', '.join(missing)}")
    m = _effective(given)
    if all(m[name] == "N" for name in ("VC", "VI", "VA", "SC", "SI", "SA")):
        return 0.0
    macro = _macro(m)
    falls = []
    for index, names in enumerate(_SETS):
        below = [_SCORES[lower] for lower in _milder(macro, index)]
        if below:
            steps = _distance(m, names, _WORST[index][macro[index]])
            falls.append((_SCORES[macro] - max(below)) * steps / _DEPTH[index][macro[index]])
    if _milder(macro, 4):
        falls.append(0.0)
    score = _SCORES[macro] - (sum(falls) / len(falls) if falls else 0.0)
    # Half a tenth goes up, and floating point must not decide what is a half.
    return int((min(max(score, 0.0), 10.0) + 1e-6) * 10 + 0.5) / 10


def _effective(given: Mapping[str, str]) -> dict[str, str]:
    """Return what counts: an environment's values, and the worst for what nobody said."""
    m = dict(given)
    for name in _METRICS:
        modified = given.get(f"M{name}", "X")
        if modified != "X":
            m[name] = modified
    for name, worst in (("E", "A"), ("CR", "H"), ("IR", "H"), ("AR", "H")):
        if m.get(name, "X") == "X":
            m[name] = worst
    return m


def _macro(m: Mapping[str, str]) -> Macro:
    ease = [m["AV"] == "N", m["PR"] == "N", m["UI"] == "N"]
    eq1 = "0" if all(ease) else "1" if any(ease) and m["AV"] != "P" else "2"
    eq2 = "0" if m["AC"] == "L" and m["AT"] == "N" else "1"
    high = [m["VC"] == "H", m["VI"] == "H", m["VA"] == "H"]
    eq3 = "0" if high[0] and high[1] else "1" if any(high) else "2"
    wanted = zip(high, (m["CR"], m["IR"], m["AR"]), strict=True)
    eq6 = "0" if any(there and how == "H" for there, how in wanted) else "1"
    safety = "S" in (m["SI"], m["SA"])
    eq4 = "0" if safety else "1" if "H" in (m["SC"], m["SI"], m["SA"]) else "2"
    return eq1, eq2, eq3 + eq6, eq4, str("APU".index(m["E"]))


def _milder(macro: Macro, index: int) -> list[Macro]:
    """Return the macro vectors next below in one set; none if there is none."""
    here = macro[index]
    values = _LOWER[here] if len(here) > 1 else (str(int(here) + 1),)
    found = [(*macro[:index], value, *macro[index + 1 :]) for value in values]
    return [lower for lower in found if lower in _SCORES]


def _distance(m: Mapping[str, str], names: tuple[str, ...], worst: tuple[str, ...]) -> int:
    """Return the steps from the first of the worst vectors that is no milder anywhere."""
    for vector in worst:
        steps = [
            _ORDER[name].index(m[name]) - _ORDER[name].index(value)
            for name, value in zip(names, vector, strict=True)
        ]
        if min(steps) >= 0:
            return sum(steps)
    raise ValueError("the vector is milder than none of its macro vector's worst")
