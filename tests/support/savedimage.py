"""Images as archives: an OCI layout in a tar file, and what ``docker save`` writes and wrote."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from madeimage import Member, file, symlink, tar

from imgforge.oci.layout import Layout, references
from imgforge.oci.types import Descriptor, sha256


def oci(layout: Layout, *more: Member, leave_out: Sequence[str] = ()) -> bytes:
    """Return the whole layout as an archive, but for members that ``leave_out`` names."""
    members = [
        file(str(path.relative_to(layout.path)), path.read_bytes())
        for path in sorted(layout.path.rglob("*"))
        if path.is_file()
    ]
    return tar(*(m for m in members if m[0].name not in leave_out), *more)


def docker(
    layout: Layout,
    *images: Descriptor,
    names: Sequence[str] = ("acme/web:1",),
    legacy: bool = False,
    pack: Callable[[bytes], bytes] = bytes,
    more: Sequence[Member] = (),
) -> bytes:
    """Return what ``docker save`` writes of images: their layers decompressed, then ``pack``-ed.

    ``legacy`` gives each layer a folder (image specification v1.2), in which a layer that another
    folder has already is a symbolic link to it.
    """
    members: dict[str, Member] = {}
    manifest = []
    for image in images:
        config, *layers = references(layout.read_json(image))
        data = layout.read(config)
        members[f"{sha256(data)[7:]}.json"] = file(f"{sha256(data)[7:]}.json", data)
        paths = []
        for number, layer in enumerate(layers):
            raw = pack(gzip.decompress(layout.blob_path(layer.digest).read_bytes()))
            name = sha256(raw)[7:] + ".tar"
            if legacy:
                name = f"{image.digest[7:]}-{number}/layer.tar"
                twin = next((p for p, m in members.items() if m[1] == raw), None)
                members[name] = symlink(name, f"../{twin}") if twin else file(name, raw)
            else:
                members[name] = file(name, raw)
            paths.append(name)
        manifest.append(
            {"Config": f"{sha256(data)[7:]}.json", "RepoTags": list(names), "Layers": paths}
        )
    return tar(*members.values(), file("manifest.json", json.dumps(manifest).encode()), *more)


def changed(archive: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """Return ``archive`` with the content of some members replaced, or the member left out."""
    members: list[Member] = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as source:
        for info in source:
            data = source.extractfile(info)
            content = b"" if data is None else data.read()
            new = changes.get(info.name, content)
            if new is not None:
                info.size = len(new)
                members.append((info, new))
    return tar(*members)


def written(path: Path, data: bytes) -> str:
    """Write a file; return its name as a person would type it."""
    path.write_bytes(data)
    return str(path)


def member(archive: bytes, name: str) -> bytes:
    """Return the content of one member."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as source:
        found = source.extractfile(name)
        assert found is not None
        return found.read()


def joined(one: bytes, other: bytes, changes: Mapping[str, bytes]) -> bytes:
    """Return the members of both archives, once each, some with another content."""
    members: dict[str, Member] = {}
    for archive in (one, other):
        with tarfile.open(fileobj=io.BytesIO(archive)) as source:
            for info in source:
                data = changes.get(info.name, member(archive, info.name))
                info.size = len(data)
                members[info.name] = (info, data)
    return tar(*members.values())
