from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest

from imgforge.policy import FLAGS, Policy, asked_for
from imgforge.spec import Tool

KINDS: tuple[str, ...] = get_args(Tool)
ALL: dict[str, Any] = dict.fromkeys(FLAGS, True)
EVERYTHING = dataclasses.replace(Policy(fail_on="low"), **ALL)


def allowed(policy: Policy) -> set[str]:
    return {flag for flag in FLAGS if getattr(policy, flag)}


def test_a_spec_that_asks_for_nothing_gets_nothing() -> None:
    narrowed = asked_for(EVERYTHING, ())
    assert allowed(narrowed) == {"allow_root"}
    assert narrowed.fail_on == "low"


@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_is_allowed_if_the_spec_asks_and_the_policy_allows(kind: str) -> None:
    flag = f"allow_{kind.replace('-', '_')}"
    assert allowed(asked_for(EVERYTHING, (kind,))) == {"allow_root", flag}
    assert allowed(asked_for(Policy(), (kind,))) == set()


def test_every_permission_for_programs_is_a_kind_that_a_spec_can_ask_for() -> None:
    assert allowed(asked_for(EVERYTHING, KINDS)) == set(FLAGS)
