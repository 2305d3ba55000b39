"""A base's images and index, in a layout of their own in the cache."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from imgforge import cache
from imgforge.bases import layers
from imgforge.bases.cached import mark_made, place
from imgforge.bases.definitions import Definition
from imgforge.bases.sources import Sources
from imgforge.lock import LockedBase, LockedPlatform
from imgforge.oci.layer import Layer
from imgforge.oci.layout import Layout
from imgforge.oci.types import CONFIG, INDEX, MANIFEST, Descriptor

ABI = "dev.imgforge.base.abi"
"""Annotation of a base's manifests: its ABI line."""


DEFINITION = "dev.imgforge.base.definition"
"""Annotation of a base's manifests: the digest of the definitions that it was made of."""


def make(
    base: LockedBase,
    chain: Sequence[Definition],
    *,
    sources: Callable[[], Sources],
    offline: bool,
    say: Callable[[str], None],
) -> LockedBase:
    """Make ``base`` in the cache, under its index's digest; return it with the digests it has."""
    made = layers.make(chain, base.platforms, sources=sources, offline=offline, say=say)
    staging = Path(tempfile.mkdtemp(prefix=".incoming-", dir=cache.directory("bases")))
    try:
        layout = Layout.create(staging)
        manifests, platforms = [], []
        for locked, stack in zip(base.platforms, made, strict=True):
            manifests.append(_manifest(layout, base, chain, locked, stack))
            platforms.append(dataclasses.replace(locked, digest=manifests[-1].digest))
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [m.to_json() for m in manifests],
        }
        top = layout.add_json(index, INDEX)
        layout.write_index([top])
        mark_made(staging)
        place(staging, top.digest)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return dataclasses.replace(base, digest=top.digest, platforms=tuple(platforms))


def _manifest(
    layout: Layout,
    base: LockedBase,
    chain: Sequence[Definition],
    locked: LockedPlatform,
    made: Sequence[Layer],
) -> Descriptor:
    store = layers.store()
    for layer in made:
        layout.import_blob(store, layer.descriptor)
    created = f"{dt.datetime.fromtimestamp(base.epoch, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    history = [
        {"created": created, "created_by": f"imgforge base {x.name}: {len(x.packages)} packages"}
        for x in locked.layers
    ]
    config = {
        "created": created,
        **locked.platform.to_json(),
        "config": configuration(chain),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in made]},
        "history": history,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add_json(config, CONFIG).to_json(),
        "layers": [layer.descriptor.to_json() for layer in made],
        "annotations": {
            ABI: base.abi,
            DEFINITION: base.definition,
            "org.opencontainers.image.title": base.reference,
            "org.opencontainers.image.created": created,
        },
    }
    return layout.add_json(manifest, MANIFEST, platform=locked.platform)


def configuration(chain: Sequence[Definition]) -> dict[str, Any]:
    """Merge the definitions' configurations (image-spec, config.md), the highest winning."""
    env: dict[str, str] = {}
    out: dict[str, Any] = {}
    names = {"user": "User", "working_dir": "WorkingDir", "entrypoint": "Entrypoint", "cmd": "Cmd"}
    for definition in chain:
        env.update(definition.config.env)
        for name, key in names.items():
            value = getattr(definition.config, name)
            if value is not None:
                out[key] = list(value) if isinstance(value, tuple) else value
    out["Env"] = [f"{key}={value}" for key, value in env.items()]
    return {key: value for key, value in out.items() if value}
