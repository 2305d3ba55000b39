"""What policies say of stacks, one below the other."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from imgforge.errors import InvalidInputError
from imgforge.policy import Policy, downstream, load, organisation
from imgforge.policy.schema import json_schema
from imgforge.report import policy as report

WHOLE = """\
[stacks]
catalogs = ["imgforge", "acme"]
allow = ["acme/*@1.*"]
allow-steps = true
allow-blocks = false
[[stacks.trust]]
match = "registry.example/stacks/*"
key = "acme.pub"
"""


def policy(folder: Path, text: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_all_of_it_is_read_and_shown(tmp_path: Path) -> None:
    held = policy(tmp_path, WHOLE)
    stacks = held.stacks
    assert stacks.catalogs == (("imgforge", "acme"),)
    assert stacks.allow == (("acme/*@1.*",),)
    assert (stacks.allow_steps, stacks.allow_blocks) == (True, False)
    assert [each.key for each in stacks.files] == [tmp_path / "acme.pub"]
    shown = report.render([("policy.toml", held)], held)
    assert "stacks.allow-blocks = false" in shown
    assert 'stacks.catalogs = ["imgforge", "acme"]' in shown
    assert "stacks.trust" in shown
    assert '"acme/*@1.*"' in report.as_json([("policy.toml", held)], held)


def test_the_schema_says_the_same(tmp_path: Path) -> None:
    judge = jsonschema.Draft202012Validator(json_schema())
    judge.validate({"stacks": {"catalogs": ["a"], "trust": [{"match": "a", "key": "k"}]}})
    for wrong in (
        {"trust": [{"match": "a", "exempt": "b", "owner": "c", "expires": "2030-01-01"}]},
        {"trust": [{"match": "a"}]},
        {"allow-steps": "yes"},
        {"catalog": ["a"]},
    ):
        assert not judge.is_valid({"stacks": wrong})
    with pytest.raises(InvalidInputError) as caught:
        policy(
            tmp_path,
            '[stacks]\ncatalog = ["a"]\nallow-steps = "yes"\n[[stacks.trust]]\nmatch = "a"\n'
            'exempt = "b"\nowner = "c"\nexpires = 2030-01-01\n',
        )
    text = "\n".join(caught.value.details)
    assert "did you mean 'catalogs'?" in text
    assert "stacks.allow-steps: is not true or false" in text
    assert "nobody is exempt" in text


def test_what_is_below_tightens_and_cannot_loosen(tmp_path: Path) -> None:
    outer = policy(tmp_path, WHOLE)
    inner = policy(tmp_path, '[stacks]\ncatalogs = ["acme"]\nallow-steps = false\n')
    held = downstream.tighten(outer, inner).stacks
    assert held.catalogs == (("imgforge", "acme"), ("acme",))
    assert held.trust == outer.stacks.trust
    assert (held.allow_steps, held.allow_blocks) == (False, False)
    assert downstream.loosened(outer, inner, {}) == []
    loose = policy(tmp_path, "[stacks]\nallow-blocks = true\n")
    assert downstream.loosened(outer, loose, {}) == ["stacks.allow-blocks: not allowed"]
    assert downstream.tighten(outer, loose).stacks.allow_blocks is False


def test_a_pinned_policy_pins_the_keys_that_it_names(tmp_path: Path) -> None:
    held = policy(tmp_path, WHOLE)
    with pytest.raises(InvalidInputError, match="names files that are not") as caught:
        organisation.check_named(held, tmp_path / "policy.toml")
    assert caught.value.details == (str(tmp_path / "acme.pub"),)
    assert organisation.named_in(tmp_path / "policy.toml") == (tmp_path / "acme.pub",)
