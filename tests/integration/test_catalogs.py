"""A stack of an organisation's own: published to a real registry, pinned, built and told of."""

from __future__ import annotations

import json
from pathlib import Path

import madestack
import pytest
from madestack import NAME
from running import Key, docker, imgforge, run, tool

from imgforge import lock

OFFLINE = ("--insecure-ignore-tlog=true", "--allow-insecure-registry")


def test_a_catalogs_stack_is_published_pinned_built_and_told_of(
    engine: str,  # noqa: ARG001 - the build's
    registry: str,
    key: Key,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in key.env.items():
        monkeypatch.setenv(name, value)
    prefix = f"{registry}/catalog/{tmp_path.name}"
    place = {"name": "acme", "registry": prefix, "stacks": [NAME], "key": str(key.public)}
    madestack.configure(monkeypatch, tmp_path, place)
    own = madestack.write(tmp_path / "mine", "1.0.0")
    publish = ("stack", "publish", own, "--to", prefix, "--key", key.private)
    reference = imgforge(*publish, cwd=tmp_path).stdout.strip()
    assert imgforge(*publish, cwd=tmp_path).stdout.strip() == reference
    (own / "README.md").write_text("# acme-web\n\nOther papers.\n")
    assert "already" in imgforge(*publish, cwd=tmp_path, code=2).stderr
    # cosign, which knows nothing of stacks, finds the same signature.
    verify = ("verify", "--key", key.public, *OFFLINE, reference)
    run(tool("cosign"), *verify, env={"HOME": str(tmp_path)})

    project = tmp_path / "project"
    (project / "web").mkdir(parents=True)
    (project / "web" / "__main__.py").write_text("print(open('/opt/web/greeting').read())\n")
    (project / "imgforge.toml").write_text(madestack.SPEC)
    imgforge("lock", cwd=project)
    pin = lock.read(project / "imgforge.lock").stack
    assert pin is not None
    assert (pin.source, pin.version, f"{pin.reference}@{pin.revision}") == (
        *("registry", "1.0.0"),
        reference,
    )
    imgforge("build", "--engine", "buildkit", "--load", cwd=project)
    ran = docker("run", "--rm", "--read-only", "--cap-drop=ALL", "acme/web:1.0")
    assert ran.stdout.strip() == "hello"
    labels = json.loads(
        docker("inspect", "--format={{json .Config.Labels}}", "acme/web:1.0").stdout
    )
    assert labels["dev.imgforge.stack.source"] == f"acme (registry {reference})"
    told = json.loads((project / ".imgforge" / "evidence" / "provenance.json").read_text())
    rows = told["buildDefinition"]["resolvedDependencies"]
    (row,) = [row for row in rows if row.get("name") == "stack"]
    assert row["uri"] == f"oci:{reference}"
    # A new version is not taken by itself, and its changelog is told when it is.
    madestack.write(tmp_path / "mine", "1.1.0")
    imgforge(*publish, cwd=tmp_path)
    assert "kept" in imgforge("lock", "--dry-run", cwd=project).stderr
    done = imgforge("lock", "--upgrade", "stack", "--dry-run", "--format", "json", cwd=project)
    news = json.loads(done.stdout)["stack"]
    assert (news["before"], news["version"]) == ("1.0.0", "1.1.0")
    assert news["changelog"] == ["## 1.1.0", "- Greets louder."]
    bounds = tmp_path / "policy.toml"
    bounds.write_text('[stacks]\ncatalogs = ["imgforge"]\n')
    refused = imgforge("build", "--policy", bounds, cwd=project, code=2).stderr
    assert "it comes from the catalog acme" in refused
