"""What buildah is given of a build stage: a Dockerfile of its own, and a copy of the context.

buildah 1.28 is enough for both. Why neither is as the plan has it: docs/decisions/0036-buildah.md.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from imgforge import context
from imgforge.dockerfile.instructions import mounts
from imgforge.dockerfile.lines import Instruction, read
from imgforge.engines.protocol import BuildRequest
from imgforge.plan import Stage

_NETWORK = re.compile(r"(?<=\s)--network=\S+\s*")


def copy_context(request: BuildRequest, folder: Path) -> None:
    """Copy what the plan reads, with modes and times: what steps are shown is this and no more."""
    folder.mkdir()
    folders: set[PurePosixPath] = set()
    for source in context.existing(request.context, request.plan.inputs):
        folders.add(PurePosixPath(source))
        for item in context.walk(request.context, source, request.plan.exclude):
            original, copied = request.context / item.path, folder / item.path
            folders.update(PurePosixPath(item.path).parents)
            copied.parent.mkdir(parents=True, exist_ok=True)
            if item.kind == "directory":
                copied.mkdir(exist_ok=True)
                folders.add(PurePosixPath(item.path))
            elif item.kind == "link":
                copied.unlink(missing_ok=True)
                copied.symlink_to(item.link)
            else:
                shutil.copyfile(original, copied)
                _like(original, copied)
    # Folders last, and the innermost first: what is put into one changes its time.
    for place in sorted(folders, key=lambda p: len(p.parts), reverse=True):
        if (folder / place).is_dir():
            _like(request.context / place, folder / place)


def _like(original: Path, copied: Path) -> None:
    status = original.stat()
    copied.chmod(status.st_mode & 0o7777 | (0o700 if copied.is_dir() else 0o600))
    os.utime(copied, ns=(status.st_mtime_ns, status.st_mtime_ns))


def dockerfile(stage: Stage, base: str, made: Mapping[str, str], context: Path) -> str:
    """Return a stage's Dockerfile: its own instructions on images named by identity.

    buildah takes no note of what a RUN is shown by a bind mount: what is bound is written before
    it as a label, so that a step is done again when that changed. Whether a step has network is
    said for the whole call.
    """
    lines = [f"FROM {identity} AS {name}" for name, identity in made.items()]
    lines += [f"FROM {base} AS {stage.name}", "ARG TARGETARCH"]
    text = "FROM scratch\n" + stage.instructions
    _, instructions, _ = read(text.encode())
    raw = text.split("\n")
    for each in instructions[1:]:
        own = "\n".join(raw[each.line - 1 : each.end])
        if each.name == "RUN":
            bound = _bound(each, made, context)
            lines += [f'LABEL dev.imgforge.bound="{bound}"'] if bound else []
            if each.flag("network") is not None:
                own = _NETWORK.sub("", own, count=1)
        lines.append(own)
    return "\n".join(lines) + "\n"


def _bound(run: Instruction, made: Mapping[str, str], context: Path) -> str:
    """Digest what a RUN's bind mounts show; empty without any."""
    found = []
    for mount in mounts(run):
        if mount.kind == "bind":
            shown = made.get(mount.source_stage) or _content(context, mount.source.strip("/"))
            found.append(f"{mount.target} {shown}")
    return hashlib.sha256("\n".join(found).encode()).hexdigest() if found else ""


def _content(root: Path, source: str) -> str:
    total = hashlib.sha256()
    top = root / source
    for path in (top, *sorted(top.rglob("*"))):
        total.update(f"{path.relative_to(root)}\0".encode("utf-8", "surrogateescape"))
        if path.is_symlink():
            total.update(os.fsencode(path.readlink()))
        elif path.is_file():
            total.update(f"{path.stat().st_mode:o}\0".encode())
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
