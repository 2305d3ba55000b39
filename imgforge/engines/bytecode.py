"""Bytecode of an application and its dependencies, by the interpreter of the pinned base.

Bytecode depends on the interpreter's version and not on its architecture; so the base's image for
this machine serves every platform. Builders run the same program, and get the same bytes.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imgforge import cache, context, process
from imgforge.bases import bytecode_tree
from imgforge.bases.bytecode_tree import FLAGS
from imgforge.engines import assembly
from imgforge.engines.protocol import BuildRequest
from imgforge.errors import BuildFailedError, ToolMissingError
from imgforge.oci.layout import references
from imgforge.oci.types import LAYER_GZIP, LAYER_TAR, Platform
from imgforge.plan import Fill

PROGRAM = Path(bytecode_tree.__file__).with_name("bytecode_program.py")
_TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


def describe(fill: Fill) -> str:
    """Say what :func:`fill` does, for the progress."""
    return f"compiling the application for Python {fill.parameters['python']}"


def tools() -> dict[str, str]:
    """Return what compiles besides imgforge: nothing but the base's own interpreter."""
    return {}


def inputs(fill: Fill, request: BuildRequest) -> list[str]:  # noqa: ARG001 - as every fill
    """Return what decides the result: the sources, what is left out, the base's interpreter."""
    return [
        context.fingerprint(request.context, _sources(request), request.plan.exclude),
        request.plan.runtime.base.digest,
        PROGRAM.read_text(encoding="utf-8"),
    ]


def fill(fill: Fill, platform: Platform, request: BuildRequest, folder: Path) -> None:  # noqa: ARG001 - bytecode is the same on every platform
    """Compile the sources that go to ``/app`` and write their bytecode below ``folder``."""
    with tempfile.TemporaryDirectory(prefix="imgforge-") as name:
        work = Path(name)
        for source in _sources(request):
            for item in context.walk(request.context, source, request.plan.exclude):
                if item.kind == "file" and item.path.endswith(".py"):
                    (work / item.path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(request.context / item.path, work / item.path)
        compile_tree(request, fill.parameters["python"], work, "/app", folder)


def _sources(request: BuildRequest) -> list[str]:
    return [c.source for c in request.plan.runtime.copies if c.origin == "context"]


def compile_tree(request: BuildRequest, version: str, source: Path, place: str, out: Path) -> None:
    """Compile what lies below ``source`` and will lie at ``place``; write below ``out``.

    Raises ToolMissingError if the base has no interpreter of ``version`` for this machine,
    BuildFailedError if it breaks off.
    """
    names = bytecode_tree.sources(source)
    if not names:
        return
    root, triplet = _interpreter(request, version)
    libraries = root / "usr/lib" / triplet
    loader = next(libraries.glob("ld-linux*.so.*"))
    command: list[str | Path] = [
        loader,
        "--library-path",
        libraries,
        root / f"usr/bin/python{version}",
    ]
    program = PROGRAM.read_text(encoding="utf-8")
    env = {"PYTHONHOME": str(root / "usr"), "PYTHONHASHSEED": "0"}
    jobs = max(1, min(os.cpu_count() or 1, len(names)))

    def share(number: int) -> None:
        own = names[number::jobs]
        asked = bytecode_tree.question(source, place, own)
        done = process.run([*command, *FLAGS, program], env=env, cwd=root, input=asked)
        answers = list(bytecode_tree.records(done.stdout))
        if len(answers) != len(own):
            raise BuildFailedError(f"Python {version} compiled {len(answers)} of {len(own)} files")
        bytecode_tree.write(out, own, answers, version)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(share, range(jobs)))


def _interpreter(request: BuildRequest, version: str) -> tuple[Path, str]:
    """Return a folder with the base's interpreter for this machine, and its library triplet."""
    from imgforge.bases.steps import machine

    here = machine()
    if here not in _TRIPLETS:
        raise ToolMissingError(f"no base has an interpreter for {here}", hint="bytecode = false")
    base = assembly.open_base(request, Platform("linux", here))
    kept = cache.directory("interpreters") / base.image.digest.removeprefix("sha256:")
    if cache.used(kept):
        return kept, _TRIPLETS[here]
    wanted = re.compile(
        rf"usr/bin/python{version}|usr/lib/python{version}/(?:encodings/)?[^/]+\.py"
        rf"|usr/lib/{_TRIPLETS[here]}/[^/]+\.so(?:\.[^/]*)?"
    )

    def chosen(member: tarfile.TarInfo) -> bool:
        beside = member.issym() and "/" not in member.linkname  # libz.so.1 → libz.so.1.3
        return bool(wanted.fullmatch(member.name)) and (member.isreg() or beside)

    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=kept.parent))
    try:
        for layer in references(base.manifest)[1:]:
            if layer.media_type not in {LAYER_GZIP, LAYER_TAR}:
                raise ToolMissingError(f"layers of type {layer.media_type} are not read here")
            with tarfile.open(base.layout.blob_path(layer.digest), "r:*") as tar:
                tar.extractall(staging, filter="data", members=filter(chosen, tar))
        if not (staging / f"usr/bin/python{version}").is_file():
            raise ToolMissingError(
                f"base {request.plan.runtime.base.name} has no usr/bin/python{version}",
                hint="build with another engine, or set bytecode = false",
            )
        with contextlib.suppress(OSError):  # another process was first
            staging.rename(kept)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return kept, _TRIPLETS[here]
