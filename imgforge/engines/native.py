"""Assembly without any engine, daemon or root: base layers, deterministic layers, configuration.

It serves plans whose build half needs no RUN.
"""

from __future__ import annotations

import functools
import importlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from imgforge import __version__
from imgforge.engines import assembly
from imgforge.engines.copies import Part, image, owner
from imgforge.engines.protocol import BuildRequest, Built
from imgforge.errors import BuildFailedError, ToolMissingError
from imgforge.oci.layer import Entry, Layer, write_layer
from imgforge.oci.layout import Layout
from imgforge.plan import BuildPlan

NAME = "native"

FILLS = {"wheels": "imgforge.engines.wheels"}
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
    filled = functools.partial(_filled, request, layout)
    images = [image(request, layout, p, filled) for p in request.plan.platform_list()]
    tools = {"imgforge-native": __version__}
    for kind in sorted({stage.fill.kind for stage in request.plan.stages if stage.fill}):
        tools |= importlib.import_module(FILLS[kind]).tools()
    return Built(layout, assembly.finish(layout, images), tools)


def _filled(request: BuildRequest, layout: Layout, part: Part) -> Layer:
    """Fill a stage's output and make its layer, or take the layer made of the same inputs."""
    fill = part.stage.fill
    if fill is None:
        raise BuildFailedError(f"stage {part.stage.name!r} cannot be filled natively")
    module = importlib.import_module(FILLS[fill.kind])

    def make(store: Layout) -> Layer:
        with tempfile.TemporaryDirectory(prefix="fill-", dir=store.path) as name:
            request.say(f"{part.platform}: {module.describe(fill)}")
            module.fill(fill, part.platform, request, Path(name))
            return write_layer(store, [*part.folders, *_tree_entries(part, Path(name))])

    inputs = {
        **part.key,
        "fill": fill.parameters,
        "inputs": module.inputs(fill, request.context),
    }
    layer = assembly.stored(layout, inputs, make, fresh=request.no_cache)
    if layer is None:
        raise BuildFailedError(f"stage {part.stage.name!r} made nothing")
    return layer


def _tree_entries(part: Part, folder: Path) -> Iterator[Entry]:
    uid, gid, mode = owner(part.copy)
    for path in sorted(folder.rglob("*"), key=lambda p: p.parts):
        name = f"{part.destination}/{path.relative_to(folder)}"
        if path.is_symlink():
            yield Entry(name, 0o777, uid, gid, link=str(path.readlink()))
        elif path.is_dir():
            yield Entry(name, mode, uid, gid)
        elif path.is_file():
            yield Entry(name, mode, uid, gid, source=path)
        else:
            raise BuildFailedError(f"a package ships a special file: {name}")
