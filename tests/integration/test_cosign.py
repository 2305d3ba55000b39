"""Keys and files go both ways between imgforge and the real cosign; images: test_interop.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
from realcosign import NO_LOG, NO_SERVICES, PASSWORD, Cosign
from running import imgforge

from imgforge.oci.layout import Layout
from imgforge.oci.registry import push
from imgforge.oci.types import sha256

OURS = {"IMGFORGE_KEY_PASSWORD": PASSWORD}


@pytest.fixture
def cosign(tmp_path: Path) -> Cosign:
    return Cosign(tmp_path)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    imgforge("key", "generate", "ours", cwd=tmp_path, env=OURS)
    return tmp_path / "ours.key", tmp_path / "ours.pub"


def test_a_key_of_cosigns_signs_here_and_cosign_accepts_it(
    cosign: Cosign, tmp_path: Path, both_registries: str
) -> None:
    image = tiny.image(Layout.create(tmp_path / "layout"))
    name = push(Layout.open(tmp_path / "layout"), image, f"{both_registries}/keys/theirs")
    imgforge("sign", "--key", cosign.key, name, cwd=tmp_path, env=OURS)
    cosign("verify", "--key", cosign.pub, *NO_LOG, name)
    imgforge("verify", "--key", cosign.pub, "--require", "signature", name, cwd=tmp_path)


def test_a_key_of_ours_signs_with_cosign_and_that_counts_here(
    cosign: Cosign, tmp_path: Path, pair: tuple[Path, Path], both_registries: str
) -> None:
    image = tiny.image(Layout.create(tmp_path / "layout"))
    name = push(Layout.open(tmp_path / "layout"), image, f"{both_registries}/keys/ours")
    cosign("sign", "--yes", "--key", pair[0], *NO_SERVICES, name)
    imgforge("verify", "--key", pair[1], "--require", "signature", name, cwd=tmp_path)
    cosign.refuses("verify", "--key", cosign.pub, *NO_LOG, name)


def test_cosign_accepts_a_policy_signed_here(
    cosign: Cosign, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('fail-on = "low"\n')
    command = ("policy", "sign", policy, "--key", pair[0])
    imgforge(*command, cwd=tmp_path, env=OURS)
    verify_blob = ("verify-blob", "--key", pair[1], *NO_LOG)
    bundle = ("--bundle", f"{policy}.sigstore.json", policy)
    cosign(*verify_blob, *bundle)
    policy.write_text('fail-on = "high"\n')
    cosign.refuses(*verify_blob, *bundle)


def test_a_policy_that_cosign_signed_counts_here(
    cosign: Cosign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, config = tmp_path / "policy.toml", tmp_path / "config.toml"
    policy.write_text('fail-on = "low"\n')
    bundle = ("--bundle", f"{policy}.sigstore.json", policy)
    cosign("sign-blob", "--yes", "--key", cosign.key, *NO_SERVICES, *bundle)
    verified = imgforge("policy", "verify", policy, "--key", "cosign.pub", cwd=tmp_path)
    assert verified.stdout.strip() == sha256(policy.read_bytes())
    config.write_text('[policy]\nfile = "policy.toml"\nkey = "cosign.pub"\n')
    monkeypatch.setenv("IMGFORGE_CONFIG", str(config))
    assert 'fail-on = "low"' in imgforge("policy", "show", cwd=tmp_path).stdout
    policy.write_text('fail-on = "high"\n')
    assert "was changed" in imgforge("policy", "show", cwd=tmp_path, code=5).stderr
