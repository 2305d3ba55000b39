"""A build secret reaches its step and nothing else: no layer, log, evidence or record."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from running import imgforge

VALUE = "kq8-value-that-must-not-stay-7f3a"
SPEC = """\
[image]
name = "acme/secretive"

[stack]
name = "python"

[app]
source = ["web"]
lock = "requirements.txt"
entrypoint = ["/usr/bin/python3", "-m", "web"]

[[build.secrets]]
id = "netrc"
step = "dependencies"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/__main__.py").write_text("print('hello')\n")
    (tmp_path / "requirements.txt").write_text(
        (Path(__file__).parent / "parity-requirements.txt").read_text()
    )
    (tmp_path / "imgforge.toml").write_text(SPEC)
    imgforge("lock", cwd=tmp_path)
    return tmp_path


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("given", ["env=NETRC_VALUE", "src={file}"])
def test_the_value_is_nowhere_afterwards(
    project: Path, tmp_path_factory: pytest.TempPathFactory, given: str
) -> None:
    file = tmp_path_factory.mktemp("secret") / "netrc"
    file.write_text(f"machine nowhere.invalid login me password {VALUE}\n")
    done = imgforge(
        *("build", "--engine", "buildkit", "--no-cache", "-v"),
        *("--secret", f"id=netrc,{given.format(file=file)}"),
        cwd=project,
        env={"NETRC_VALUE": file.read_text()},
    )
    assert "id=netrc" in done.stderr
    assert VALUE not in done.stderr + done.stdout
    for path in (p for p in (project / ".imgforge").rglob("*") if p.is_file()):
        data = path.read_bytes()
        plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        assert VALUE.encode() not in plain, path


@pytest.mark.usefixtures("engine")
def test_a_secret_that_is_not_given_stops_the_build_before_it_begins(project: Path) -> None:
    done = imgforge("build", "--engine", "buildkit", cwd=project, code=2)
    assert "netrc: declared in build.secrets, not given" in done.stderr


def test_the_native_engine_says_why_it_cannot(project: Path) -> None:
    done = imgforge(
        "build", "--engine", "native", "--secret", "id=netrc,env=HOME", cwd=project, code=3
    )
    assert "reads build secrets" in done.stderr
