"""Policies for clusters, judged here: their schemas, and what their conditions hold of a predicate.

Rego runs in Microsoft's rego-cpp. Kyverno's conditions are JMESPath, which runs in Python's; its
own functions and operators are written down here from its sources (``pkg/engine/jmespath``,
``pkg/engine/variables/operator``).
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jmespath
import jsonschema
import yaml
from jmespath import exceptions, functions

SCHEMAS = Path(__file__).parents[1] / "data" / "clusters"
KINDS = {
    "ClusterImagePolicy": "clusterimagepolicy-v1beta1.json",
    "TrustRoot": "trustroot-v1alpha1.json",
    "ClusterPolicy": "clusterpolicy-v1.json",
}


def resources(text: str) -> list[dict[str, Any]]:
    """Read a policy's resources, each valid by its schema, in which nothing unknown stands."""
    assert text.isascii()
    found = list(yaml.safe_load_all(text))
    for each in found:
        inner = {key: value for key, value in each.items() if key == "spec"}
        _validator(each["kind"]).validate(inner)
        assert each["metadata"]["name"]
    return found


@functools.cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / KINDS[kind]).read_bytes())
    return jsonschema.Draft202012Validator(_closed(schema))


def _closed(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """A cluster drops fields that it does not know; here they are a mistake."""
    if isinstance(schema, dict):
        out = {key: _closed(value) for key, value in schema.items()}
        if "properties" in out and "x-kubernetes-preserve-unknown-fields" not in out:
            out.setdefault("additionalProperties", False)
        return out
    return [_closed(each) for each in schema] if isinstance(schema, list) else schema


def rego(module: str, statement: Mapping[str, Any]) -> bool:
    """Whether the controller would find the statement compliant."""
    from regopy import Interpreter

    judge = Interpreter()
    judge.add_module("main.rego", module)
    judge.set_input_term(json.dumps(statement))
    answer = str(judge.query("data.sigstore.isCompliant"))
    # OPA would take the rule's default here; rego-cpp 1.5 says that nothing is defined.
    assert answer in {'{"expressions":[true]}', '{"expressions":[false]}', "undefined"}, answer
    return answer == '{"expressions":[true]}'


class _Functions(functions.Functions):  # type: ignore[misc]  # the library has no types
    @functions.signature(  # type: ignore[untyped-decorator]
        {"types": ["string"]}, {"types": ["string", "number"]}
    )
    def _func_regex_match(self, pattern: str, text: object) -> bool:
        return re.search(pattern, str(text)) is not None

    @functions.signature(  # type: ignore[untyped-decorator]
        {"types": ["string"]}, {"types": ["string"]}, {"types": ["string"]}
    )
    def _func_time_since(self, layout: str, since: str, until: str) -> dt.timedelta:
        assert layout in {"", "2006-01-02"}
        assert until == ""
        found = dt.datetime.fromisoformat(since)
        found = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
        return dt.datetime.now(dt.UTC) - found


def kyverno(conditions: list[dict[str, Any]], predicate: Mapping[str, Any]) -> bool:
    """Whether Kyverno would find that all conditions hold; an error means that they do not."""
    # What stands in the context of a rule beside the predicate.
    context = {"request": {"secret": "x"}, **predicate}
    try:
        return all(_holds(each, context) for block in conditions for each in block["all"])
    except (exceptions.JMESPathError, ValueError):
        return False


def _holds(condition: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
    inner = re.fullmatch(r"\{\{((?:\{[^{}]*\}|[^{}])*)\}\}", condition["key"])
    assert inner is not None, condition
    assert "$(" not in condition["key"]
    options = jmespath.Options(custom_functions=_Functions())
    found = jmespath.search(inner[1], context, options=options)
    wanted = condition["value"]
    if condition["operator"] == "Equals":
        return type(found) is type(wanted) and found == wanted
    hours = dt.timedelta(hours=int(wanted.removesuffix("h")))
    assert isinstance(found, dt.timedelta)
    return {
        "LessThan": found < hours,
        "LessThanOrEquals": found <= hours,
        "GreaterThanOrEquals": found >= hours,
    }[condition["operator"]]
