from __future__ import annotations

import json
from collections.abc import Callable

from imgforge import provenance
from imgforge.plan import BuildPlan

INPUTS = provenance.Inputs(*(f"sha256:{c * 64}" for c in "1234"))


def predicate(plan: BuildPlan) -> dict[str, object]:
    return provenance.predicate(plan, INPUTS, engine="native", tools={"imgforge-native": "1"})


def test_it_names_every_input_by_digest(make_plan: Callable[..., BuildPlan]) -> None:
    value = json.dumps(predicate(make_plan()))
    for digit in "134ab":
        assert digit * 64 in value
    assert '"engine": "native"' in value


def test_it_says_the_same_each_time(make_plan: Callable[..., BuildPlan]) -> None:
    assert predicate(make_plan()) == predicate(make_plan())


def test_it_has_the_fields_that_slsa_demands(make_plan: Callable[..., BuildPlan]) -> None:
    value = json.loads(json.dumps(predicate(make_plan())))
    definition, run = value["buildDefinition"], value["runDetails"]
    assert definition["buildType"].startswith("https://")
    assert isinstance(definition["externalParameters"], dict)
    assert run["builder"]["id"].startswith("https://")
    for dependency in definition["resolvedDependencies"]:
        assert set(dependency["digest"]) == {"sha256"}
        assert dependency["uri"]
    assert run["metadata"]["startedOn"].endswith("Z")


def test_secrets_are_named_never_told(make_plan: Callable[..., BuildPlan], spec_text: str) -> None:
    plan = make_plan(spec_text + '\n[[build.secrets]]\nid = "netrc"\nstep = "dependencies"\n')
    definition = json.loads(json.dumps(predicate(plan)))["buildDefinition"]
    assert definition["externalParameters"]["secrets"] == ["netrc"]
