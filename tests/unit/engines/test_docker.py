from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from imgforge.engines import docker
from imgforge.errors import InvalidInputError, ToolMissingError
from imgforge.oci.layer import Entry, write_layer
from imgforge.oci.layout import Layout
from imgforge.oci.types import CONFIG, MANIFEST, Descriptor


@pytest.fixture(autouse=True)
def _nothing_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker.probe.cache_clear()
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


def write_context(folder: Path, name: str, host: object) -> None:
    meta = folder / "docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Endpoints": {"docker": {"Host": host}}}))


def test_the_variable_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_context(tmp_path, "rootless", "unix:///run/user/1000/docker.sock")
    monkeypatch.setenv("DOCKER_CONTEXT", "rootless")
    assert docker._host() == "unix:///run/user/1000/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", "tcp://there:2376")
    assert docker._host() == "tcp://there:2376"


def test_then_the_context_that_the_configuration_chose(tmp_path: Path) -> None:
    write_context(tmp_path, "desktop", "unix:///home/me/desktop.sock")
    (tmp_path / "docker/config.json").write_text('{"currentContext": "desktop"}')
    assert docker._host() == "unix:///home/me/desktop.sock"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"currentContext": "default"}'])
def test_then_the_usual_socket(tmp_path: Path, text: str) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/config.json").write_text(text)
    assert docker._host() == "unix:///var/run/docker.sock"


def test_a_context_that_is_gone_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(ToolMissingError, match="'gone' cannot be read"):
        docker.probe()


def test_nobody_behind_the_socket_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(ToolMissingError, match="there is no Docker Engine"):
        docker.probe()


def image(layout: Layout) -> Descriptor:
    layer = write_layer(layout, [Entry("x", 0o644, data=b"x")])
    config = layout.add_json({"rootfs": {"diff_ids": [layer.diff_id]}}, CONFIG)
    manifest = {
        "schemaVersion": 2,
        "config": config.to_json(),
        "layers": [layer.descriptor.to_json()],
    }
    return layout.add_json(manifest, MANIFEST)


def test_the_archive_serves_both_image_stores(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    top = image(layout)
    out = io.BytesIO()
    docker.archive(layout, top, ["acme/web:1", "reg.example.com/acme/web:2"], out)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        files = {m.name: tar.extractfile(m) for m in tar}
        read = {name: file.read() for name, file in files.items() if file}
    index = json.loads(read["index.json"])
    names = [m["annotations"]["io.containerd.image.name"] for m in index["manifests"]]
    assert names == ["docker.io/acme/web:1", "reg.example.com/acme/web:2"]
    (legacy,) = json.loads(read["manifest.json"])
    assert legacy["RepoTags"] == ["acme/web:1", "reg.example.com/acme/web:2"]
    for path in (legacy["Config"], *legacy["Layers"]):
        assert hashlib.sha256(read[path]).hexdigest() == path.rpartition("/")[2]
    assert f"blobs/{top.digest.replace(':', '/')}" in read


@pytest.mark.parametrize("name", ["", "../info", "-x", "a b", "a/../../info", "a?b", "a\nb"])
def test_a_name_that_is_no_image_never_reaches_the_engine(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    with pytest.raises(InvalidInputError, match="not the name of an image"):
        docker.save(name, bytes)
