"""What others say of our images: tools that share no code with imgforge must agree with it."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import pytest
from running import ROOT, Example, Key, docker, imgforge, run, somewhere, tool

from imgforge import project as projects

Built = Callable[[str, str], Example]
# What Trivy needs to work with neither a vulnerability database nor a network.
OFFLINE = ("--quiet", "--skip-db-update", "--offline-scan", "--scanners", "license")


@pytest.fixture(params=somewhere(), ids="-".join)
def example(request: pytest.FixtureRequest, built: Built) -> Example:
    name, engine = request.param
    return built(name, engine)


@pytest.fixture
def reference(example: Example) -> str:
    """Return the image in its layout as skopeo names it."""
    return f"oci:{example.layout}:{example.name.rpartition(':')[2]}"


@pytest.fixture
def alone(reference: str, tmp_path: Path) -> Path:
    """Return a layout that holds the image without its referrers, copied by skopeo."""
    run(tool("skopeo"), "copy", "--quiet", "--preserve-digests", reference, f"oci:{tmp_path}/alone")
    return tmp_path / "alone"


def packages(purls: list[str]) -> set[tuple[str, str]]:
    """Reduce package URLs to ``type/name`` and version, which all tools know alike.

    A Debian version's epoch stands in the version, as the purl specification's examples have it,
    or, from Trivy, in a qualifier.
    """
    out = set()
    for purl in purls:
        path, _, qualifiers = purl.removeprefix("pkg:").partition("?")
        name, _, version = path.partition("@")  # an @ in a name is written %40
        epoch = dict(parse_qsl(qualifiers)).get("epoch")
        version = unquote(version)
        if name.startswith("golang/"):
            version = version.removeprefix("v")
        out.add((unquote(name), f"{epoch}:{version}" if epoch else version))
    return out


def our_packages(example: Example) -> set[tuple[str, str]]:
    cyclonedx = json.loads((example.evidence / "sbom.cdx.json").read_text())
    spdx = json.loads((example.evidence / "sbom.spdx.json").read_text())
    ours = packages([c["purl"] for c in cyclonedx["components"] if "purl" in c])
    locators = [
        reference["referenceLocator"]
        for package in spdx["packages"]
        for reference in package.get("externalRefs", [])
        if reference["referenceType"] == "purl"
    ]
    assert {p for p in packages(locators) if not p[0].startswith("oci/")} == ours
    return ours


def test_skopeo_reads_the_layout(example: Example, reference: str) -> None:
    manifest = run(tool("skopeo"), "inspect", "--raw", reference).stdout
    assert "sha256:" + hashlib.sha256(manifest.encode()).hexdigest() == example.digest
    seen = json.loads(run(tool("skopeo"), "inspect", "--config", reference).stdout)
    assert seen["config"]["User"] == "65532:65532"
    plan = projects.load(example.folder).plan()
    assert seen["config"]["Entrypoint"] == list(plan.runtime.entrypoint)
    assert len(seen["rootfs"]["diff_ids"]) == len(json.loads(manifest)["layers"])


def test_docker_loads_what_skopeo_made_of_it(
    example: Example, reference: str, tmp_path: Path
) -> None:
    name = f"imgforge-test/judged:{example.result['engine']}"
    archive = tmp_path / "image.tar"
    run(tool("skopeo"), "copy", "--quiet", reference, f"docker-archive:{archive}:{name}")
    docker("load", "--input", archive)
    try:
        layers = json.loads(docker("inspect", "--format", "{{json .RootFS}}", name).stdout)
        config = json.loads(run(tool("skopeo"), "inspect", "--config", reference).stdout)
        assert layers["Layers"] == config["rootfs"]["diff_ids"]
    finally:
        docker("image", "rm", name)


def test_tar_finds_nothing_odd_in_the_layers(example: Example, alone: Path) -> None:
    digest = example.digest.removeprefix("sha256:")
    manifest = json.loads((alone / "blobs/sha256" / digest).read_text())
    for layer in manifest["layers"]:
        with tarfile.open(alone / "blobs" / layer["digest"].replace(":", "/")) as tar:
            names = [member.name for member in tar if not member.mode & 0o6000]
            assert len(names) == len(set(names)) == len(tar.getnames())


def test_hadolint_finds_nothing_in_the_dockerfile(example: Example) -> None:
    rendered = imgforge("render", cwd=example.folder).stdout
    dockerfile = example.folder / "Dockerfile.rendered"
    dockerfile.write_text(rendered, encoding="utf-8")
    said = run(tool("hadolint"), "--no-color", "--failure-threshold", "style", dockerfile)
    assert said.stdout == ""


@pytest.mark.parametrize("stack", sorted(path.name for path in (ROOT / "stacks").iterdir()))
def test_hadolint_finds_nothing_in_any_variant_of_a_stack(stack: str, tmp_path: Path) -> None:
    path = f"{Path(tool('hadolint')).parent}:{os.environ['PATH']}"
    lint = ("stack", "lint", ROOT / "stacks" / stack, "--format", "json")
    said = imgforge(*lint, cwd=tmp_path, env={"PATH": path})
    assert "hadolint is not installed" not in said.stderr
    findings = json.loads(said.stdout)["subjects"][0]["findings"]
    # Files that these write hold dollars that no shell may expand, which is what it asks about.
    writing = {"SC2016"} if stack in {"java", "php", "ruby", "static"} else set()
    assert {finding["check"] for finding in findings} == writing


# What judges list and nobody installed: docs/explanation/sbom-accuracy.md says of each kind why.
_RUNTIME = "maven/jrt-fs/jrt-fs"
GUESSED = {
    "go-api": {"golang/./journal", "golang/example.com/acme/links"},
    "java-boot": {"maven/app/app", _RUNTIME},
    "java-jar": {"maven/links/links", _RUNTIME},
    "java-maven": {"maven/app/app", _RUNTIME},
    "node-api": {"npm/benchmark", "npm/benchmarks", "npm/transport"},
}


def seen_by_imgforge_alone(ours: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return what only imgforge can know: what is linked in, bundled, or the application's own."""
    return {(name, version) for name, version in ours if name.startswith("generic/") or not version}


def test_syft_finds_what_our_sboms_list(example: Example, alone: Path) -> None:
    found = json.loads(run(tool("syft"), "--quiet", "--output", "json", f"oci-dir:{alone}").stdout)
    assert found["distro"]["id"] == "debian"
    seen = packages([a["purl"] for a in found["artifacts"] if a["type"] != "binary"])
    ours = our_packages(example)
    assert {name for name, _ in seen - ours} == GUESSED.get(example.folder.name, set())
    assert ours - seen == seen_by_imgforge_alone(ours) - seen


def test_trivy_finds_what_our_sboms_list(example: Example) -> None:
    # For jars Trivy would fetch a database: of Java's images it lists the distribution's packages.
    java = example.spec["stack"]["name"] == "java"
    found = run(
        *(tool("trivy"), "image", *OFFLINE, "--format", "json", "--list-all-pkgs"),
        *("--pkg-types", "os" if java else "os,library", "--input", example.layout),
    )
    listed = [p for r in json.loads(found.stdout)["Results"] for p in r.get("Packages", [])]
    # A module from a folder has no package URL there; we list it by its own name.
    seen = packages([p["Identifier"]["PURL"] for p in listed if "PURL" in p["Identifier"]])
    ours = our_packages(example)
    assert {name for name, _ in seen - ours} <= GUESSED.get(example.folder.name, set())
    # Of Ruby's default and of Debian's gems it lists none.
    unseen = ("maven/", "gem/") if java or example.spec["stack"]["name"] == "ruby" else ()
    left = ours - seen - seen_by_imgforge_alone(ours)
    assert {name for name, _ in left if not name.startswith(unseen)} == set()


def test_trivy_finds_no_secret_and_no_misconfiguration(example: Example) -> None:
    found = run(
        *(tool("trivy"), "image", "--quiet", "--offline-scan", "--format", "json"),
        *("--scanners", "secret", "--image-config-scanners", "secret"),
        *("--input", example.layout),
    )
    assert not [
        s for r in json.loads(found.stdout).get("Results", []) for s in r.get("Secrets", [])
    ]


@pytest.fixture
def pushed(example: Example, registry: str, key: Key) -> str:
    """Push the example as built, with its evidence; return its name in the registry."""
    name = f"{registry}/{example.spec['image']['name']}-{example.result['engine']}"
    out = imgforge(
        *("build", "--engine", example.result["engine"], "--format", "json"),
        *("--key", key.private, "--tag", example.name.rpartition(":")[2], "--push", name),
        cwd=example.folder,
        env=key.env,
    )
    assert json.loads(out.stdout)["digest"] == example.digest
    return f"{name}@{example.digest}"


def test_a_pushed_image_is_the_image_that_was_signed(pushed: str, key: Key, tmp_path: Path) -> None:
    """Seen by skopeo, Docker, cosign and, from the registry alone, imgforge."""
    digest = pushed.rpartition("@")[2]
    raw = run(tool("skopeo"), "inspect", "--raw", "--tls-verify=false", f"docker://{pushed}")
    assert "sha256:" + hashlib.sha256(raw.stdout.encode()).hexdigest() == digest
    docker("pull", "--quiet", pushed)
    docker("image", "rm", pushed)
    home = {"HOME": str(tmp_path)}
    said = run(tool("cosign"), "verify", *COSIGN, "--key", key.public, pushed, env=home)
    assert digest in said.stdout
    for kind in ("spdxjson", "cyclonedx", "slsaprovenance1"):
        verify = (tool("cosign"), "verify-attestation", *COSIGN, "--type", kind)
        run(*verify, "--key", key.public, pushed, env=home)
    said = imgforge("verify", "--key", key.public, pushed, cwd=tmp_path)
    assert said.stdout.strip().endswith(digest)


# Signed with a key, kept in no public log, on a registry without TLS.
COSIGN = ("--insecure-ignore-tlog=true", "--allow-insecure-registry", "--allow-http-registry")
