"""The layers of the runtime stage's copies, made here and not by an engine.

A copy becomes the layer that BuildKit makes of it: sources keep their relative paths, every object
gets the given owner and mode (links keep 0777), and folders that the destination needs and the
image lacks get them too. Engines differ only in how a build stage's output comes about.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from imgforge import cache, context
from imgforge.analysis import analyse, facts
from imgforge.engines import assembly
from imgforge.engines.protocol import BuildRequest
from imgforge.errors import BuildFailedError
from imgforge.oci.layer import Entry, Layer, write_layer
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, Platform
from imgforge.plan import Copy, Stage


@dataclass(frozen=True, slots=True)
class Part:
    """A copy from a build stage, which is to become a layer.

    ``destination`` is where it goes in the image with the base's links followed (relative);
    ``folders`` are the entries down to there, with which the layer begins.
    """

    stage: Stage
    copy: Copy
    platform: Platform
    destination: str
    folders: tuple[Entry, ...]

    @property
    def key(self) -> dict[str, Any]:
        """What decides the layer besides the stage's output, for :func:`assembly.stored`."""
        return {
            "platform": str(self.platform),
            "copy": [self.copy.destination, self.copy.owner, self.copy.mode],
            "folders": [[e.path, e.mode, e.uid, e.gid] for e in self.folders],
        }


Filled = Callable[[Part], Layer]
"""Makes the layer of a copy from a stage, in the layout in which the image is made."""


def image(request: BuildRequest, layout: Layout, platform: Platform, filled: Filled) -> Descriptor:
    """Make one platform's image in ``layout``; BuildFailedError, or InvalidInputError of sources.

    The pinned base is below; ``filled`` makes the layers that come from build stages.
    """
    base = assembly.open_base(request, platform)
    tree = _tree(base)
    stages = {stage.name: stage for stage in request.plan.stages}
    layers = []
    for copy in request.plan.runtime.copies:
        request.say(f"{platform}: {assembly.describe(copy)}")
        destination = tree.resolve(copy.destination.strip("/"))
        if copy.origin == "context":
            layer = write_layer(layout, context_entries(request, copy, tree, destination))
        else:
            folders = tuple(_directories(copy, tree, destination))
            if copy.origin == "empty":
                layer = write_layer(layout, folders)
            else:
                layer = filled(Part(stages[copy.origin], copy, platform, destination, folders))
        layers.append(layer)
    return assembly.assemble(layout, request.plan, platform, base, layers)


class Tree:
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


def _tree(base: assembly.BaseImage) -> Tree:
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
    return Tree({name: Entry(name, *rest) for name, *rest in folders}, dict(links))


def owner(copy: Copy) -> tuple[int, int, int]:
    """Return user, group and mode of what a copy puts into the image."""
    uid, _, gid = copy.owner.partition(":")
    return int(uid), int(gid), int(copy.mode, 8)


def _directories(copy: Copy, tree: Tree, destination: str) -> Iterator[Entry]:
    uid, gid, mode = owner(copy)
    yield from tree.down_to(destination, mode, uid, gid)


def context_entries(
    request: BuildRequest, copy: Copy, tree: Tree, destination: str
) -> Iterator[Entry]:
    """Yield the entries of a copy from the context."""
    uid, gid, mode = owner(copy)
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
