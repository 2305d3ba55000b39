"""``imgforge provenance`` and ``imgforge rebuild`` as people call them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import heldproject
import pytest
from fakeregistry import FakeRegistry, serve
from signedbase import put

from imgforge import __version__, evidence
from imgforge.cli.main import main
from imgforge.oci.layout import Layout
from imgforge.oci.types import sha256
from imgforge.output import Output

SECRET = "canary-in-the-password"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGFORGE_KEY_PASSWORD", SECRET)
        patch.chdir(folder)
        assert main(["key", "generate"]) == 0
    return folder


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_lock: heldproject.MakeLock, keys: Path
) -> Path:
    """Return a committed project in a folder of its repository, with a key, as the current one."""
    root = heldproject.write(tmp_path / "repository/service", made_lock)
    heldproject.commit(root.parent)
    url = f"https://somebody:{SECRET}@example.com/acme/held.git"
    heldproject.git(root, "remote", "add", "origin", url)
    for name in ("imgforge.key", "imgforge.pub"):
        shutil.copy(keys / name, root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("IMGFORGE_KEY_PASSWORD", SECRET)
    return root


def build(*arguments: str) -> None:
    assert main(["build", "--engine", "native", *arguments]) == 0


def predicate(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / ".imgforge/evidence/provenance.json").read_text())
    return found


def test_everything_that_decides_is_pinned(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build("--key", "imgforge.key")
    capsys.readouterr()
    assert main(["provenance", "verify", "--key", "imgforge.pub", "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["complete"]
    states = {point["what"]: point["state"] for point in found["points"]}
    assert set(states.values()) == {"pinned"}
    assert {"source", "spec", "lock", "context", "base static", "package indexes"} <= set(states)
    definition = predicate(project)["buildDefinition"]
    (source,) = [m for m in definition["resolvedDependencies"] if m.get("name") == "source"]
    assert source["annotations"] == {"dirty": False, "folder": "service"}
    assert source["uri"] == "git+https://example.com/acme/held@refs/heads/main"


def test_nothing_secret_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build()
    capsys.readouterr()
    assert main(["provenance", "show"]) == 0
    text = capsys.readouterr().out + json.dumps(predicate(project))
    for told in (SECRET, "somebody", "canary-in-the-environment", str(project)):
        assert told not in text


def test_the_same_build_has_the_same_provenance(project: Path) -> None:
    build()
    one = predicate(project)
    build("--no-cache")
    assert predicate(project) == one
    byproducts = {row["name"] for row in one["runDetails"]["byproducts"]}
    assert byproducts == {"sbom.spdx.json", "sbom.cdx.json"}
    assert evidence.FINDINGS not in byproducts


def test_what_the_command_line_asked_is_told(project: Path) -> None:
    (project / "policy.toml").write_text('fail-on = "critical"\n')
    build("--source-date-epoch", "1700000001", "--policy", "policy.toml")
    definition = predicate(project)["buildDefinition"]
    assert definition["externalParameters"]["asked"] == {
        "engine": "native",
        "sourceDateEpoch": 1_700_000_001,
    }
    (row,) = [m for m in definition["resolvedDependencies"] if m.get("name") == "policy"]
    assert row["uri"] == "file:policy.toml"


def test_a_changed_checkout_is_no_commit(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "data/one.txt").write_text("two\n")
    build("--key", "imgforge.key")
    capsys.readouterr()
    assert main(["provenance", "verify", "--key", "imgforge.pub"]) == 10
    printed = capsys.readouterr()
    assert "OPEN    source: commit" in printed.out
    assert "it was changed since" in printed.err


@pytest.mark.usefixtures("project")
def test_an_unsigned_image_is_shown_as_such_and_not_verified(
    capsys: pytest.CaptureFixture[str],
) -> None:
    build()
    assert main(["provenance", "show"]) == 0
    assert "proven by   nobody" in capsys.readouterr().out
    assert main(["provenance", "verify"]) == 2
    assert main(["provenance", "verify", "--key", "imgforge.pub"]) == 5


def test_evidence_that_was_changed_is_refused(project: Path) -> None:
    build()
    path = project / ".imgforge/evidence/provenance.json"
    path.write_text(path.read_text().replace("native", "other"))
    assert main(["provenance", "show"]) == 5


def test_it_is_made_again_bit_for_bit(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build("--key", "imgforge.key")
    capsys.readouterr()
    digest = predicate_digest(project)
    again = ("--keep", "again", "--offline", "--engine", "native")
    assert main(["rebuild", "--key", "imgforge.pub", *again]) == 0
    assert capsys.readouterr().out == f"{digest}\n"
    assert [top.digest for top in Layout.open(project / "again").index()] == [digest]


def predicate_digest(root: Path) -> str:
    record = Output(root / ".imgforge").record()
    assert record is not None
    return record.descriptor.digest


def test_the_recorded_commit_is_taken_of_a_checkout_that_went_on(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build("--key", "imgforge.key")
    shutil.copytree(project / ".imgforge/image", tmp_path / "image")
    (project / "data/one.txt").write_text("later\n")
    heldproject.commit(project.parent)
    capsys.readouterr()
    pub = str(project / "imgforge.pub")
    assert main(["rebuild", str(tmp_path / "image"), "--key", pub, "--from", "."]) == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert main(["rebuild", str(tmp_path / "image"), "--from", str(elsewhere)]) == 2
    assert "not those that the image was made from" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_only_what_was_verified_is_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    build()
    assert main(["rebuild", "--fetch"]) == 2
    assert "only for provenance that was verified" in capsys.readouterr().err


def test_another_image_is_told_file_by_file(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    # An engine that is not what it was: it makes another file of the same input.
    from imgforge.engines import copies

    real = copies.context_entries

    def other(*arguments: Any) -> Any:  # noqa: ANN401
        for entry in real(*arguments):
            if str(entry.path).endswith("one.txt"):
                (project / "swapped").write_text("swapped")
                entry = dataclasses.replace(entry, source=project / "swapped")  # noqa: PLW2901
            yield entry

    monkeypatch.setattr(copies, "context_entries", other)
    capsys.readouterr()
    assert main(["rebuild", "--format", "json"]) == 10
    found = json.loads(capsys.readouterr().out)
    assert not found["same"]
    (platform,) = found["platforms"].values()
    assert [change["path"] for change in platform["changed"]] == ["app/data/one.txt"]
    assert [layer["packed"] for layer in platform["layers"]] == [False]
    assert main(["rebuild"]) == 10
    printed = capsys.readouterr().out
    assert "~ app/data/one.txt" in printed
    assert "of other content" in printed


def test_another_imgforge_says_so_before_it_builds(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build()
    output = project / ".imgforge"
    record = json.loads((output / "build.json").read_text())
    path = output / "evidence/provenance.json"
    value = json.loads(path.read_text())
    internal = value["buildDefinition"]["internalParameters"]
    internal["encoder"], internal["plan"] = "zip", {"sha256": "0" * 64}
    value["runDetails"]["builder"]["version"]["imgforge"] = "9.9"
    path.write_text(json.dumps(value))
    record["evidence"]["provenance.json"] = sha256(path.read_bytes())
    (output / "build.json").write_text(json.dumps(record))
    assert main(["rebuild"]) == 2
    printed = capsys.readouterr().err
    for said in ("encoder: ", "plan: ", f"9.9; this is {__version__}"):
        assert said in printed


def test_one_platform_of_several_is_made_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    made_lock: heldproject.MakeLock,
) -> None:
    root = heldproject.write(tmp_path / "two", made_lock, "linux/amd64", "linux/arm64")
    monkeypatch.chdir(root)
    build()
    layout = Layout.open(root / ".imgforge/image")
    images = layout.images(layout.index()[0])
    capsys.readouterr()
    assert main(["rebuild", "--platform", "linux/arm64"]) == 0
    (arm,) = [i for i in images if i.platform and i.platform.architecture == "arm64"]
    assert capsys.readouterr().out == f"{arm.digest}\n"
    assert main(["rebuild"]) == 0
    assert main(["rebuild", "--platform", "linux/s390x"]) == 2


def test_an_image_of_a_registry_is_shown_and_made_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build("--key", "imgforge.key")
    layout = Layout.open(project / ".imgforge/image")
    digest = predicate_digest(project)
    with serve(FakeRegistry(referrers_api=True)) as registry:
        for each in layout.index():
            put(registry, layout, each, tag="1" if each.digest == digest else "")
        name = f"{registry.place}/acme/held:1"
        capsys.readouterr()
        assert main(["provenance", "show", name]) == 0
        assert "proven by   nobody" in capsys.readouterr().out
        assert main(["rebuild", name, "--key", "imgforge.pub"]) == 0
        assert capsys.readouterr().out == f"{digest}\n"
        assert main(["provenance", "show", name, "--offline"]) == 2
