"""A Dockerfile and the spec made of it, both built by a real engine and compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import imgforge

DOCKERFILE = """\
FROM python:3.13
ENV GREETING=hello
RUN echo cached > /var/cache/left
COPY requirements.txt /tmp/
COPY web /srv/web
WORKDIR /srv
EXPOSE 8080
CMD ["python", "-m", "web"]
"""


@pytest.mark.usefixtures("engine")
def test_both_are_built_and_stand_side_by_side(tmp_path: Path) -> None:
    base = imgforge(
        "base", "build", "python-3.13-dev", "--platform", "linux/amd64",
        "--output", str(tmp_path / "base"), "--format", "json", cwd=tmp_path,
    )  # fmt: skip
    digest = json.loads(base.stdout)["digest"]
    root = tmp_path / "project"
    (root / "web").mkdir(parents=True)
    (root / "web" / "__main__.py").write_text("import idna\nprint(idna.encode('x'))\n")
    lock = Path(__file__).with_name("parity-requirements.txt").read_text()
    (root / "requirements.txt").write_text(lock)
    (root / "Dockerfile").write_text(DOCKERFILE)
    out = imgforge(
        *("import", "--compare", "--format", "json"),
        *("--build-context", f"python:3.13=oci-layout://{tmp_path / 'base'}@{digest}"),
        cwd=root,
    )
    value = json.loads(out.stdout)
    assert value["problems"] == []
    lines = {line["name"]: (line["before"], line["after"]) for line in value["comparison"]}
    assert lines["user"] == ("0:0", "65532:65532")
    assert lines["shell"][0] != "none"
    assert lines["shell"][1] == "none"
    assert lines["command"] == ("python -m web", "-")
    assert lines["entry point"] == ("-", "/usr/bin/python3 -m web")
    assert not {"medium", "high", "critical"} & set(lines["findings"][1].split())
    assert int(lines["files"][1]) < int(lines["files"][0])
    before, after = (float(text.split()[0]) for text in lines["size"])
    assert after < before
    assert "hello" not in out.stderr
    assert (root / ".imgforge" / "image" / "index.json").exists()
