"""Rego of exported policies in the real Open Policy Agent: the one that cosign carries.

Sigstore's policy-controller has cosign's package judge attestations (``pkg/cosign/rego``), where it
asks for ``data.sigstore.isCompliant``. ``cosign verify-attestation --policy`` asks the same package
for ``data.signature.allow``, so one more file hands the answer on.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import clusters
import pytest
import tiny
from running import run, tool

from imgforge import publish, signing
from imgforge.oci.layout import Layout
from imgforge.oci.types import sha256
from imgforge.shipment import Shipment, Terms
from imgforge.signing.proof import Witnesses
from imgforge.signing.signatory import ByKey
from imgforge.signing.signer import KeySigner
from imgforge.signing.statement import FINDINGS, PROVENANCE, VULNERABILITIES
from imgforge.verify.demand import Attested, Demand, SignedBy
from imgforge.verify.export import EXPORTS

TODAY = dt.datetime.now(dt.UTC).date()
HIGH = {"check": "x", "severity": "high"}
WHO = SignedBy(identity="a@b.example", issuer="https://b.example", witnesses=Witnesses(log=True))


def ago(days: int) -> str:
    return (TODAY - dt.timedelta(days)).isoformat()


ALLOW = "package signature\n\nimport rego.v1\n\nallow if data.sigstore.isCompliant\n"
PREDICATES: dict[str, dict[str, Any]] = {
    PROVENANCE: {
        "buildDefinition": {
            "buildType": "https://imgforge.dev/build/v1",
            "externalParameters": {"list": ["a", "b"], "0": "zero", "on": True, "n": 10},
        },
        "runDetails": {"builder": {"id": "https://ci.example/run/7"}},
    },
    FINDINGS: {
        "scanner": "imgforge 1",
        "day": ago(3),
        "findings": [
            {"check": "y", "severity": "medium"},
            {**HIGH, "ignored": "we know", "ignoredUntil": ago(-3)},
        ],
    },
    VULNERABILITIES: {"metadata": {"scanFinishedOn": f"{ago(3)}T01:02:03Z"}},
}
GIVEN = "/buildDefinition/externalParameters"
HOLD = [
    Attested(
        PROVENANCE, builder="https://ci.example/*", build_type="https://imgforge.dev/build/v?"
    ),
    Attested(PROVENANCE, where={f"{GIVEN}/list/1": "b", f"{GIVEN}/0": "z*", f"{GIVEN}/on": "true"}),
    Attested(PROVENANCE, where={f"{GIVEN}/n": "10"}),
    Attested(FINDINGS, below="high", max_age=3),
    Attested(VULNERABILITIES, max_age=4),
]
FAIL = [
    Attested(PROVENANCE, builder="https://*.example"),
    Attested(PROVENANCE, builder="https://ci.example/*", build_type="other"),
    Attested(PROVENANCE, where={f"{GIVEN}/list/0": "b"}),
    Attested(PROVENANCE, where={f"{GIVEN}/none": "*"}),
    Attested(PROVENANCE, where={f"{GIVEN}/n": "1*"}),
    Attested(PROVENANCE, where={f"{GIVEN}/on": "false"}),
    Attested(FINDINGS, below="medium"),
    Attested(FINDINGS, max_age=2),
    Attested(VULNERABILITIES, max_age=2),
]


@pytest.fixture
def image(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Publish an image with all the attestations; its public key lies in ``k.pub``."""
    place = os.environ.get("IMGFORGE_TEST_REGISTRY") or request.getfixturevalue("registry")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    private, _ = signing.generate(tmp_path / "k", b"")
    signer = KeySigner.open(private, b"")
    repository = f"{place}/policies/{sha256(str(tmp_path).encode())[7:19]}"
    layout = Layout.create(tmp_path / "layout")
    made = tiny.image(layout, "amd64", repository.encode())
    found = signing.sign_image(
        layout,
        made,
        signing.KeySealer(signer),
        name="app",
        predicates=[(kind, json.dumps(said).encode()) for kind, said in PREDICATES.items()],
        created=1_700_000_000,
    )
    publish.publish(
        Shipment(layout, made, tuple(found)),
        publish.targets([repository], ["1"]),
        Terms((ByKey(signer.public_key),)),
        say=lambda _: None,
    )
    return f"{repository}:1"


def test_opa_holds_what_is_demanded(image: str, tmp_path: Path) -> None:
    (tmp_path / "allow.rego").write_text(ALLOW)
    for attested, holds in [(each, True) for each in HOLD] + [(each, False) for each in FAIL]:
        text = EXPORTS["cluster-image-policy"](Demand((WHO,), (attested,)), "p", files={})
        (policy,) = clusters.resources(text)
        told = policy["spec"]["authorities"][0]["attestations"][1]["policy"]
        assert told["type"] == "rego"
        (tmp_path / "p.rego").write_text(told["data"])
        done = run(
            *(tool("cosign"), "verify-attestation", "--key", tmp_path / "k.pub"),
            *("--insecure-ignore-tlog", "--type", attested.type),
            *("--policy", tmp_path / "p.rego", "--policy", tmp_path / "allow.rego", image),
            env={"HOME": str(tmp_path)},
            code=None,
        )
        assert (done.returncode == 0) == holds, (attested, done.stderr)
        # It is the policy that failed it, not the language.
        assert holds or "result is undefined for query" in done.stderr, done.stderr
