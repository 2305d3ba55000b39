"""Bases from a registry, pinned by digest: a registry of files on loopback."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgforge import bases
from imgforge.errors import BuildFailedError, InvalidInputError, RegistryError
from imgforge.oci.layer import Entry, write_layer
from imgforge.oci.layout import Layout
from imgforge.oci.types import CONFIG, INDEX, MANIFEST, Descriptor, Platform

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


def quiet(_: str) -> None:
    pass


@pytest.fixture
def origin(tmp_path: Path) -> tuple[Layout, Descriptor]:
    """Make an index of two images: linux/amd64 and linux/arm64/v8."""
    layout = Layout.create(tmp_path / "origin")
    layer = write_layer(layout, [Entry("hello", 0o644, data=b"hello")])
    images = []
    for platform in (AMD64, Platform("linux", "arm64", "v8")):
        config = {
            **platform.to_json(),
            "created": "2026-01-09T10:00:00Z",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": layout.add_json(config, CONFIG).to_json(),
            "layers": [layer.descriptor.to_json()],
        }
        images.append(layout.add_json(manifest, MANIFEST, platform=platform))
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [i.to_json() for i in images],
    }
    return layout, layout.add_json(index, INDEX)


@pytest.fixture
def repository(origin: tuple[Layout, Descriptor]) -> Iterator[Callable[..., str]]:
    """Serve the images; calling it gives the repository's name, or spoils a digest's bytes."""
    layout, top = origin
    types = {top.digest: INDEX, **{i.digest: MANIFEST for i in layout.images(top)}}
    spoilt: set[str] = set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            digest = self.path.rpartition("/")[2]
            known = digest.startswith("sha256:") and layout.has(digest)
            data = layout.blob_path(digest).read_bytes() if known else b"{}"
            if digest in spoilt:
                data = data[:-1] + b" "
            self.send_response(200 if known or self.path == "/v2/" else 404)
            self.send_header("Content-Type", types.get(digest, "application/octet-stream"))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    def name(*digests: str) -> str:
        spoilt.update(digests)
        return f"127.0.0.1:{server.server_port}/team/base"

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield name
        server.shutdown()
        thread.join()


def test_a_pinned_base_is_pulled_once(
    origin: tuple[Layout, Descriptor], repository: Callable[..., str]
) -> None:
    layout, top = origin
    reference = f"{repository()}@{top.digest}"
    base = bases.resolve(reference, (ARM64, AMD64), say=quiet)
    assert (base.name, base.source, base.reference) == (reference, "registry", repository())
    assert (base.digest, base.epoch) == (top.digest, 1767952800)
    assert [(p.platform, p.digest) for p in base.platforms] == [
        (AMD64, layout.images(top)[0].digest),
        (ARM64, layout.images(top)[1].digest),
    ]
    path = bases.ensure(base, offline=True, say=quiet)
    assert [d.digest for d in Layout.open(path).index()] == [top.digest]


def test_an_empty_cache_is_filled_by_digest(
    origin: tuple[Layout, Descriptor],
    repository: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = bases.resolve(f"{repository()}@{origin[1].digest}", (AMD64,), say=quiet)
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "other"))
    with pytest.raises(BuildFailedError, match="offline"):
        bases.ensure(base, offline=True, say=quiet)
    path = bases.ensure(base, say=quiet)
    assert bases.ensure(base, offline=True, say=quiet) == path


def test_a_registry_that_lies_is_refused(
    origin: tuple[Layout, Descriptor], repository: Callable[..., str]
) -> None:
    layout, top = origin
    layer = layout.read_json(layout.images(top)[0])["layers"][0]["digest"]
    for digest in (layer, top.digest):
        name = repository(digest)
        with pytest.raises(RegistryError):
            bases.resolve(f"{name}@{top.digest}", (AMD64,), say=quiet)


def test_what_is_not_there_or_not_pinned_is_refused(
    origin: tuple[Layout, Descriptor], repository: Callable[..., str]
) -> None:
    pinned = f"{repository()}@{origin[1].digest}"
    with pytest.raises(InvalidInputError, match="no image for linux/s390x"):
        bases.resolve(pinned, (Platform("linux", "s390x"),), say=quiet)
    with pytest.raises(InvalidInputError, match="packages cannot be added"):
        bases.resolve(pinned, (AMD64,), packages=("libpq5",), say=quiet)
    for wrong in ("registry.test/a@sha256:12", "@" + origin[1].digest, f"x@{origin[1].digest}"):
        with pytest.raises(InvalidInputError, match="not a pinned reference"):
            bases.resolve(wrong, (AMD64,), say=quiet)
