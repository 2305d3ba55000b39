"""From layers to an image: what every engine's result becomes.

Whichever engine made the layers, manifest and configuration are written here, from the plan and
the pinned base alone. So an image depends neither on the engine nor on its version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from imgforge import cache
from imgforge.engines.protocol import BuildRequest
from imgforge.errors import BuildFailedError
from imgforge.oci.layer import ENCODER, Layer
from imgforge.oci.layout import Layout, references
from imgforge.oci.types import (
    CONFIG,
    INDEX,
    MANIFEST,
    Descriptor,
    Platform,
    canonical_json,
    sha256,
)
from imgforge.plan import BuildPlan, Copy, RuntimeStage, seconds

FORMAT = 1
"""Part of the key of stored layers: raise it when the same inputs give another layer."""


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A pinned base of one platform: its layout, manifest and configuration."""

    layout: Layout
    image: Descriptor
    manifest: dict[str, Any]
    config: Mapping[str, Any]

    @property
    def diff_ids(self) -> list[str]:
        """The digests of the uncompressed layers."""
        return list(self.config["rootfs"]["diff_ids"])


def open_base(request: BuildRequest, platform: Platform) -> BaseImage:
    """Open the runtime base for ``platform``; BuildFailedError if it has no image for it."""
    pin = request.plan.runtime.base.pin
    layout = Layout.open(request.bases[pin])
    for top in layout.index():
        for image in layout.images(top):
            if image.platform is None or same(image.platform, platform):
                manifest = layout.read_json(image)
                config = layout.read_json(references(manifest)[0])
                return BaseImage(layout, image, manifest, config)
    raise BuildFailedError(f"base {pin} has no image for {platform}", hint="imgforge lock")


def same(one: Platform, other: Platform) -> bool:
    """Whether two platforms run the same programs; a variant left out is any."""
    return (one.os, one.architecture) == (other.os, other.architecture)


def assemble(
    layout: Layout, plan: BuildPlan, platform: Platform, base: BaseImage, layers: Sequence[Layer]
) -> Descriptor:
    """Write configuration and manifest of one platform; the layers are in ``layout`` already."""
    for descriptor in references(base.manifest)[1:]:
        layout.import_blob(base.layout, descriptor)
    created = datetime.fromtimestamp(plan.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = {
        **base.config,
        "created": created,
        "config": configuration(base.config.get("config") or {}, plan.runtime),
        "rootfs": {
            "type": "layers",
            "diff_ids": [*base.diff_ids, *(layer.diff_id for layer in layers)],
        },
        "history": [
            *(base.config.get("history") or ()),
            *({"created": created, "created_by": describe(c)} for c in plan.runtime.copies),
        ],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add_json(config, CONFIG).to_json(),
        "layers": [*base.manifest["layers"], *(layer.descriptor.to_json() for layer in layers)],
    }
    return layout.add_json(manifest, MANIFEST, platform=platform)


def finish(layout: Layout, images: Sequence[Descriptor]) -> Descriptor:
    """List the result in the layout: the image, or an index of several platforms' images."""
    top = images[0]
    if len(images) > 1:
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [image.to_json() for image in images],
        }
        top = layout.add_json(index, INDEX)
    layout.write_index([top])
    layout.prune()
    return top


def describe(copy: Copy) -> str:
    """Say what a copy does, for progress and history."""
    return f"COPY {copy.origin} {copy.source} {copy.destination}"


def stored(
    layout: Layout, inputs: object, make: Callable[[Layout], Layer | None], *, fresh: bool = False
) -> Layer | None:
    """Return the layer that was made of ``inputs`` (JSON-able) before, or make and keep it.

    None stands for a layer without content; any other is then in ``layout`` too. ``fresh`` makes
    it again in any case.
    """
    store = Layout.create(cache.directory("layers"))
    name = sha256(canonical_json([FORMAT, ENCODER, inputs])).removeprefix("sha256:")
    note = store.path / f"{name}.json"
    try:
        if fresh:
            raise LookupError  # noqa: TRY301 - the same way as when there is none
        layer = _recall(store, note)
    except LookupError:
        layer = make(store)
        value = layer and {"layer": layer.descriptor.to_json(), "diff_id": layer.diff_id}
        cache.write(note, canonical_json(value))
    if layer is not None:
        layout.import_blob(store, layer.descriptor)
    return layer


def _recall(store: Layout, note: Path) -> Layer | None:
    """Read a note; LookupError if there is none, or its blob is not whole."""
    try:
        value = json.loads(note.read_bytes())
        if value is None:
            return None
        layer = Layer(Descriptor.from_json(value["layer"]), str(value["diff_id"]))
        path = store.blob_path(layer.descriptor.digest)
        kept = cache.used(note) and cache.used(path)
        whole = kept and path.stat().st_size == layer.descriptor.size
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LookupError from error
    if not whole:
        raise LookupError
    return layer


def configuration(base: Mapping[str, Any], runtime: RuntimeStage) -> dict[str, Any]:
    """Return the ``config`` object that the runtime stage makes of the base's."""
    env = dict(pair.split("=", 1) for pair in cast("list[str]", base.get("Env") or []))
    env |= runtime.env
    config: dict[str, Any] = {
        **{k: v for k, v in base.items() if k not in ("Entrypoint", "Cmd")},
        "User": runtime.user,
        "Env": [f"{name}={value}" for name, value in env.items()],
        "Entrypoint": list(runtime.entrypoint),
        "WorkingDir": runtime.workdir,
        "Labels": {**(base.get("Labels") or {}), **runtime.labels},
        "StopSignal": runtime.stop_signal,
    }
    if runtime.command:
        config["Cmd"] = list(runtime.command)
    if runtime.ports:
        config["ExposedPorts"] = {
            **(base.get("ExposedPorts") or {}),
            **{p: {} for p in runtime.ports},
        }
    if runtime.health:
        config["Healthcheck"] = {
            "Test": ["CMD", *runtime.health.command],
            "Interval": _nanoseconds(runtime.health.interval),
            "Timeout": _nanoseconds(runtime.health.timeout),
            "StartPeriod": _nanoseconds(runtime.health.start_period),
            "Retries": runtime.health.retries,
        }
    return config


def _nanoseconds(duration: str) -> int:
    return round(seconds(duration) * 1e9)
