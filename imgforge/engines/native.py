"""Assembly without any engine, daemon or root: base layers, deterministic layers, configuration.

It serves plans whose build half needs no RUN. The rules of COPY that it follows are BuildKit's:
sources keep their relative paths, every object gets the given owner and mode (links keep 0777),
and folders that the destination needs and the image lacks get them too.
"""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from imgforge import __version__, cache, context
from imgforge.analysis import analyse, facts
from imgforge.engines import assembly
from imgforge.engines.protocol import BuildRequest, Built
from imgforge.errors import BuildFailedError, ToolMissingError
from imgforge.oci.layer import Entry, Layer, write_layer
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, Platform
from imgforge.plan import BuildPlan, Copy, Stage

NAME = "native"

FILLS = {"bytecode": "imgforge.engines.bytecode", "wheels": "imgforge.engines.wheels"}
"""Kind of fill → the module whose ``fill(fill, platform, request, folder)`` does it;
``tools()`` says what does."""


def unable(plan: BuildPlan) -> str:
    """Say which part of the plan needs an engine that can run commands; empty if none does."""
    return "; ".join(stage.needs_run for stage in plan.stages if stage.needs_run)


def build(request: BuildRequest) -> Built:
    """Assemble every platform; see :class:`~imgforge.engines.protocol.Engine`."""
    if reason := unable(request.plan):
        raise ToolMissingError(f"the native engine cannot build this: {reason}")
    layout = Layout.create(request.scratch / "layout")
    images = [_image(request, layout, p) for p in request.plan.platform_list()]
    tools = {"imgforge-native": __version__}
    for kind in sorted({stage.fill.kind for stage in request.plan.stages if stage.fill}):
        tools |= importlib.import_module(FILLS[kind]).tools()
    return Built(layout, assembly.finish(layout, images), tools)


class _Tree:
    """Which folders and links exist, as copies are added; resolves links like a runtime."""

    def __init__(self, folders: dict[str, Entry], links: dict[str, str]) -> None:
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

    def down_to(self, path: str, mode: int, uid: int, gid: int) -> Iterator[Entry]:
        """Yield the folders from the top down to ``path``; those that are missing are made so.

        Those that exist are repeated as they are, as a layer made on an overlay file system has
        them; without that, the two engines' layers would differ in bytes though not in effect.
        """
        for folder in (*reversed(PurePosixPath(path).parents), PurePosixPath(path)):
            name = str(folder)
            if name != ".":
                yield self.folders.setdefault(name, Entry(name, mode, uid, gid))


def _image(request: BuildRequest, layout: Layout, platform: Platform) -> Descriptor:
    base = assembly.open_base(request, platform)
    tree = _tree(base)
    layers = []
    for copy in request.plan.runtime.copies:
        request.say(f"{platform}: {assembly.describe(copy)}")
        layers.append(_layer(request, layout, platform, copy, tree))
    return assembly.assemble(layout, request.plan, platform, base, layers)


def _tree(base: assembly.BaseImage) -> _Tree:
    """Return the base's folders and links: kept by its digest, since an analysis has far more."""
    path = cache.directory("trees") / f"{base.image.digest.removeprefix('sha256:')}.json"
    try:
        folders, links = json.loads(path.read_bytes())
        cache.used(path)
    except (OSError, ValueError):
        seen = analyse(base.layout, base.image, cache=cache.directory("analysis")).files
        found = [f for f in seen.values() if f.kind == facts.DIRECTORY]
        folders = [[f.path, f.mode, f.uid, f.gid] for f in found]
        links = {p: f.link for p, f in seen.items() if f.kind == facts.SYMLINK}
        cache.write(path, json.dumps([folders, links]).encode())
    return _Tree({name: Entry(name, *rest) for name, *rest in folders}, dict(links))


def _layer(
    request: BuildRequest, layout: Layout, platform: Platform, copy: Copy, tree: _Tree
) -> Layer:
    destination = tree.resolve(copy.destination.strip("/"))
    if copy.origin == "empty":
        return write_layer(layout, _directories(copy, tree, destination))
    if copy.origin == "context":
        entries = _context_entries(request, copy, tree, destination)
        return write_layer(layout, entries)
    stage = next(s for s in request.plan.stages if s.name == copy.origin)
    return _filled(request, layout, platform, stage, copy, tree)


def _filled(  # noqa: PLR0917 - one call, each argument another thing
    request: BuildRequest,
    layout: Layout,
    platform: Platform,
    stage: Stage,
    copy: Copy,
    tree: _Tree,
) -> Layer:
    """Fill a stage's output and make its layer, or take the layer made of the same inputs."""
    fill = stage.fill
    if fill is None:
        raise BuildFailedError(f"stage {stage.name!r} cannot be filled natively")
    module = importlib.import_module(FILLS[fill.kind])
    destination = tree.resolve(copy.destination.strip("/"))
    folders = list(_directories(copy, tree, destination))

    def make(store: Layout) -> Layer:
        with tempfile.TemporaryDirectory(prefix="fill-", dir=store.path) as name:
            request.say(f"{platform}: {module.describe(fill)}")
            module.fill(fill, platform, request, Path(name))
            entries = [*folders, *_tree_entries(copy, Path(name), destination)]
            return write_layer(store, entries)

    inputs = {
        "platform": str(platform),
        "copy": [copy.destination, copy.owner, copy.mode],
        "folders": [[e.path, e.mode, e.uid, e.gid] for e in folders],
        "fill": fill.parameters,
        "inputs": module.inputs(fill, request),
    }
    layer = assembly.stored(layout, inputs, make, fresh=request.no_cache)
    if layer is None:
        raise BuildFailedError(f"stage {stage.name!r} made nothing")
    return layer


def _owner(copy: Copy) -> tuple[int, int, int]:
    uid, _, gid = copy.owner.partition(":")
    return int(uid), int(gid), int(copy.mode, 8)


def _directories(copy: Copy, tree: _Tree, destination: str) -> Iterator[Entry]:
    uid, gid, mode = _owner(copy)
    yield from tree.down_to(destination, mode, uid, gid)


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
            tree.folders[path] = Entry(path, mode, uid, gid)
            yield tree.folders[path]
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
