"""What the gate refuses gets no name, and what is stored is believed only while it verifies."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from running import Key, copy_example, imgforge

from imgforge import cache

LEAK = 'KEY = "AKIA4HJ7K3LMNPQRSTUV"\nSECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ1pLk8vTs"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_example("python-web", tmp_path / "python-web")


def build(project: Path, *flags: str | Path, code: int = 0, key: Key | None = None) -> str:
    signing = ("--key", key.private) if key else ()
    done = imgforge(
        *("build", "--engine", "native", "--format", "json", *signing, *flags),
        cwd=project,
        env=key.env if key else None,
        code=code,
    )
    return done.stdout if code == 0 else done.stderr


def digest(project: Path) -> str:
    record = json.loads((project / ".imgforge/build.json").read_text())
    return str(record["image"]["digest"])


def test_a_credential_in_the_source_is_refused_and_the_old_image_stays(project: Path) -> None:
    build(project)
    before = digest(project)
    (project / "notes/leak.py").write_text(LEAK)
    said = build(project, code=10)
    assert "IF020" in said
    assert "AKIA4HJ7K3LMNPQRSTUV" not in said
    assert digest(project) == before
    rejected = json.loads((project / ".imgforge/rejected/findings.json").read_text())
    assert {f["check"] for f in rejected["findings"]} == {"IF020"}
    assert all("AKIA4HJ7K3LMNPQRSTUV" not in json.dumps(f) for f in rejected["findings"])


def test_a_key_pair_that_does_not_belong_together_is_refused(
    project: Path, key: Key, tmp_path: Path
) -> None:
    imgforge("key", "generate", tmp_path / "other", cwd=tmp_path, env=key.env)
    shutil.copy(key.public, tmp_path / "other.pub")
    done = imgforge(
        *("build", "--engine", "native", "--key", tmp_path / "other.key"),
        cwd=project,
        env=key.env,
        code=2,
    )
    assert "is not the public half" in done.stderr
    assert not (project / ".imgforge/build.json").exists()


def test_a_policy_accepts_with_a_reason_until_it_expires(project: Path) -> None:
    (project / "notes/leak.py").write_text(LEAK)
    policy = project / "policy.toml"
    ignore = (
        '[[ignore]]\ncheck = "IF020"\npath = "app/notes/leak.py"\n'
        'reason = "made up"\nowner = "us"\n'
    )
    policy.write_text(ignore + "expires = 2999-01-01\n")
    build(project, "--policy", policy)
    findings = json.loads((project / ".imgforge/evidence/findings.json").read_text())
    for finding in findings["findings"]:
        assert (finding["ignored"], finding["ignoredBy"]) == ("made up", "us")
        assert finding["ignoredUntil"] == "2999-01-01"
    policy.write_text(ignore + "expires = 2001-01-01\n")
    assert "IF090" in build(project, "--policy", policy, code=10)


def test_a_shell_needs_the_word_of_the_policy_and_of_the_spec(project: Path) -> None:
    (project / "notes/bin").mkdir()
    (project / "notes/bin/sh").write_text("#!/usr/bin/python3\n")
    policy, spec = project / "policy.toml", project / "imgforge.toml"
    policy.write_text("allow-shell = true\n")
    assert "IF030" in build(project, "--policy", policy, code=10)
    spec.write_text(spec.read_text().replace("[run]\n", '[run]\ntools = ["shell"]\n'))
    assert "IF030" in build(project, code=10)
    build(project, "--policy", policy)
    compared = ("check", "--spec", "imgforge.toml", "--policy", policy)
    imgforge(*compared, cwd=project)
    spec.write_text(spec.read_text().replace('tools = ["shell"]\n', ""))
    assert "IF030" in imgforge(*compared, cwd=project, code=10).stdout


def test_an_entry_point_that_is_not_there_is_found_before_anything_is_named(project: Path) -> None:
    spec = project / "imgforge.toml"
    spec.write_text(
        spec.read_text().replace(
            '["/usr/bin/python3", "-m", "notes"]\nports', '["/app/nope"]\nports'
        )
    )
    said = build(project, code=10)
    assert "IF050" in said
    assert not (project / ".imgforge/build.json").exists()


@pytest.mark.parametrize("what", ["evidence", "blob", "signature", "record", "nothing"])
def test_a_stored_build_is_believed_only_while_it_verifies(
    project: Path, key: Key, what: str
) -> None:
    first = json.loads(build(project, key=key))
    output = project / ".imgforge"
    if what == "evidence":
        (output / "evidence/findings.json").write_text("[]")
    elif what == "blob":
        largest = max((output / "image/blobs/sha256").iterdir(), key=lambda p: p.stat().st_size)
        data = bytearray(largest.read_bytes())
        data[len(data) // 2] ^= 1
        largest.unlink()  # it is a hard link to the cache's
        largest.write_bytes(data)
    elif what == "signature":
        index = json.loads((output / "image/index.json").read_text())
        index["manifests"] = [m for m in index["manifests"] if "artifactType" not in m]
        (output / "image/index.json").write_text(json.dumps(index))
    elif what == "record":
        (output / "build.json").write_text("{}")
    again = json.loads(build(project, key=key))
    assert again["unchanged"] is (what == "nothing")
    assert again["digest"] == first["digest"]
    imgforge("verify", "--key", key.public, cwd=project)


def test_a_spoiled_cache_is_noticed_before_anything_is_signed(
    project: Path, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "cache"
    others = shutil.ignore_patterns("buildah")  # a storage of mounts and devices
    shutil.copytree(cache.directory(), mine, copy_function=os.link, ignore=others)
    mine.chmod(0o700)
    monkeypatch.setenv("IMGFORGE_CACHE", str(mine))
    build(project, key=key)
    before = digest(project)
    for blob in (mine / "layers/blobs/sha256").iterdir():
        data = bytearray(blob.read_bytes())
        data[len(data) // 2] ^= 1
        blob.unlink()  # a hard link: the other caches' stays whole
        blob.write_bytes(data)
    # Another text each time: no layer of it was made before, and none of it is spoiled.
    (project / "notes/extra.py").write_text(f"PLACE = {str(tmp_path)!r}\n")
    shutil.rmtree(project / ".imgforge/work")
    assert "the cache it came from is spoiled" in build(project, code=5, key=key)
    assert digest(project) == before
    build(project, "--no-cache", key=key)
    imgforge("verify", "--key", key.public, cwd=project)


def test_every_input_makes_a_new_build(project: Path, key: Key) -> None:
    def unchanged(*flags: str | Path, signed: bool = True) -> bool:
        out = json.loads(build(project, *flags, key=key if signed else None))
        return bool(out["unchanged"])

    unchanged()
    assert unchanged()
    (project / "notes/extra.py").write_text("")
    assert not unchanged()
    (project / "notes/__pycache__").mkdir(exist_ok=True)
    (project / "notes/__pycache__/x.pyc").write_bytes(b"not shipped")
    assert unchanged()
    policy = project / "policy.toml"
    policy.write_text('fail-on = "medium"\n')
    assert not unchanged("--policy", policy)
    assert not unchanged()
    assert not unchanged("--tag", "other")
    assert not unchanged(signed=False)
    assert not unchanged("--no-cache")


def test_check_and_sbom_speak_of_the_stored_image(project: Path) -> None:
    build(project)
    found = json.loads(imgforge("check", "--format", "json", cwd=project).stdout)
    assert [(s["digest"], s["gate"]["passed"]) for s in found["subjects"]] == [
        (digest(project), True)
    ]
    sarif = json.loads(imgforge("check", "--format", "sarif", cwd=project).stdout)
    assert sarif["version"] == "2.1.0"
    spdx = json.loads(imgforge("sbom", cwd=project).stdout)
    stored = json.loads((project / ".imgforge/evidence/sbom.spdx.json").read_text())
    assert spdx["packages"] == stored["packages"]
    cyclonedx = json.loads(imgforge("sbom", "--format", "cyclonedx", cwd=project).stdout)
    assert cyclonedx["bomFormat"] == "CycloneDX"


def test_doctor_finds_what_the_tests_need(project: Path) -> None:
    facts = json.loads(imgforge("doctor", "--format", "json", cwd=project).stdout)
    assert {f["name"] for f in facts if f["ok"]} >= {"cache", "uv", "package archive"}
