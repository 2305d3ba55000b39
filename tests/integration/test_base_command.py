"""``imgforge base`` on the real archive and a real registry, judged by other people's tools."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from running import Key, imgforge, run, tool

BOTH = ("linux/amd64", "linux/arm64")


@pytest.fixture(scope="module")
def pins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pin ``base`` for both platforms, so that every test means the same one."""
    folder = tmp_path_factory.mktemp("pins")
    imgforge("base", "build", "base", "--lock", folder / "base.lock", cwd=folder)
    return folder / "base.lock"


def test_a_base_is_written_for_both_platforms_without_emulation(pins: Path, tmp_path: Path) -> None:
    out = tmp_path / "layout"
    arguments = ("base", "build", "base", "--lock", pins, "--output", out, "--offline")
    value = json.loads(imgforge(*arguments, "--format", "json", cwd=tmp_path).stdout)
    assert tuple(value["platforms"]) == BOTH
    shown = json.loads(run(tool("skopeo"), "inspect", "--raw", f"oci:{out}").stdout)
    assert [m["digest"] for m in shown["manifests"]] == list(value["platforms"].values())
    assert "the same image" in imgforge("base", "diff", out, pins, cwd=tmp_path).stdout


def test_what_is_published_is_verified_by_cosign(
    pins: Path, registry: str, key: Key, tmp_path: Path
) -> None:
    target = f"{registry}/bases/base:13"
    made = imgforge(
        *("base", "publish", "base", target, "--lock", pins, "--key", key.private),
        cwd=tmp_path,
        env=key.env,
    )
    reference = made.stdout.strip()
    digest = reference.partition("@")[2]
    cosign = (tool("cosign"), "verify", "--key", key.public, "--insecure-ignore-tlog=true")
    proven = json.loads(run(*cosign, target, cwd=tmp_path).stdout)
    assert {p["critical"]["image"]["docker-manifest-digest"] for p in proven} == {digest}
    index = json.loads(
        run(tool("skopeo"), "inspect", "--raw", "--tls-verify=false", f"docker://{target}").stdout
    )
    assert [m["platform"]["architecture"] for m in index["manifests"]] == ["amd64", "arm64"]
    for manifest in index["manifests"]:
        image = f"{registry}/bases/base@{manifest['digest']}"
        run(*cosign, image, cwd=tmp_path)
        for kind in ("spdxjson", "cyclonedx", "slsaprovenance1"):
            attested = ("verify-attestation", "--type", kind, *cosign[2:], image)
            run(cosign[0], *attested, cwd=tmp_path)
    shown = imgforge("verify", "--key", key.public, target, cwd=tmp_path)
    assert shown.stdout.strip() == digest
    compared = imgforge("base", "diff", reference, pins, "--exit-code", cwd=tmp_path)
    assert compared.stdout.count("the same image") == len(BOTH)


def test_the_image_from_the_registry_stands_under_an_application(
    pins: Path, registry: str, key: Key, tmp_path: Path
) -> None:
    """Docker itself builds on what was published and finds the contract's files there."""
    target = f"{registry}/bases/under:13"
    imgforge(
        *("base", "publish", "base", target, "--lock", pins, "--key", key.private),
        cwd=tmp_path,
        env=key.env,
    )
    run(tool("docker"), "pull", "--quiet", target)
    name = run(tool("docker"), "create", target, "/none").stdout.strip()
    try:
        listed = run(tool("docker"), "export", name, "--output", tmp_path / "tree.tar")
        assert listed.returncode == 0
    finally:
        run(tool("docker"), "rm", name)
        run(tool("docker"), "image", "rm", target)
    names = run("tar", "tf", tmp_path / "tree.tar").stdout.splitlines()
    assert "etc/ssl/certs/ca-certificates.crt" in names
    assert not [n for n in names if re.search(r"bin/(ba|da)?sh$", n)]


def test_two_suites_differ_in_what_apt_says_they_do(pins: Path, tmp_path: Path) -> None:
    imgforge(
        *("base", "build", "base-bookworm", "--lock", "old.lock", "--platform", BOTH[0]),
        cwd=tmp_path,
    )
    arguments = ("base", "diff", "old.lock", pins, "--platform", BOTH[0])
    value = json.loads(imgforge(*arguments, "--format", "json", cwd=tmp_path).stdout)
    changes = {c["what"]: c for c in value["platforms"][BOTH[0]]["packages"]}
    assert changes["deb/libssl3"]["new"] is None
    assert changes["deb/libssl3t64"]["old"] is None
    for change in changes.values():
        if change["old"] and change["new"]:
            run("dpkg", "--compare-versions", change["old"], "lt", change["new"])
    assert imgforge(*arguments, "--exit-code", cwd=tmp_path, code=10).stdout


def test_every_shipped_base_is_listed_and_shown(tmp_path: Path) -> None:
    rows = json.loads(imgforge("base", "list", "--format", "json", cwd=tmp_path).stdout)
    assert {"static", "cc", "cc-bookworm", "python-3.13"} <= {row["name"] for row in rows}
    for row in rows:
        shown = imgforge("base", "show", row["name"], "--format", "json", cwd=tmp_path)
        value = json.loads(shown.stdout)
        assert value["abi"] == row["abi"]
        assert value["configuration"]["Env"]
