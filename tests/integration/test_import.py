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


NODE = """\
FROM node:24
WORKDIR /srv
COPY package*.json ./
COPY . .
ENV NODE_ENV=production PORT=8080
EXPOSE 8080
ENTRYPOINT ["./docker-entrypoint.sh"]
CMD ["npm", "start"]
"""


def base(name: str, root: Path) -> str:
    """Build a base that stands for the Dockerfile's own, and return it as a build context."""
    built = imgforge(
        "base", "build", name, "--platform", "linux/amd64",
        "--output", str(root / "base"), "--format", "json", cwd=root,
    )  # fmt: skip
    return f"oci-layout://{root / 'base'}@{json.loads(built.stdout)['digest']}"


@pytest.mark.usefixtures("engine")
def test_a_node_service_and_its_script_stand_side_by_side(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    scripts = {"start": "node server.js"}
    package = {"name": "demo", "version": "1.0.0", "scripts": scripts}
    lock = {**package, "lockfileVersion": 3, "packages": {"": package}}
    (root / "package.json").write_text(json.dumps(package))
    (root / "package-lock.json").write_text(json.dumps(lock))
    (root / "server.js").write_text("require('node:http').createServer().listen(8080)\n")
    (root / "docker-entrypoint.sh").write_text('#!/bin/sh\nexec "$@"\n')
    (root / "Dockerfile").write_text(NODE)
    out = imgforge(
        *("import", "--compare", "--format", "json"),
        *("--build-context", f"node:24={base('node-24-dev', tmp_path)}"),
        cwd=root,
    )
    value = json.loads(out.stdout)
    assert value["problems"] == []
    lines = {line["name"]: (line["before"], line["after"]) for line in value["comparison"]}
    assert lines["entry point"] == ("./docker-entrypoint.sh", "/nodejs/bin/node server.js")
    assert lines["shell"][0] != "none"
    assert lines["shell"][1] == "none"
    assert lines["user"][1] == "65532:65532"
    assert lines["ports"] == ("8080/tcp", "8080/tcp")
    assert float(lines["size"][1].split()[0]) < float(lines["size"][0].split()[0])


@pytest.mark.usefixtures("engine")
def test_both_are_built_and_stand_side_by_side(tmp_path: Path) -> None:
    python = base("python-3.13-dev", tmp_path)
    root = tmp_path / "project"
    (root / "web").mkdir(parents=True)
    (root / "web" / "__main__.py").write_text("import idna\nprint(idna.encode('x'))\n")
    lock = Path(__file__).with_name("parity-requirements.txt").read_text()
    (root / "requirements.txt").write_text(lock)
    (root / "Dockerfile").write_text(DOCKERFILE)
    out = imgforge(
        *("import", "--compare", "--format", "json"),
        *("--build-context", f"python:3.13={python}"),
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
