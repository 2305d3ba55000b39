"""Both engines hold the same conditions of the same predicates as imgforge itself."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import clusters
import pytest

from imgforge.oci.types import MANIFEST, Descriptor
from imgforge.signing.proof import Witnesses
from imgforge.signing.statement import FINDINGS, PROVENANCE, SPDX, VULNERABILITIES
from imgforge.verify.conditions import Judged, held
from imgforge.verify.demand import Attested, Demand, SignedBy
from imgforge.verify.export import EXPORTS

TODAY = dt.datetime.now(dt.UTC).date()
WHO = SignedBy(identity="a@b.example", issuer="https://b.example", witnesses=Witnesses(log=True))


def ago(days: int) -> str:
    return (TODAY - dt.timedelta(days)).isoformat()


def found(*findings: dict[str, Any], day: str = TODAY.isoformat()) -> dict[str, Any]:
    return {"scanner": "imgforge 1", "day": day, "findings": list(findings)}


def scanned(when: str) -> dict[str, Any]:
    return {"metadata": {"scanFinishedOn": when}}


V1 = {
    "buildDefinition": {"buildType": "https://imgforge.dev/build/v1"},
    "runDetails": {"builder": {"id": "https://ci.example/run/7"}},
}
HIGH = {"check": "x", "severity": "high"}
LOW = {"check": "y", "severity": "low"}
ACCEPTED = {**HIGH, "ignored": "we know", "ignoredUntil": ago(-3)}
ENDED = {**HIGH, "ignored": "we knew", "ignoredUntil": ago(2)}
ENDLESS = {**HIGH, "ignored": "we know"}

CASES = [
    (Attested(PROVENANCE, builder="https://ci.example/*"), V1, True),
    (Attested(PROVENANCE, builder="https://ci.example/run/7"), V1, True),
    (Attested(PROVENANCE, builder="https://*.example"), V1, False),
    (Attested(PROVENANCE, builder="*"), {"runDetails": {}}, False),
    (Attested(PROVENANCE, builder="*"), {"runDetails": {"builder": {"id": 7}}}, False),
    (Attested(PROVENANCE, build_type="https://imgforge.dev/build/v?"), V1, True),
    (Attested(PROVENANCE, build_type="https://imgforge.dev/build/v2"), V1, False),
    (Attested("x:y", where={"/a/b": "v*"}), {"a": {"b": "v1"}}, True),
    (Attested("x:y", where={"/a/b": "v*"}), {"a": {"b": "w1"}}, False),
    (Attested("x:y", where={"/a/b": "v*"}), {"a": {}}, False),
    (Attested("x:y", where={"/a/b": "*"}), {"a": {"b": None}}, False),
    (Attested("x:y", where={"/a/b": "*"}), {"a": {"b": {}}}, False),
    (Attested("x:y", where={"/a/0": "v"}), {"a": ["v", "w"]}, True),
    (Attested("x:y", where={"/a/1": "v"}), {"a": ["v", "w"]}, False),
    (Attested("x:y", where={"/a/0": "v"}), {"a": {"0": "v"}}, True),
    (Attested("x:y", where={"/a/0": "v", "/b": "w"}), {"a": ["v"], "b": "w"}, True),
    (Attested("x:y", where={"/a/0": "v", "/b": "w"}), {"a": ["v"], "b": "v"}, False),
    (Attested("x:y", where={"/a": "true"}), {"a": True}, True),
    (Attested("x:y", where={"/a": "true"}), {"a": "true"}, True),
    (Attested("x:y", where={"/a": "true"}), {"a": False}, False),
    (Attested("x:y", where={"/a": "false"}), {"a": False}, True),
    (Attested("x:y", where={"/a": "10"}), {"a": 10}, True),
    (Attested("x:y", where={"/a": "10"}), {"a": 11}, False),
    (Attested("x:y", where={"/a": "1*"}), {"a": 10}, False),
    (Attested("x:y", where={"/a": "null"}), {}, False),
    (Attested("x:y", where={"/a": "null"}), {"a": None}, False),
    (Attested("x:y", where={"/a~1b": "c.d"}), {"a/b": "c.d"}, True),
    (Attested("x:y", where={"/a~1b": "c.d"}), {"a/b": "cxd"}, False),
    (Attested(FINDINGS, below="high"), found(LOW), True),
    (Attested(FINDINGS, below="high"), found(), True),
    (Attested(FINDINGS, below="high"), found(LOW, HIGH), False),
    (Attested(FINDINGS, below="low"), found(LOW), False),
    (Attested(FINDINGS, below="high"), found(ENDED), False),
    (Attested(FINDINGS, below="high"), found(ENDLESS), False),
    (Attested(FINDINGS, below="high"), found({"severity": "dire"}), False),
    (Attested(FINDINGS, below="high"), found({}), False),
    (Attested(FINDINGS, below="high"), {"scanner": "imgforge 1", "findings": None}, False),
    (Attested(FINDINGS, below="high"), {"scanner": "other 1", "findings": []}, False),
    (Attested(FINDINGS, max_age=7), found(day=ago(7)), True),
    (Attested(FINDINGS, max_age=7), found(day=ago(8)), False),
    (Attested(FINDINGS, max_age=0), found(day=ago(0)), True),
    (Attested(FINDINGS, max_age=7), found(day=ago(-5)), False),
    (Attested(FINDINGS, max_age=7), found(day="yesterday"), False),
    (Attested(VULNERABILITIES, max_age=7), scanned(f"{ago(6)}T00:00:00Z"), True),
    (Attested(VULNERABILITIES, max_age=7), scanned(f"{ago(9)}T00:00:00Z"), False),
    (Attested(VULNERABILITIES, max_age=7), scanned(f"{ago(-5)}T00:00:00Z"), False),
    (Attested(VULNERABILITIES, max_age=7), {}, False),
]


def by_kyverno(attested: Attested, predicate: dict[str, Any]) -> bool:
    text = EXPORTS["kyverno"](Demand((WHO,), (attested,)), "p", files={})
    (policy,) = clusters.resources(text)
    (image,) = policy["spec"]["rules"][0]["verifyImages"]
    signed, told = image["attestations"]
    assert signed["type"] == "https://sigstore.dev/cosign/sign/v1"
    assert told["type"] == attested.type
    return clusters.kyverno(told["conditions"], predicate)


def by_controller(attested: Attested, predicate: dict[str, Any]) -> bool:
    text = EXPORTS["cluster-image-policy"](Demand((WHO,), (attested,)), "p", files={})
    (policy,) = clusters.resources(text)
    signed, told = policy["spec"]["authorities"][0]["attestations"]
    assert signed["predicateType"] == "https://sigstore.dev/cosign/sign/v1"
    statement = {"predicateType": attested.type, "predicate": predicate}
    other = {**statement, "predicateType": "https://other.example"}
    assert not clusters.rego(told["policy"]["data"], other)
    return clusters.rego(told["policy"]["data"], statement)


@pytest.mark.parametrize(("attested", "predicate", "holds"), CASES, ids=range(len(CASES)))
def test_the_same_holds_everywhere(
    attested: Attested, predicate: dict[str, Any], *, holds: bool
) -> None:
    image = Descriptor(MANIFEST, f"sha256:{'0' * 64}", 1)
    subject = Judged(image.digest, None, image, TODAY)
    assert (held(attested, predicate, subject) == []) == holds
    assert by_controller(attested, predicate) == holds
    assert by_kyverno(attested, predicate) == holds


def test_what_a_policy_accepted_is_accepted_where_the_engine_can_tell() -> None:
    attested = Attested(FINDINGS, below="high")
    assert by_controller(attested, found(ACCEPTED))
    assert not by_kyverno(attested, found(ACCEPTED))
    text = EXPORTS["kyverno"](Demand((WHO,), (attested,)), "p", files={})
    assert "accepted count here, too" in text


def test_an_sbom_is_one_by_its_format() -> None:
    attested = Attested(SPDX)
    for judge in (by_controller, by_kyverno):
        assert judge(attested, {"spdxVersion": "SPDX-2.3"})
        assert not judge(attested, {"spdxVersion": "none"})
        assert not judge(attested, {})


def test_a_field_of_the_request_never_stands_for_one_of_the_predicate() -> None:
    attested = Attested("x:y", where={"/request/secret": "x"})
    text = EXPORTS["kyverno"](Demand((WHO,), (attested,)), "p", files={}, partial=True)
    (policy,) = clusters.resources(text)
    (image,) = policy["spec"]["rules"][0]["verifyImages"]
    assert "conditions" not in image["attestations"][1]
    assert "#   x:y: " in text.replace("# - ", "#   ")


def test_a_lock_is_nothing_for_a_cluster() -> None:
    attested = Attested(PROVENANCE, builder="x", locked=Path("imgforge.lock"))
    text = EXPORTS["kyverno"](Demand((WHO,), (attested,)), "p", files={}, partial=True)
    assert "no cluster has imgforge.lock" in text
