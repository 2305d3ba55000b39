"""``imgforge verify`` as people call it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import demanded
import jsonschema
import madeproof
import pytest
import tiny
from cryptography.hazmat.primitives.asymmetric import ec
from fakeregistry import FakeRegistry, serve
from madesigstore import IDENTITY, ISSUER
from signedbase import put

from imgforge import signing
from imgforge.cli.main import main
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, sha256
from imgforge.signing import statement
from imgforge.signing.signer import KeySigner
from imgforge.verify.answer import json_schema

CYCLONEDX = json.dumps(
    {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": [{"name": "app", "type": "application"}],
    }
).encode()
OURS = [
    (statement.SPDX, demanded.SPDX),
    (statement.CYCLONEDX, CYCLONEDX),
    (statement.PROVENANCE, b"{}"),
    (statement.FINDINGS, b"{}"),
]


@pytest.fixture(scope="module")
def signer() -> KeySigner:
    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signer: KeySigner) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(demanded.public(signer.public_key), "imgforge.pub")
    madeproof.root(tmp_path)


def by_identity(issuer: str = ISSUER) -> tuple[str, ...]:
    return (
        *("--identity", "https://github.com/acme/web/*", "--issuer", issuer),
        *("--trusted-root", "root.json"),
    )


def made(folder: Path, signer: KeySigner, salt: bytes = b"") -> tuple[Layout, Descriptor]:
    """Make an index of two images that is signed by a key, with everything, and an identity."""
    layout = Layout.create(folder)
    images = [tiny.image(layout, each, salt) for each in ("amd64", "arm64")]
    top = tiny.index(layout, *images)
    sealer = signing.KeySealer(signer)
    found = []
    for each in (top, *images):
        found += signing.sign_image(layout, each, sealer, name="app", predicates=OURS, created=1)
        found.append(madeproof.certified(layout, each))
    layout.write_index([top, *found])
    return layout, top


def test_a_layout_is_proven_by_key_and_told(
    tmp_path: Path, signer: KeySigner, capsys: pytest.CaptureFixture[str]
) -> None:
    _, top = made(tmp_path / "layout", signer)
    assert main(["verify", "--key", "imgforge.pub", "layout", "oci:layout"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{top.digest}\n{top.digest}\n"
    assert f"index: signature by the key {signer.public_key.fingerprint}" in err
    assert "linux/arm64 sha256:" in err
    assert err.count("signature, spdx, cyclonedx, provenance, findings by the key") == 2 * 2


def test_json_says_who_and_when(
    tmp_path: Path, signer: KeySigner, capsys: pytest.CaptureFixture[str]
) -> None:
    _, top = made(tmp_path / "layout", signer)
    policy = Path("policy.toml")
    policy.write_text(
        f'[[images]]\nmatch = "layout"\n[[images.signed-by]]\nidentity = "{IDENTITY}"\n'
        f'issuer = "{ISSUER}"\ntrusted-root = "root.json"\n'
    )
    asked = ["--key", "imgforge.pub", "--require", "spdx", "--platform", "linux/arm64"]
    assert main(["verify", "--policy", "policy.toml", *asked, "--format", "json", "layout"]) == 0
    told = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(json_schema()).validate(told)
    (image,) = told["images"]
    assert (image["image"], image["digest"]) == ("layout", top.digest)
    (platform,) = image["platforms"]
    assert platform["platform"] == "linux/arm64"
    assert [each["type"] for each in platform["proven"]] == ["signature", "signature", "spdx"]
    keyless = platform["proven"][0]
    assert keyless["claims"]["identity"] == IDENTITY
    assert keyless["times"] == ["2026-01-02T12:00:00Z"]
    assert told["policies"] == [
        {"file": str(path), "digest": sha256(path.read_bytes())}
        for path in (policy, Path("root.json"))
    ]


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--of", "verification"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema == json_schema()


def test_an_archive_is_as_good_as_a_layout(
    tmp_path: Path, signer: KeySigner, capsys: pytest.CaptureFixture[str]
) -> None:
    layout, top = made(tmp_path / "layout", signer)
    with tarfile.open("image.tar", "w") as tar:
        tar.add(layout.path, arcname=".")
    assert main(["verify", *by_identity(), "--offline", "image.tar"]) == 0
    assert capsys.readouterr().out == f"{top.digest}\n"


def test_images_that_are_listed_beside_their_index_are_no_others(
    tmp_path: Path, signer: KeySigner, capsys: pytest.CaptureFixture[str]
) -> None:
    layout, top = made(tmp_path / "layout", signer)
    layout.write_index([*layout.index(), *layout.children(top)])
    assert main(["verify", "--key", "imgforge.pub", "layout"]) == 0
    assert capsys.readouterr().out == f"{top.digest}\n"
    layout.write_index([*layout.index(), tiny.image(layout, salt=b"other")])
    assert main(["verify", "--key", "imgforge.pub", "layout"]) == 2
    assert "holds 2 images" in capsys.readouterr().err


@pytest.mark.parametrize(
    "what", ["docker-daemon:acme/web", "dockerfile:Dockerfile", "docker-archive:image.tar"]
)
def test_what_has_no_place_for_evidence_is_refused(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("Dockerfile", "image.tar"):
        Path(name).write_text("FROM scratch\n")
    assert main(["verify", "--key", "imgforge.pub", what]) == 2
    assert "no place for evidence" in capsys.readouterr().err


def test_one_that_fails_fails_all_and_is_named_first(
    tmp_path: Path, signer: KeySigner, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "good", signer)
    for name in ("bad", "worse"):
        layout, top = made(tmp_path / name, signer, name.encode())
        layout.write_index([top])
    images = ["good", "bad", "worse"]
    assert main(["verify", "--key", "imgforge.pub", *images, "--format", "json"]) == 5
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search("error: bad: sha256:.* has no valid signature by the key", err)
    assert "worse: sha256:" in err


def test_nothing_said_is_an_error_that_shows_how(
    tmp_path: Path, signer: KeySigner, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "layout", signer)
    assert main(["verify", "layout"]) == 2
    assert "--key imgforge.pub" in capsys.readouterr().err
    Path("policy.toml").write_text('fail-on = "high"\n')
    assert main(["verify", "--policy", "policy.toml", "layout"]) == 2


def test_an_image_that_no_entry_matches_is_refused(
    tmp_path: Path, signer: KeySigner, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "layout", signer)
    policy = '[[images]]\nmatch = "acme/*"\n[[images.signed-by]]\nkey = "imgforge.pub"\n'
    Path("policy.toml").write_text(policy)
    assert main(["verify", "--policy", "policy.toml", "--key", "imgforge.pub", "layout"]) == 5
    assert "matches layout" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags",
    [
        ["--require", "sbom"],
        ["--max-age", "soon"],
        ["--platform", "arm64"],
        ["--issuer", ISSUER],
        ["--policy", "none.toml"],
    ],
)
def test_a_slip_is_told_before_anything_is_asked(
    flags: list[str], tmp_path: Path, signer: KeySigner
) -> None:
    made(tmp_path / "layout", signer)
    assert main(["verify", "--key", "imgforge.pub", *flags, "layout"]) == 2


def test_a_registry_is_out_of_reach_offline(capsys: pytest.CaptureFixture[str]) -> None:
    image = "registry.invalid/acme/web:1"
    assert main(["verify", "--key", "imgforge.pub", "--offline", image]) == 2
    assert "this run is offline" in capsys.readouterr().err


def test_a_registry_is_matched_by_repository(
    tmp_path: Path, signer: KeySigner, capsys: pytest.CaptureFixture[str]
) -> None:
    layout, top = made(tmp_path / "layout", signer)
    with serve(FakeRegistry(referrers_api=True)) as registry:
        for each in layout.index():
            put(registry, layout, each, tag="1" if each == top else "")
        Path("policy.toml").write_text(
            f'[[images]]\nmatch = "{registry.place}/acme/*"\n[[images.signed-by]]\n'
            'key = "imgforge.pub"\n[[images.attested]]\ntype = "spdx"\n'
        )
        policy = ["--policy", "policy.toml"]
        assert main(["verify", *policy, f"{registry.place}/acme/web:1"]) == 0
        assert capsys.readouterr().out == f"{top.digest}\n"
        assert main(["verify", *policy, f"{registry.place}/other/web:1"]) == 5


@pytest.mark.parametrize("kind", ["cluster-image-policy", "kyverno"])
def test_the_same_demand_is_written_for_clusters(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = '[[images]]\nmatch = "registry.test/{}"\n[[images.signed-by]]\nkey = "imgforge.pub"\n'
    Path("policy.toml").write_text(policy.format("a/*") + policy.format("a-*"))
    assert main(["verify", "--export", kind, "--partial", "--policy", "policy.toml"]) == 0
    text = capsys.readouterr().out
    names = re.findall(r"^metadata:\n  name: (.+)$", text, re.MULTILINE)
    assert names == ["imgforge-registry-test-a", "imgforge-registry-test-a-2"]
    assert text.count("\n---\n") == 1
    flags = ["--partial", *by_identity(), "registry.test/b/*"]
    assert main(["verify", "--export", kind, *flags, "--output", "out.yaml"]) == 0
    assert "registry.test/b/" in Path("out.yaml").read_text()
    assert main(["verify", "--export", kind]) == 2


def test_no_policy_for_all_images_of_a_cluster_comes_about_by_leaving_them_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["verify", "--export", "kyverno", "--key", "imgforge.pub"]
    assert main(asked) == 2
    assert "which images the flags are about" in capsys.readouterr().err
    assert main([*asked, "*"]) == 0
    assert '- "*"' in capsys.readouterr().out


def test_who_demands_more_than_he_knows_is_told(
    tmp_path: Path, signer: KeySigner, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of an image that cosign signed: it has no attestations of a build's."""
    layout = Layout.create(tmp_path / "layout")
    image = tiny.image(layout)
    sealer = signing.KeySealer(signer)
    found = signing.sign_image(layout, image, sealer, name="app", predicates=(), created=1)
    layout.write_index([image, *found])
    assert main(["verify", "--key", "imgforge.pub", "layout"]) == 5
    assert "hint: --key alone demands" in capsys.readouterr().err
    assert main(["verify", "--key", "imgforge.pub", "--require", "spdx", "layout"]) == 5
    assert "hint" not in capsys.readouterr().err
    assert main(["verify", "--key", "imgforge.pub", "--require", "signature", "layout"]) == 0
    layout.write_index([image])
    assert main(["verify", "--key", "imgforge.pub", "layout"]) == 5
    assert "hint" not in capsys.readouterr().err


def test_another_sigstore_of_the_settings_is_pointed_at(
    tmp_path: Path,
    signer: KeySigner,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made(tmp_path / "layout", signer)
    asked = ["verify", "--offline", *by_identity()[:4], "layout"]
    assert main(asked) == 5
    assert "hint" not in capsys.readouterr().err
    monkeypatch.setenv("IMGFORGE_SIGSTORE_TRUST_CONFIG", str(tmp_path / "own.json"))
    assert main(asked) == 5
    assert f"jq .trustedRoot {tmp_path / 'own.json'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        (["--key", "awskms:///alias/release"], "imgforge key public KEY > release.pub"),
        (["--key", "pkcs11:object=release"], "imgforge key public KEY > release.pub"),
        ([*by_identity(), "--trusted-root", "config.json"], "jq .trustedRoot config.json"),
        (["--key", "imgforge.pub", "--require", "spdxjson"], "cosign's spdxjson is here spdx"),
    ],
)
def test_what_others_take_is_answered_with_what_to_give(
    flags: list[str],
    hint: str,
    tmp_path: Path,
    signer: KeySigner,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made(tmp_path / "layout", signer)
    kind = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
    Path("config.json").write_text(json.dumps({"mediaType": kind}))
    assert main(["verify", *flags, "layout"]) in {2, 5}
    assert hint in capsys.readouterr().err


def test_what_a_key_proves_loads_no_more_than_it_needs(tmp_path: Path, signer: KeySigner) -> None:
    made(tmp_path / "layout", signer)
    code = """
import sys
from imgforge.cli.main import main
code = main(["verify", "--quiet", "--key", "imgforge.pub", "--require", "signature", "layout"])
print(code, *({"sigstore", "httpx", "pydantic", "docker", "tuf"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "0"
