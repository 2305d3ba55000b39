from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from typing import Any

import clusters
import pytest

from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.types import sha256
from imgforge.signing.proof import Witnesses
from imgforge.signing.statement import FINDINGS, PROVENANCE, SPDX
from imgforge.verify.demand import Attested, Demand, SignedBy
from imgforge.verify.export import EXPORTS

DATA = Path(__file__).parents[2] / "signing" / "data"
GOLDEN = Path(__file__).parents[3] / "golden" / "clusters"
KEY, ROOT = Path("release.pub"), Path("trusted_root.json")
FILES = {
    KEY: (DATA / "cosign.pub").read_bytes(),
    ROOT: (DATA / "keyless" / "trusted_root.json").read_bytes(),
}
GITHUB = SignedBy(
    identity="https://github.com/acme/*/.github/workflows/release.yml@refs/tags/v*",
    issuer="https://token.actions.githubusercontent.com",
    witnesses=Witnesses(log=True),
)
BY_KEY = SignedBy(key=KEY)
ATTESTED = (
    Attested(SPDX),
    Attested(PROVENANCE, builder="https://github.com/acme/*", where={"/a/0": "x*"}),
    Attested(FINDINGS, below="high", max_age=7),
)


def exported(kind: str, *who: SignedBy, partial: bool = False, **of: Any) -> str:  # noqa: ANN401
    demand = Demand(who, match=of.pop("match", "registry.example/acme/*"), **of)
    return EXPORTS[kind](demand, "acme", files=FILES, partial=partial)


def lost(kind: str, *who: SignedBy, **of: Any) -> str:  # noqa: ANN401
    with pytest.raises(InvalidInputError, match="cannot check all") as caught:
        exported(kind, *who, **of)
    assert "--partial" in str(caught.value.hint)
    text = exported(kind, *who, partial=True, **of)
    clusters.resources(text)
    head = text[: text.index("\napiVersion")]
    assert "# NOT CHECKED by this policy" in head
    assert len(re.findall("^# - ", head, re.MULTILINE)) == len(caught.value.details)
    return "\n".join(caught.value.details)


@pytest.mark.parametrize("kind", EXPORTS)
def test_the_policy_of_a_github_workflow_is_as_it_was(kind: str) -> None:
    text = exported(kind, GITHUB, attested=ATTESTED)
    clusters.resources(text)
    path = GOLDEN / f"{kind}-github.yaml"
    if os.environ.get("IMGFORGE_UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_policy_of_a_key_is_as_it_was() -> None:
    text = exported("kyverno", BY_KEY, attested=ATTESTED)
    path = GOLDEN / "kyverno-key.yaml"
    if os.environ.get("IMGFORGE_UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    (policy,) = clusters.resources(text)
    (image,) = policy["spec"]["rules"][0]["verifyImages"]
    (entry,) = image["attestations"][0]["attestors"][0]["entries"]
    assert entry["keys"]["publicKeys"] == FILES[KEY].decode()
    assert entry["keys"]["rekor"]["ignoreTlog"]
    assert entry["keys"]["ctlog"]["ignoreSCT"]


def test_a_log_beside_a_key_is_demanded_of_kyverno() -> None:
    text = exported("kyverno", SignedBy(key=KEY, witnesses=Witnesses(log=True)))
    assert "ignoreTlog: false" in text
    assert "ignoreSCT: false" in text


def test_one_of_several_signatories_is_enough_for_kyverno() -> None:
    (policy,) = clusters.resources(exported("kyverno", BY_KEY, GITHUB))
    (image,) = policy["spec"]["rules"][0]["verifyImages"]
    (attestors,) = image["attestations"][0]["attestors"]
    assert attestors["count"] == 1
    assert [next(iter(each)) for each in attestors["entries"]] == ["keys", "keyless"]
    assert image["required"]
    assert image["mutateDigest"]
    assert image["failureAction"] == "Enforce"


def test_an_exact_identity_stays_exact() -> None:
    who = SignedBy(identity="a.b@c.example", issuer="https://c.example", witnesses=Witnesses(True))
    (policy,) = clusters.resources(exported("cluster-image-policy", who))
    (authority,) = policy["spec"]["authorities"]
    assert authority["keyless"]["identities"] == [
        {"issuer": "https://c.example", "subject": "a.b@c.example"}
    ]


def test_a_private_sigstore_comes_along_as_a_trust_root() -> None:
    who = SignedBy(
        identity="*@c.example",
        issuer="https://c.example",
        trusted_root=ROOT,
        witnesses=Witnesses(timestamp=True),
    )
    text = exported("cluster-image-policy", who, partial=True)
    root, policy = clusters.resources(text)
    (authority,) = policy["spec"]["authorities"]
    assert root["metadata"]["name"] == authority["keyless"]["trustRootRef"] == "acme-root-0"
    assert authority["rfc3161timestamp"] == {"trustRootRef": "acme-root-0"}
    assert authority["signatureFormat"] == "bundle"
    given = json.loads(FILES[ROOT])
    issuers = root["spec"]["sigstoreKeys"]["certificateAuthorities"]
    assert len(issuers) == len(given["certificateAuthorities"])
    for made, there in zip(issuers, given["certificateAuthorities"], strict=True):
        pem = base64.b64decode(made["certChain"]).decode()
        certificates = there["certChain"]["certificates"]
        assert pem.count("BEGIN CERTIFICATE") == len(certificates)
        assert certificates[0]["rawBytes"][:60] in pem.replace("\n", "")
        assert made["subject"]["organization"]
        assert made["subject"]["commonName"]
    assert authority["keyless"]["url"] == given["certificateAuthorities"][0]["uri"]


@pytest.mark.parametrize(
    ("kind", "glob", "images"),
    [
        ("cluster-image-policy", "*", ["**"]),
        ("cluster-image-policy", "r.example/a/*", ["r.example/a/**"]),
        ("cluster-image-policy", "r.example/a", ["r.example/a:**", "r.example/a@**"]),
        (
            "cluster-image-policy",
            "docker.io/acme/*",
            ["docker.io/acme/**", "index.docker.io/acme/**"],
        ),
        ("kyverno", "*", ["*"]),
        ("kyverno", "r.example/a", ["r.example/a:*", "r.example/a@*"]),
    ],
)
def test_images_are_matched_by_tag_and_digest(kind: str, glob: str, images: list[str]) -> None:
    (policy,) = clusters.resources(exported(kind, GITHUB, match=glob))
    spec = policy["spec"]
    if kind == "kyverno":
        assert spec["rules"][0]["verifyImages"][0]["imageReferences"] == images
    else:
        assert [each["glob"] for each in spec["images"]] == images


@pytest.mark.parametrize("kind", EXPORTS)
def test_what_no_cluster_can_check_is_refused_or_told(kind: str) -> None:
    claimed = SignedBy(identity="*", issuer="*", claims={"ref": "refs/heads/main"})
    attested = (
        Attested(PROVENANCE, source="https://github.com/acme/*", ref="v*", locked=Path("i.lock")),
        Attested(SPDX, true=True),
        Attested("x:y", below="low", max_age=3, builder="x"),
        Attested("x:z", where={"": "x"}),
    )
    said = lost(kind, claimed, attested=attested)
    for part in ("ref: only the", "source:", "ref: which", "i.lock", "true:", "below:", "max-age"):
        assert part in said
    assert "the whole predicate" in said
    assert "no type of SLSA provenance" in said


def test_images_that_cannot_be_named_are_all_judged() -> None:
    assert "every image is judged" in lost("cluster-image-policy", GITHUB, match="r.example/[ab]")
    assert "every image is judged" in lost("kyverno", GITHUB, match="r.example/[ab]")


def test_the_controller_reads_no_bundle_by_a_key() -> None:
    assert "no bundles that a key signed" in lost("cluster-image-policy", BY_KEY)
    text = exported("cluster-image-policy", BY_KEY, attested=(Attested(SPDX),), partial=True)
    (policy,) = clusters.resources(text)
    (authority,) = policy["spec"]["authorities"]
    assert "signatureFormat" not in authority
    assert [each["predicateType"] for each in authority["attestations"]] == [SPDX]


def test_what_kyverno_takes_for_something_else_is_told() -> None:
    stamped = SignedBy(identity="x", issuer="y", witnesses=Witnesses(log=True, timestamp=True))
    assert "a log's own time" in lost("kyverno", stamped)
    assert "one of both" in lost("cluster-image-policy", stamped)
    private = SignedBy(identity="x", issuer="y", trusted_root=ROOT, witnesses=Witnesses(log=True))
    assert "started with" in lost("kyverno", private)
    quoted = (Attested("x:y", where={"/a": "it's"}),)
    assert "braces" in lost("kyverno", GITHUB, attested=quoted)


@pytest.mark.parametrize("identity", ["{{request.object}}", "[z-a]", ""])
def test_a_signatory_that_cannot_be_named_is_never_widened(identity: str) -> None:
    odd = SignedBy(identity=identity, issuer="y", witnesses=Witnesses(log=True))
    with pytest.raises(InvalidInputError, match=r"signatory|who must have signed"):
        exported("kyverno", odd, partial=True)
    anyone = SignedBy(identity="x", witnesses=Witnesses(log=True))
    for kind in EXPORTS:
        with pytest.raises(InvalidInputError, match="who must have signed"):
            exported(kind, anyone, partial=True)


def test_hostile_text_stays_text() -> None:
    hostile = 'a"\n  - evil: {\u2028}\r\t`*'
    who = SignedBy(identity=hostile, issuer="a: b # c", witnesses=Witnesses(log=True))
    attested = (
        Attested("x:y\n---\nkind: Evil", where={"/a": 'x" } isCompliant if { true', "/b": "c"}),
    )
    for kind in EXPORTS:
        found = clusters.resources(exported(kind, who, attested=attested, partial=True))
        assert len(found) == 1
    (policy,) = clusters.resources(
        exported("cluster-image-policy", who, attested=attested, partial=True)
    )
    (authority,) = policy["spec"]["authorities"]
    assert authority["keyless"]["identities"][0]["issuer"] == "a: b # c"
    told = authority["attestations"][1]
    assert told["predicateType"] == attested[0].type
    statement = {"predicateType": attested[0].type, "predicate": {"a": "", "b": "c"}}
    assert not clusters.rego(told["policy"]["data"], statement)


@pytest.mark.parametrize("kind", EXPORTS)
def test_bad_input_is_named(kind: str) -> None:
    demand = Demand((GITHUB,))
    with pytest.raises(InvalidInputError, match="no name in Kubernetes"):
        EXPORTS[kind](demand, "Not A Name", files={})
    with pytest.raises(InvalidInputError, match="nothing says who"):
        EXPORTS[kind](Demand(()), "acme", files={})
    with pytest.raises(InvalidInputError, match="was not read"):
        EXPORTS[kind](Demand((BY_KEY,)), "acme", files={}, partial=True)
    with pytest.raises(EvidenceError, match=r"release\.pub"):
        EXPORTS[kind](Demand((BY_KEY,)), "acme", files={KEY: b"nothing"}, partial=True)
    pinned = SignedBy(key=KEY, digest=sha256(b"another"))
    with pytest.raises(EvidenceError, match="not the file of digest"):
        EXPORTS[kind](Demand((pinned,)), "acme", files=FILES, partial=True)
    where = Attested("x:y", where={"a": "b"})
    with pytest.raises(InvalidInputError, match="no JSON pointer"):
        EXPORTS[kind](Demand((GITHUB,), (where,)), "acme", files={})


@pytest.mark.parametrize("root", [b"", b"[]", b"{}", b'{"certificateAuthorities": [{"uri": "x"}]}'])
def test_a_malformed_root_is_named(root: bytes) -> None:
    who = SignedBy(identity="x", issuer="y", trusted_root=ROOT, witnesses=Witnesses(log=True))
    with pytest.raises(EvidenceError, match=r"trusted_root\.json"):
        EXPORTS["cluster-image-policy"](Demand((who,)), "acme", files={ROOT: root})
