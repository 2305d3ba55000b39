from __future__ import annotations

import json
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest

from imgforge import spec as specs
from imgforge import stack as stacks
from imgforge.choice import choose
from imgforge.cli import main

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/imgforge.toml"))
_JARS = {
    "java-jar": ("links.jar", "links/Links.class"),
    "java-boot": ("status.jar", "BOOT-INF/layers.idx"),
}
TASTE = {"jlink", "class-data"}
"""Parameters of examples that are choices: no file of a project says them."""


def project(folder: Path) -> Path:
    (folder / "requirements.txt").write_text("", encoding="utf-8")
    (folder / "main.py").write_text("", encoding="utf-8")
    return folder


def test_writes_a_spec_that_is_valid_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["init", str(project(tmp_path))]) == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path}/imgforge.toml\n"
    assert "main.py is a guess" in said.err
    assert f"next: imgforge lock {tmp_path}, then imgforge build {tmp_path}" in said.err
    text = (tmp_path / "imgforge.toml").read_text(encoding="utf-8")
    assert "#   main.py: a usual name\n" in text
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_never_replaces_a_spec_unless_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = project(tmp_path) / "imgforge.toml"
    spec.write_text("mine", encoding="utf-8")
    assert main.main(["init", str(tmp_path)]) == 2
    assert spec.read_text(encoding="utf-8") == "mine"
    assert "--force" in capsys.readouterr().err
    assert main.main(["init", str(tmp_path), "--force"]) == 0
    assert "[stack]" in spec.read_text(encoding="utf-8")


def test_link_in_the_spec_s_place_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    folder = tmp_path / "project"
    folder.mkdir()
    (project(folder) / "imgforge.toml").symlink_to(other)
    assert main.main(["init", str(folder)]) == 2
    assert main.main(["init", str(folder), "--force"]) == 0
    assert not other.exists()


@pytest.mark.parametrize("flag", ["--stdout", "--explain"])
def test_prints_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    assert main.main(["init", str(project(tmp_path)), flag]) == 0
    out = capsys.readouterr().out
    assert "main.py is a guess at what starts the program" in out
    assert not (tmp_path / "imgforge.toml").exists()


def test_json_has_the_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "index.html").write_text("", encoding="utf-8")
    assert main.main(["init", str(project(tmp_path)), "--stdout", "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["stack"] == "python"
    assert {"file": "main.py", "says": "a usual name"} in said["evidence"]
    assert said["others"] == {"static": [{"file": "index.html", "says": "a page"}]}
    assert said["path"] is None


def test_the_start_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "requirements.txt").write_text("", encoding="utf-8")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "a.py").write_text("", encoding="utf-8")
    assert main.main(["init", str(tmp_path)]) == 2
    assert not (tmp_path / "imgforge.toml").exists()
    wanted = ["--entrypoint", "/usr/bin/python3 -m 'web.a b'"]
    assert main.main(["init", str(tmp_path), "--stdout", *wanted]) == 0
    said = tomllib.loads(capsys.readouterr().out)
    assert said["app"]["entrypoint"] == ["/usr/bin/python3", "-m", "web.a b"]


@pytest.mark.parametrize("path", ["missing", "main.py"])
def test_what_is_no_folder_is_an_error(tmp_path: Path, path: str) -> None:
    assert main.main(["init", str(project(tmp_path) / path)]) == 2


def test_names_of_files_reach_the_spec_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ('a\n[run]\nuser = "0"', "x\x1b[2J", "ok"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.py").write_text('x("PORT", "8081")', encoding="utf-8")
    assert main.main(["init", str(project(tmp_path)), "--stdout"]) == 0
    said = capsys.readouterr()
    spec = tomllib.loads(said.out)
    assert spec["app"]["source"] == ["ok", "main.py"]
    assert "user" not in spec["run"]
    assert "\x1b" not in said.out + said.err


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_recognised(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Init, given an example without its spec, writes one that means the same."""
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns(".imgforge", "server"))
    if name == "binary":  # its build.sh needs a compiler
        (folder / "server").write_bytes(b"\x7fELF")
        (folder / "server").chmod(0o755)
    if name in _JARS:  # made by build.sh as well
        jar, content = _JARS[name]
        with zipfile.ZipFile(folder / jar, "w") as archive:
            archive.writestr(content, b"")
    data = (folder / "imgforge.toml").read_bytes()
    (folder / "imgforge.toml").unlink()
    assert main.main(["init", str(folder), "--stdout"]) == 0
    mine, theirs = tomllib.loads(capsys.readouterr().out), tomllib.loads(data.decode())
    assert mine["stack"]["name"] == theirs["stack"]["name"]
    for parameter in TASTE:
        theirs["stack"].get("parameters", {}).pop(parameter, None)
    stack = stacks.load(theirs["stack"]["name"])
    # What satisfies a range may be another version than the one that was chosen.
    mine["stack"]["version"] = theirs["stack"].get("version", mine["stack"]["version"])
    text = json.dumps(mine)
    chosen = [
        choose(stack, specs.Spec.model_validate(table), text.encode(), name)
        for table in (mine, theirs)
    ]
    assert chosen[0].manifests == chosen[1].manifests
    assert [s.name for s in chosen[0].stages] == [s.name for s in chosen[1].stages]
    assert chosen[0].entrypoint == chosen[1].entrypoint
    assert set(mine["app"]["source"]) >= set(theirs["app"]["source"])
    assert mine["stack"].get("packages", []) == theirs["stack"].get("packages", [])
