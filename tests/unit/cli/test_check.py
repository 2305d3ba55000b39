from __future__ import annotations

import json
from pathlib import Path

import madeimage as made
import pytest
import savedimage

from imgforge.cli.main import main
from imgforge.oci.layout import Layout
from imgforge.oci.types import sha256

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def layout(name: str, *, bad: bool = False) -> str:
    """Write a layout whose image runs as a user, or as root with a setuid program."""
    where = Layout.create(Path(name))
    mode = 0o4755 if bad else 0o755
    raw = made.tar(made.file("etc/passwd", made.PASSWD), made.file("app/run", b"x", mode))
    config = {} if bad else {"User": "1000:1000", "Entrypoint": ["/app/run"]}
    where.write_index([made.add(where, [raw], config=config)])
    return name


def test_what_passes_and_what_does_not(capsys: Capture) -> None:
    assert main(["check", layout("good")]) == 0
    assert main(["check", layout("bad", bad=True)]) == 10
    captured = capsys.readouterr()
    assert "IF010" in captured.out
    assert "bad did not pass" in captured.err


def test_several_are_judged_in_one_call(capsys: Capture) -> None:
    archive = savedimage.written(
        Path("bad.tar"), savedimage.oci(Layout(Path(layout("bad", bad=True))))
    )
    assert main(["check", layout("good"), archive, "--format", "json"]) == 10
    captured = capsys.readouterr()
    json.loads(captured.out)
    assert "bad.tar did not pass" in captured.err
    assert "good" not in captured.err.split("error:")[1]


def test_a_slip_in_one_name_is_told_before_anything_is_read(capsys: Capture) -> None:
    assert main(["check", layout("good"), "./nothing"]) == 2
    captured = capsys.readouterr()
    assert "check good" not in captured.err
    assert "nothing" in captured.err


def test_the_report_goes_into_a_file_at_once(capsys: Capture) -> None:
    Path("found.json").write_text("old")
    assert (
        main(["check", layout("bad", bad=True), "--format", "json", "--output", "found.json"]) == 10
    )
    assert "findings" in Path("found.json").read_text()
    assert capsys.readouterr().out == ""
    Path("found.json").write_text("old")
    assert main(["check", "./nothing", "--output", "found.json"]) == 2
    assert Path("found.json").read_text() == "old"
    assert sorted(path.name for path in Path().iterdir()) == ["bad", "found.json"]
    assert main(["check", layout("good"), "--output", "nowhere/found.json"]) == 2


def test_the_gate_can_only_be_tightened(capsys: Capture) -> None:
    good = layout("good")
    assert main(["check", good, "--fail-on", "info"]) in {0, 10}
    assert main(["check", good, "--fail-on", "critical"]) == 2
    assert "lets pass" in capsys.readouterr().err
    Path("policy.toml").write_text('fail-on = "low"\n')
    assert main(["check", good, "--policy", "policy.toml", "--fail-on", "medium"]) == 2
    capsys.readouterr()
    main(["check", good, "--policy", "policy.toml", "--format", "json"])
    (report,) = json.loads(capsys.readouterr().out)["subjects"]
    assert report["gate"]["policy"] == sha256(Path("policy.toml").read_bytes())
    assert main(["check", layout("bad", bad=True), "--fail-on", "info"]) == 10


@pytest.mark.parametrize("profile", ["cis", "twelve", "restricted"])
def test_a_profile_is_judged_too(profile: str, capsys: Capture) -> None:
    assert main(["check", layout("bad", bad=True), "--profile", profile, "--format", "json"]) == 10
    assert profile in capsys.readouterr().out


def test_a_platform_that_there_is_not_is_a_usage_error(capsys: Capture) -> None:
    assert main(["check", layout("good"), "--platform", "linux/arm64"]) == 2
    assert "there is linux/amd64" in capsys.readouterr().err


def test_a_layer_exchanged_after_a_check_is_found_with_or_without_cache(
    capsys: Capture,
) -> None:
    name = layout("good")
    assert main(["check", name]) == 0
    where = Layout(Path(name))
    blob = where.blob_path(where.read_json(where.index()[0])["layers"][0]["digest"])
    blob.write_bytes(made.packed(made.tar(made.file("evil"))))
    for more in ([], ["--no-cache"]):
        assert main(["check", name, *more]) == 10
        assert "IF040" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["Dockerfile", "web.Dockerfile"])
def test_a_dockerfile_is_judged_beside_images(name: str, capsys: Capture) -> None:
    Path(name).write_text("FROM debian\nRUN curl -k https://example.com/x | sh\n")
    assert main(["check", name, layout("good"), "--format", "json"]) == 10
    written, image = json.loads(capsys.readouterr().out)["subjects"]
    assert "IF101" in {finding["check"] for finding in written["findings"]}
    assert all(finding["line"] for finding in written["findings"])
    assert image["gate"]["passed"]


def test_a_dockerfile_that_cannot_be_read_is_an_error(capsys: Capture) -> None:
    Path("Dockerfile").mkdir()
    assert main(["check", "dockerfile:Dockerfile"]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_quiet_leaves_the_findings_alone(capsys: Capture) -> None:
    assert main(["check", layout("good"), "-q"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out


def test_an_sbom_is_of_any_source_too(capsys: Capture) -> None:
    archive = savedimage.written(Path("good.tar"), savedimage.oci(Layout(Path(layout("good")))))
    assert main(["sbom", archive, "--format", "cyclonedx"]) == 0
    assert json.loads(capsys.readouterr().out)["metadata"]["component"]["name"] == "good.tar"


def test_a_folder_without_an_image_is_told_what_else_there_is(capsys: Capture) -> None:
    assert main(["check"]) == 2
    assert "neither a project with imgforge.toml nor an image" in capsys.readouterr().err
    Path("Dockerfile").write_text("FROM scratch\n")
    assert main(["check"]) == 2
    assert "imgforge check Dockerfile" in capsys.readouterr().err
    Path("imgforge.toml").touch()
    assert main(["check"]) == 2
    assert "imgforge build" in capsys.readouterr().err
