"""Assembly without any engine, daemon or root: base layers, deterministic layers, configuration.

It serves plans whose build half needs no RUN. What it makes has the same files, owners, modes and
configuration as BuildKit makes of the same plan; the rules of COPY that it follows are: sources
keep their relative paths, every object gets the given owner and mode (links keep 0777), and
folders that the destination needs and the image lacks get them too.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, cast

from imgforge import __version__, cache, context
from imgforge.analysis import analyse, facts
from imgforge.engines.protocol import BuildRequest, Built
from imgforge.errors import BuildFailedError, ToolMissingError
from imgforge.oci.layer import ENCODER, Entry, Layer, write_layer
from imgforge.oci.layout import Layout
from imgforge.oci.types import (
    CONFIG,
    INDEX,
    MANIFEST,
    Descriptor,
    Platform,
    canonical_json,
    sha256,
)
from imgforge.plan import BuildPlan, Copy, RuntimeStage, Stage, seconds

NAME = "native"

FILLS = {"wheels": "imgforge.engines.wheels"}
"""Kind of fill → the module whose ``fill(stage, platform, request, folder)`` does it."""

FORMAT = 1
"""Part of the key of stored layers: raise it when the same inputs give another layer."""


def unable(plan: BuildPlan) -> str:
    """Say which part of the plan needs an engine that can run commands; empty if none does."""
    return "; ".join(stage.needs_run for stage in plan.stages if stage.needs_run)


def build(request: BuildRequest) -> Built:
    """Assemble every platform; see :class:`~imgforge.engines.protocol.Engine`."""
    if reason := unable(request.plan):
        raise ToolMissingError(f"the native engine cannot build this: {reason}")
    layout = Layout.create(request.scratch / "layout")
    images = [_image(request, layout, p) for p in request.plan.platform_list()]
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
    return Built(layout, top, {"imgforge-native": __version__})


@dataclass(frozen=True, slots=True)
class _Base:
    """A base image of one platform, in its layout."""

    layout: Layout
    manifest: dict[str, Any]
    config: dict[str, Any]
    tree: _Tree


class _Tree:
    """Which folders and links exist, as copies are added; resolves links like a runtime."""

    def __init__(self, folders: set[str], links: dict[str, str]) -> None:
        self.folders = folders
        self.links = links

    def resolve(self, path: str) -> str:
        """Return ``path`` (relative) with symbolic links in it followed inside the image."""
        done: list[str] = []
        todo = [p for p in path.split("/") if p not in ("", ".")]
        for _ in range(1000):
            if not todo:
                return "/".join(done)
            part = todo.pop(0)
            if part == "..":
                done = done[:-1]
                continue
            here = "/".join([*done, part])
            target = self.links.get(here)
            if target is None:
                done.append(part)
                continue
            if target.startswith("/"):
                done = []
            todo = [p for p in target.split("/") if p not in ("", ".")] + todo
        raise BuildFailedError(f"symbolic links of the base loop at /{path}")

    def missing(self, path: str) -> Iterator[str]:
        """Yield the folders from the top down to ``path`` that don't exist, and note them."""
        for folder in (*reversed(PurePosixPath(path).parents), PurePosixPath(path)):
            name = str(folder)
            if name != "." and name not in self.folders:
                self.folders.add(name)
                yield name


def _image(request: BuildRequest, layout: Layout, platform: Platform) -> Descriptor:
    plan = request.plan
    base = _open_base(request, platform)
    layers, comments = [], []
    for copy in plan.runtime.copies:
        request.say(f"native: {platform}: {_comment(copy)}")
        layers.append(_layer(request, layout, platform, copy, base.tree))
        comments.append(_comment(copy))
    for descriptor in base.manifest["layers"]:
        layout.import_blob(base.layout, Descriptor.from_json(descriptor))
    created = datetime.fromtimestamp(plan.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = {
        **base.config,
        "created": created,
        "config": _configuration(base.config.get("config") or {}, plan.runtime),
        "rootfs": {
            "type": "layers",
            "diff_ids": [*base.config["rootfs"]["diff_ids"], *(la.diff_id for la in layers)],
        },
        "history": [
            *(base.config.get("history") or ()),
            *({"created": created, "created_by": f"imgforge: {c}"} for c in comments),
        ],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add_json(config, CONFIG).to_json(),
        "layers": [*base.manifest["layers"], *(la.descriptor.to_json() for la in layers)],
    }
    return layout.add_json(manifest, MANIFEST, platform=platform)


def _open_base(request: BuildRequest, platform: Platform) -> _Base:
    pin = request.plan.runtime.base.pin
    layout = Layout.open(request.bases[pin])
    for top in layout.index():
        for image in layout.images(top):
            if image.platform is None or _same(image.platform, platform):
                manifest = layout.read_json(image)
                config = layout.read_json(Descriptor.from_json(manifest["config"]))
                seen = analyse(layout, image, cache=cache.directory("analysis"))
                tree = _Tree(
                    {p for p, f in seen.files.items() if f.kind == facts.DIRECTORY},
                    {p: f.link for p, f in seen.files.items() if f.kind == facts.SYMLINK},
                )
                return _Base(layout, manifest, config, tree)
    raise BuildFailedError(f"base {pin} has no image for {platform}", hint="imgforge lock")


def _same(one: Platform, other: Platform) -> bool:
    return (one.os, one.architecture) == (other.os, other.architecture)


def _comment(copy: Copy) -> str:
    return f"COPY {copy.origin} {copy.source} {copy.destination}"


def _layer(
    request: BuildRequest, layout: Layout, platform: Platform, copy: Copy, tree: _Tree
) -> Layer:
    destination = tree.resolve(copy.destination.strip("/"))
    if copy.origin == "empty":
        entries = _directories(copy, tree, destination)
        return write_layer(layout, entries, epoch=request.plan.epoch)
    if copy.origin == "context":
        entries = _context_entries(request, copy, tree, destination)
        return write_layer(layout, entries, epoch=request.plan.epoch)
    stage = next(s for s in request.plan.stages if s.name == copy.origin)
    folders = list(_directories(copy, tree, destination))
    return _filled(request, layout, platform, stage, copy, folders, destination)


def _filled(  # noqa: PLR0917 - one call, each argument another thing
    request: BuildRequest,
    layout: Layout,
    platform: Platform,
    stage: Stage,
    copy: Copy,
    folders: list[Entry],
    destination: str,
) -> Layer:
    """Fill a stage's output and make its layer, or take the layer made of the same inputs."""
    import tempfile

    if stage.fill is None:
        raise BuildFailedError(f"stage {stage.name!r} cannot be filled natively")
    module = importlib.import_module(FILLS[stage.fill.kind])
    inputs = {
        "format": FORMAT,
        "encoder": ENCODER,
        "epoch": request.plan.epoch,
        "platform": str(platform),
        "copy": [copy.destination, copy.owner, copy.mode],
        "folders": [e.path for e in folders],
        "fill": stage.fill.parameters,
        "inputs": module.inputs(stage.fill, request.context),
    }
    store = Layout.create(cache.directory("layers"))
    note = store.path / f"{sha256(canonical_json(inputs)).removeprefix('sha256:')}.json"
    found = None if request.no_cache else _recall(store, note)
    if found is None:
        with tempfile.TemporaryDirectory(prefix="fill-", dir=store.path) as name:
            folder = Path(name)
            request.say(f"native: {platform}: {module.describe(stage.fill)}")
            module.fill(stage.fill, platform, request, folder)
            entries = [*folders, *_tree_entries(copy, folder, destination)]
            found = write_layer(store, entries, epoch=request.plan.epoch)
        _remember(note, found)
    layout.import_blob(store, found.descriptor)
    return found


def _recall(store: Layout, note: Path) -> Layer | None:
    try:
        value = json.loads(note.read_bytes())
        layer = Layer(Descriptor.from_json(value["layer"]), str(value["diff_id"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    path = store.blob_path(layer.descriptor.digest)
    whole = path.is_file() and path.stat().st_size == layer.descriptor.size
    return layer if whole else None


def _remember(note: Path, layer: Layer) -> None:
    import os

    value = {"layer": layer.descriptor.to_json(), "diff_id": layer.diff_id}
    temporary = note.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(canonical_json(value))
    temporary.rename(note)


def _owner(copy: Copy) -> tuple[int, int, int]:
    uid, _, gid = copy.owner.partition(":")
    return int(uid), int(gid), int(copy.mode, 8)


def _directories(copy: Copy, tree: _Tree, destination: str) -> Iterator[Entry]:
    uid, gid, mode = _owner(copy)
    for folder in tree.missing(destination):
        yield Entry(folder, mode, uid, gid)


def _context_entries(
    request: BuildRequest, copy: Copy, tree: _Tree, destination: str
) -> Iterator[Entry]:
    uid, gid, mode = _owner(copy)
    items = list(context.walk(request.context, copy.source, request.plan.exclude))
    single = [i for i in items if i.path == copy.source and i.kind == "file"]
    if single:
        yield from _directories(copy, tree, str(PurePosixPath(destination).parent))
        yield Entry(destination, mode, uid, gid, source=request.context / copy.source)
        return
    yield from _directories(copy, tree, destination)
    for item in items:
        inner = PurePosixPath(item.path).relative_to(copy.source)
        path = f"{destination}/{inner}"
        if item.kind == "directory":
            tree.folders.add(path)
            yield Entry(path, mode, uid, gid)
        elif item.kind == "link":
            yield Entry(path, 0o777, uid, gid, link=item.link)
        else:
            yield Entry(path, mode, uid, gid, source=request.context / item.path)


def _tree_entries(copy: Copy, folder: Path, destination: str) -> Iterator[Entry]:
    uid, gid, mode = _owner(copy)
    for path in sorted(folder.rglob("*"), key=lambda p: p.parts):
        name = f"{destination}/{path.relative_to(folder)}"
        if path.is_symlink():
            yield Entry(name, 0o777, uid, gid, link=str(path.readlink()))
        elif path.is_dir():
            yield Entry(name, mode, uid, gid)
        elif path.is_file():
            yield Entry(name, mode, uid, gid, source=path)
        else:
            raise BuildFailedError(f"a package ships a special file: {name}")


def _configuration(base: dict[str, Any], runtime: RuntimeStage) -> dict[str, Any]:
    env = dict(pair.split("=", 1) for pair in cast("list[str]", base.get("Env") or []))
    env |= runtime.env
    config: dict[str, Any] = {
        **{k: v for k, v in base.items() if k not in ("Entrypoint", "Cmd", "Healthcheck")},
        "User": runtime.user,
        "Env": [f"{name}={value}" for name, value in env.items()],
        "Entrypoint": list(runtime.entrypoint),
        "WorkingDir": runtime.workdir,
        "Labels": {**(base.get("Labels") or {}), **runtime.labels},
        "StopSignal": runtime.stop_signal,
    }
    if runtime.command:
        config["Cmd"] = list(runtime.command)
        config["ArgsEscaped"] = True  # BuildKit notes it for every CMD in exec form
    if runtime.ports:
        config["ExposedPorts"] = {
            **(base.get("ExposedPorts") or {}),
            **{p: {} for p in runtime.ports},
        }
    if runtime.health:
        nano: Callable[[str], int] = lambda text: round(seconds(text) * 1e9)  # noqa: E731
        config["Healthcheck"] = {
            "Test": ["CMD", *runtime.health.command],
            "Interval": nano(runtime.health.interval),
            "Timeout": nano(runtime.health.timeout),
            "StartPeriod": nano(runtime.health.start_period),
            "Retries": runtime.health.retries,
        }
    return config
