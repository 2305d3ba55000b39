"""Base scores of CVSS vectors, versions 2.0, 3.0 and 3.1, from FIRST's equations.

first.org/cvss/v2/guide (3.2.1), first.org/cvss/v3-1/specification-document (7, and appendix A for
how to round). Temporal and environmental metrics are checked and do not count: nobody upstream
knows an environment. Version 4.0 is in :mod:`imgforge.advisories.cvss4`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

LONGEST: Final = 400
"""Characters of a vector; one with every metric has under 250."""

_V2: Final = {
    "AV": {"L": 0.395, "A": 0.646, "N": 1.0},
    "AC": {"H": 0.35, "M": 0.61, "L": 0.71},
    "Au": {"M": 0.45, "S": 0.56, "N": 0.704},
    "C": {"N": 0.0, "P": 0.275, "C": 0.66},
    "I": {"N": 0.0, "P": 0.275, "C": 0.66},
    "A": {"N": 0.0, "P": 0.275, "C": 0.66},
}
_V2_MORE: Final = {
    "E": "U POC F H ND", "RL": "OF TF W U ND", "RC": "UC UR C ND", "CDP": "N L LM MH H ND",
    "TD": "N L M H ND", "CR": "L M H ND", "IR": "L M H ND", "AR": "L M H ND",
}  # fmt: skip
_V3: Final = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "PR": {"N": 0.85, "L": 0.62, "H": 0.27},
    "UI": {"N": 0.85, "R": 0.62},
    "S": {"U": 0.0, "C": 1.0},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_V3_MORE: Final = {
    "E": "X H F P U", "RL": "X U W T O", "RC": "X C R U", "CR": "X H M L", "IR": "X H M L",
    "AR": "X H M L", "MAV": "X N A L P", "MAC": "X L H", "MPR": "X N L H", "MUI": "X N R",
    "MS": "X U C", "MC": "X N L H", "MI": "X N L H", "MA": "X N L H",
}  # fmt: skip
_CHANGED: Final = {"N": 0.85, "L": 0.68, "H": 0.5}
"""Privileges required, where the scope changes."""


def metrics(vector: str) -> dict[str, str]:
    """Return a vector's metrics, its prefix left out; ValueError if one is twice or malformed."""
    if len(vector) > LONGEST:
        raise ValueError("the vector is too long")
    found: dict[str, str] = {}
    for part in vector.split("/"):
        name, _, value = part.partition(":")
        if not name or not value or name in found:
            raise ValueError(f"{part!a:.40} is no metric, or is there twice")
        found[name] = value
    return found


def _values(
    found: Mapping[str, str], base: Mapping[str, Mapping[str, float]], more: Mapping[str, str]
) -> dict[str, float]:
    for name, value in found.items():
        if value not in (base[name] if name in base else more.get(name, "").split()):
            raise ValueError(f"{name}:{value} is no metric of this version")
    if missing := [name for name in base if name not in found]:
        raise ValueError(f"the vector lacks {', '.join(missing)}")
    return {name: values[found[name]] for name, values in base.items()}


def v2(vector: str) -> float:
    """Return the base score of a CVSS 2.0 vector; ValueError if it is none."""
    m = _values(metrics(vector.removeprefix("(").removesuffix(")")), _V2, _V2_MORE)
    impact = 10.41 * (1 - (1 - m["C"]) * (1 - m["I"]) * (1 - m["A"]))
    ease = 20 * m["AV"] * m["AC"] * m["Au"]
    score = (0.6 * impact + 0.4 * ease - 1.5) * (1.176 if impact else 0)
    return float(f"{score + 1e-9:.1f}")


def v3(vector: str) -> float:
    """Return the base score of a CVSS 3.0 or 3.1 vector; ValueError if it is none."""
    version, _, rest = vector.partition("/")
    if re.fullmatch(r"CVSS:3\.[01]", version) is None:
        raise ValueError(f"{version!a:.40} is not the prefix of version 3")
    found = metrics(rest)
    m = _values(found, _V3, _V3_MORE)
    gain = 1 - (1 - m["C"]) * (1 - m["I"]) * (1 - m["A"])
    changed = found["S"] == "C"
    privileges = _CHANGED[found["PR"]] if changed else m["PR"]
    impact = 7.52 * (gain - 0.029) - 3.25 * (gain - 0.02) ** 15 if changed else 6.42 * gain
    if impact <= 0:
        return 0.0
    total = impact + 8.22 * m["AV"] * m["AC"] * privileges * m["UI"]
    return _up(min(1.08 * total if changed else total, 10))


def _up(score: float) -> float:
    """Round up to one decimal, without floating point's dust (appendix A)."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10
