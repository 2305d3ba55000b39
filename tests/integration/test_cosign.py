"""The real cosign as judge: what imgforge signs it accepts, and what it signs imgforge accepts."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from running import imgforge

from imgforge import publish, signing, verify
from imgforge.errors import EvidenceError
from imgforge.oci.layout import Layout
from imgforge.oci.registry import push
from imgforge.oci.types import Descriptor, sha256
from imgforge.signing import statement
from imgforge.signing.signatory import ByKey
from imgforge.signing.signer import KeySigner

PASSWORD = b"correct horse"
PREDICATES = {
    "spdxjson": (statement.SPDX, b'{"spdxVersion":"SPDX-2.3","name":"\xc3\xa9"}'),
    "cyclonedx": (statement.CYCLONEDX, b'{"bomFormat":"CycloneDX","specVersion":"1.6"}'),
    "slsaprovenance1": (
        statement.PROVENANCE,
        b'{"buildDefinition":{"buildType":"x"},"runDetails":{"builder":{"id":"y"}}}',
    ),
    statement.FINDINGS: (statement.FINDINGS, b'{"findings":[]}'),
}
NEEDED = [kind for kind, _ in PREDICATES.values()]
OFFLINE = ("--insecure-ignore-tlog",)
NO_LOG = ("--use-signing-config=false", "--tlog-upload=false", "-y")

Cosign = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cosign(tmp_path: Path) -> Cosign:
    """Return a function that runs cosign in a folder of its own."""
    program = shutil.which("cosign")
    assert program is not None, "cosign is needed: see CONTRIBUTING.md"
    env = {
        **os.environ,
        "COSIGN_PASSWORD": PASSWORD.decode(),
        "DOCKER_CONFIG": str(tmp_path),
        "HOME": str(tmp_path),
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def repository(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Return a repository of this test's own, in a registry that runs or the suite's."""
    place = os.environ.get("IMGFORGE_TEST_REGISTRY") or request.getfixturevalue("registry")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    unique = sha256(str(tmp_path).encode())[7:19]
    return f"{place}/cosign/{unique}"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return signing.generate(tmp_path / "ours", PASSWORD)


def published(
    layout: Layout, pair: tuple[Path, Path], repository: str
) -> tuple[Descriptor, list[Descriptor]]:
    """Publish a signed index of two platforms as tag 1."""
    signer = KeySigner.open(pair[0], PASSWORD)
    images = [tiny.image(layout, a, repository.encode()) for a in ("amd64", "arm64")]
    top = tiny.index(layout, *images)
    found = signing.sign_image(
        layout, top, signing.KeySealer(signer), name="app", created=1_700_000_000
    )
    for image in images:
        found += signing.sign_image(
            layout,
            image,
            signing.KeySealer(signer),
            name="app",
            predicates=list(PREDICATES.values()),
            created=1_700_000_000,
        )
    publish.publish(
        publish.Shipment(layout, top, tuple(found)),
        publish.targets([repository], ["1"]),
        publish.Terms((ByKey(signer.public_key),)),
        say=lambda _: None,
    )
    return top, images


def test_cosign_accepts_our_signatures_and_attestations(
    cosign: Cosign, layout: Layout, pair: tuple[Path, Path], repository: str
) -> None:
    top, images = published(layout, pair, repository)
    key = ("--key", str(pair[1]), *OFFLINE)
    for name in (f"{repository}:1", *(f"{repository}@{i.digest}" for i in (top, *images))):
        done = cosign("verify", *key, name)
        assert done.returncode == 0, done.stderr
        (claim, *_) = json.loads(done.stdout)
        assert claim["critical"]["image"]["docker-manifest-digest"] in name or name.endswith(":1")
    for option, (kind, predicate) in PREDICATES.items():
        done = cosign(
            "verify-attestation", *key, "--type", option, f"{repository}@{images[0].digest}"
        )
        assert done.returncode == 0, done.stderr
        (line,) = done.stdout.splitlines()
        told = json.loads(base64.b64decode(json.loads(line)["payload"]))
        assert told["predicateType"] == kind
        assert told["predicate"] == json.loads(predicate)


def test_cosign_refuses_our_image_under_another_key(
    cosign: Cosign, layout: Layout, pair: tuple[Path, Path], repository: str
) -> None:
    published(layout, pair, repository)
    assert cosign("generate-key-pair").returncode == 0
    assert cosign("verify", "--key", "cosign.pub", *OFFLINE, f"{repository}:1").returncode != 0


def test_a_key_pair_of_cosigns_signs_here(
    cosign: Cosign, layout: Layout, tmp_path: Path, repository: str
) -> None:
    assert cosign("generate-key-pair").returncode == 0
    pair = (tmp_path / "cosign.key", tmp_path / "cosign.pub")
    published(layout, pair, repository)
    done = cosign("verify", "--key", "cosign.pub", *OFFLINE, f"{repository}:1")
    assert done.returncode == 0, done.stderr
    proven = verify.verify_registry(f"{repository}:1", signing.load_public(pair[1]), require=NEEDED)
    assert len(proven.platforms) == 2


def test_a_key_pair_of_ours_signs_with_cosign_and_that_verifies_here(
    cosign: Cosign, layout: Layout, pair: tuple[Path, Path], tmp_path: Path, repository: str
) -> None:
    image = tiny.image(layout)
    name = push(layout, image, repository)
    key = signing.load_public(pair[1])
    (tmp_path / "sbom.json").write_bytes(PREDICATES["spdxjson"][1])
    attest = ("attest", "--type", "spdxjson", "--predicate", "sbom.json")
    done = cosign(*attest, "--key", str(pair[0]), *NO_LOG, name)
    assert done.returncode == 0, done.stderr
    # cosign verify would be content with the attestation alone.
    assert cosign("verify", "--key", str(pair[1]), *OFFLINE, name).returncode == 0
    with pytest.raises(EvidenceError, match="no valid signature"):
        verify.verify_registry(name, key)
    done = cosign("sign", "--key", str(pair[0]), *NO_LOG, name)
    assert done.returncode == 0, done.stderr
    proven = verify.verify_registry(name, key, require=[statement.SPDX])
    assert proven.digest == image.digest
    told = {a.predicate_type: a.predicate for a in proven.attestations}
    assert told[statement.SPDX] == json.loads(PREDICATES["spdxjson"][1])


def test_cosigns_evidence_and_ours_live_side_by_side(
    cosign: Cosign, layout: Layout, pair: tuple[Path, Path], repository: str
) -> None:
    top, _ = published(layout, pair, repository)
    assert cosign("generate-key-pair").returncode == 0
    name = f"{repository}@{top.digest}"
    assert cosign("sign", "--key", "cosign.key", *NO_LOG, name).returncode == 0
    published(layout, pair, repository)
    for public in ("cosign.pub", str(pair[1])):
        done = cosign("verify", "--key", public, *OFFLINE, name)
        assert done.returncode == 0, done.stderr
    key = signing.load_public(pair[1])
    assert len(verify.verify_registry(name, key, require=NEEDED).platforms) == 2


def test_cosign_accepts_a_policy_signed_here(
    cosign: Cosign, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('fail-on = "low"\n')
    command = ("policy", "sign", policy, "--key", pair[0])
    imgforge(*command, cwd=tmp_path, env={"IMGFORGE_KEY_PASSWORD": PASSWORD.decode()})
    verify_blob = ("verify-blob", "--key", str(pair[1]), *OFFLINE)
    bundle = ("--bundle", f"{policy}.sigstore.json", str(policy))
    done = cosign(*verify_blob, *bundle)
    assert done.returncode == 0, done.stderr
    policy.write_text('fail-on = "high"\n')
    assert cosign(*verify_blob, *bundle).returncode != 0


def test_a_policy_that_cosign_signed_counts_here(
    cosign: Cosign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cosign("generate-key-pair").returncode == 0
    policy, config = tmp_path / "policy.toml", tmp_path / "config.toml"
    policy.write_text('fail-on = "low"\n')
    bundle = ("--bundle", f"{policy}.sigstore.json", str(policy))
    done = cosign("sign-blob", "--key", "cosign.key", *NO_LOG, *bundle)
    assert done.returncode == 0, done.stderr
    verified = imgforge("policy", "verify", policy, "--key", "cosign.pub", cwd=tmp_path)
    assert verified.stdout.strip() == sha256(policy.read_bytes())
    config.write_text('[policy]\nfile = "policy.toml"\nkey = "cosign.pub"\n')
    monkeypatch.setenv("IMGFORGE_CONFIG", str(config))
    assert 'fail-on = "low"' in imgforge("policy", "show", cwd=tmp_path).stdout
    policy.write_text('fail-on = "high"\n')
    assert "was changed" in imgforge("policy", "show", cwd=tmp_path, code=5).stderr
