from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from imgforge.errors import InvalidInputError
from imgforge.policy import Policy, downstream, load
from imgforge.policy.licences import Licences
from imgforge.policy.schema import json_schema
from imgforge.report import policy as report


def read(text: str, folder: Path) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text)
    return load(path)


def test_reads_the_table(tmp_path: Path) -> None:
    text = '[licences]\nallow = ["mit", "GPL-2.0"]\ndeny = ["AGPL-*"]\nscope = "app"\n'
    held = (Licences(("MIT", "GPL-2.0-only"), ("AGPL-*",), base=False),)
    assert read(text, tmp_path).licences == held
    assert read("", tmp_path).licences == ()
    assert read('[licences]\nallow = ["MIT"]', tmp_path).licences == (Licences(("MIT",)),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("licences = 1", "is not a table"),
        ("[licences]", "says neither"),
        ('[licences]\nscope = "app"', "says neither"),
        ('[licences]\ndeny = "MIT"', "is not a list"),
        ('[licences]\ndeny = ["Gnu"]', "no SPDX licence"),
        ('[licences]\nallow = ["MIT OR ISC"]', "no SPDX licence"),
        ('[licences]\ndeny = ["MIT"]\nscope = "base"', "is not all or app"),
        ('[licences]\ndenied = ["MIT"]', "unknown key"),
    ],
)
def test_refuses_what_would_judge_nothing(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(text, tmp_path)
    assert said in "\n".join(caught.value.details)


@pytest.mark.parametrize(
    ("table", "fits"),
    [
        ({"allow": ["MIT"]}, True),
        ({"deny": ["MIT"], "scope": "app"}, True),
        ({"scope": "app"}, False),
        ({"deny": ["MIT"], "scope": "base"}, False),
    ],
)
def test_the_schema_says_the_same(table: dict[str, object], *, fits: bool) -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    assert validator.is_valid({"licences": table}) is fits


def test_policies_below_can_only_add(tmp_path: Path) -> None:
    outer = Policy(licences=(Licences(deny=("AGPL-*",)),))
    inner = Policy(licences=(Licences(allow=("*",), base=False),))
    held = downstream.combined([("outer", outer), ("inner", inner)])
    assert held.licences == outer.licences + inner.licences
    shown = report.render([("outer", outer), ("inner", inner)], held)
    assert 'licences.deny = ["AGPL-*"]' in shown
    assert 'licences.scope = "app"' in shown
    value = json.loads(report.as_json([("outer", outer)], held))
    assert value["policy"]["licences"] == [{"deny": ["AGPL-*"]}, {"allow": ["*"], "scope": "app"}]
    assert read("", tmp_path).licences == ()
