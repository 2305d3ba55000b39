"""Images made member by member, for tests of what is read in them."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from imgforge.analysis import ImageFacts, LayerFacts, analyse
from imgforge.analysis.blob import Limits
from imgforge.analysis.layer import read_layer
from imgforge.oci.layout import Layout
from imgforge.oci.types import CONFIG, LAYER_TAR, MANIFEST, Descriptor
from imgforge.secrets.engine import candidates
from imgforge.secrets.find import Candidates

Member = tuple[tarfile.TarInfo, bytes]

PASSWD = b"root:x:0:0:root:/root:/sbin/nologin\napp:x:1000:1000::/app:/sbin/nologin\n"
GROUP = b"root:x:0:\napp:x:1000:\nextra:x:7:app\n"


def file(path: str, data: bytes = b"x", mode: int = 0o644, **fields: object) -> Member:
    """Return a regular file; ``fields`` are TarInfo's (``pax_headers``, ``uid``, ``type``...)."""
    info = tarfile.TarInfo(path)
    info.mode, info.size = mode, len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def folder(path: str, mode: int = 0o755, **fields: object) -> Member:
    """Return a directory; ``fields`` as in ``file``."""
    return file(path, b"", mode, type=tarfile.DIRTYPE, **fields)


def symlink(path: str, target: str) -> Member:
    """Return a symbolic link."""
    return file(path, b"", 0o777, type=tarfile.SYMTYPE, linkname=target)


def hardlink(path: str, target: str, mode: int = 0o644) -> Member:
    """Return a hard link."""
    return file(path, b"", mode, type=tarfile.LNKTYPE, linkname=target)


def tar(*members: Member, form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return an uncompressed archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, errors="surrogateescape") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def packed(raw: bytes) -> bytes:
    """Compress as a layer of this project is."""
    return gzip.compress(raw, 1, mtime=0)


def add(
    layout: Layout,
    layers: Sequence[bytes],
    *,
    config: dict[str, Any] | None = None,
    compress: Callable[[bytes], bytes] = packed,
    **fields: object,
) -> Descriptor:
    """Store an image of these archives; ``fields`` replace parts of its configuration."""
    descriptors = [layout.add(compress(raw), LAYER_TAR) for raw in layers]
    value: dict[str, Any] = {
        "architecture": "amd64",
        "os": "linux",
        "config": {} if config is None else config,
        "rootfs": {
            "type": "layers",
            "diff_ids": ["sha256:" + hashlib.sha256(raw).hexdigest() for raw in layers],
        },
        "history": [{"created_by": "imgforge"} for _ in layers],
        **fields,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add_json(value, CONFIG).to_json(),
        "layers": [descriptor.to_json() for descriptor in descriptors],
    }
    return layout.add_json(manifest, MANIFEST)


def facts(
    tmp_path: Path, *layers: Sequence[Member], config: dict[str, Any] | None = None
) -> ImageFacts:
    """Analyse an image of layers of members."""
    layout = Layout.create(tmp_path / "layout")
    image = add(layout, [tar(*members) for members in layers], config=config)
    return analyse(layout, image)


def layer(tmp_path: Path, blob: bytes, limits: Limits | None = None) -> LayerFacts:
    """Read one blob as a layer."""
    path = tmp_path / "blob"
    path.write_bytes(blob)
    return read(path, candidates(None), limits)


def read(path: Path, engine: Candidates, limits: Limits | None = None) -> LayerFacts:
    """Read the file at ``path`` as a layer."""
    with path.open("rb", buffering=0) as blob:
        return read_layer(blob, path.stat().st_size, engine, limits)
