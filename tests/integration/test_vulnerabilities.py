"""A real build, a database with an advisory about a real package of it, and what follows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import madescan as made
import pytest
from running import Key, copy_example, imgforge


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_example("python-web", tmp_path / "python-web")


def first(project: Path) -> tuple[str, str]:
    """Return name and version of the first package that the example locks."""
    found = re.search(
        r"^([a-z0-9-]+)==([^\s;\\]+)", (project / "requirements.txt").read_text(), re.MULTILINE
    )
    assert found is not None
    return found[1], found[2]


def vex(project: Path, name: str) -> None:
    said = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": "web team",
        "timestamp": "2026-01-01T00:00:00Z",
        "statements": [
            {
                "vulnerability": {"name": "CVE-2026-1"},
                "products": [{"@id": f"pkg:pypi/{name}"}],
                "status": "not_affected",
                "justification": "vulnerable_code_not_present",
            }
        ],
    }
    (project / "web.vex.json").write_text(json.dumps(said))


def test_a_vulnerable_build_fails_until_vex_says_why_it_does_no_harm(
    project: Path, tmp_path: Path, key: Key
) -> None:
    name, version = first(project)
    hole = made.advisory("GHSA-x", package=name, fixed="999", aliases=["CVE-2026-1"])
    env = {**key.env, "IMGFORGE_DB": str(made.database(tmp_path, hole))}
    build = ("build", "--engine", "native", "--key", key.private)
    refused = imgforge(*build, cwd=project, env=env, code=10)
    assert "IF200" in refused.stderr
    assert f"CVE-2026-1 (critical, CVSS 9.8): {name} {version}" in refused.stderr
    assert not (project / ".imgforge/build.json").exists()

    vex(project, name)
    (project / "policy.toml").write_text('[vulnerabilities]\nrequired = true\nvex = ["*.vex.json"]')
    held = ("--policy", "policy.toml")
    built = imgforge(*build, *held, cwd=project, env=env)
    assert "VEX not_affected: vulnerable_code_not_present, by web team" in built.stderr
    said = json.loads((project / ".imgforge/evidence/vulnerabilities.json").read_text())
    (target,) = said["scanner"]["result"]["targets"]
    assert [v["id"] for v in target["images"][0]["vulnerabilities"]] == ["CVE-2026-1"]
    verify = ("verify", "--key", key.public, "--require", "vuln", "--below", "low")
    imgforge(*verify, "--max-age", "1", cwd=project, env=env)

    again = imgforge(*build, *held, cwd=project, env=env)
    assert "nothing changed" in again.stderr
    scanned = imgforge("scan", "--format", "json", cwd=project, env=env, code=10)
    result = json.loads(scanned.stdout)["targets"][0]
    assert result["read"] == "the build's own SBOM"
    read = imgforge("scan", "--layers", *held, cwd=project, env=env)
    assert "1 of 1 statements matched" in read.stdout

    # The database learns more: the stored build is no proof any more.
    (tmp_path / "more").mkdir()
    other = made.advisory("GHSA-y", package=name, fixed="999", aliases=["CVE-2026-2"])
    env["IMGFORGE_DB"] = str(made.database(tmp_path / "more", hole, other))
    assert "CVE-2026-2" in imgforge(*build, *held, cwd=project, env=env, code=10).stderr
    env["IMGFORGE_DB"] = str(tmp_path / "none")
    assert (
        "the policy requires a scan" in imgforge(*build, *held, cwd=project, env=env, code=5).stderr
    )


def test_a_result_is_attested_of_a_finished_image(project: Path, tmp_path: Path, key: Key) -> None:
    env = {**key.env, "IMGFORGE_DB": str(tmp_path / "none")}
    built = imgforge("build", "--engine", "native", "--key", key.private, cwd=project, env=env)
    assert "vulnerabilities were not looked for" in built.stderr
    verify = ("verify", "--key", key.public, "--require", "vuln", "--below", "high")
    imgforge(*verify, cwd=project, env=env, code=5)
    env["IMGFORGE_DB"] = str(made.database(tmp_path))
    imgforge("scan", "--attest", "--sign-key", key.private, cwd=project, env=env)
    imgforge(*verify, cwd=project, env=env)
