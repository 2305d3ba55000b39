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
from imgforge.dockerfile.instructions import Mount, mounts
from imgforge.dockerfile.lines import Instruction, read
from imgforge.engines.protocol import BuildRequest
from imgforge.plan import Stage

_MOUNT = re.compile(r"(?<=\s)--mount=(\S+)")
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
    said for the whole call. Caches have flat names, and are not locked by it (:func:`locked`).
    """
    lines = [f"FROM {identity} AS {name}" for name, identity in made.items()]
    lines += [f"FROM {base} AS {stage.name}", "ARG TARGETARCH"]
    text = "FROM scratch\n" + stage.instructions
    _, instructions, _ = read(text.encode())
    raw = text.split("\n")
    for each in instructions[1:]:
        own = "\n".join(raw[each.line - 1 : each.end])
        if each.name == "RUN":
            own = _caches(each, raw[each.line - 1 : each.end])
            bound = _bound(each, made, context)
            lines += [f'LABEL dev.imgforge.bound="{bound}"'] if bound else []
            if each.flag("network") is not None:
                own = _NETWORK.sub("", own, count=1)
        lines.append(own)
    return "\n".join(lines) + "\n"


def locked(stage: Stage) -> list[str]:
    """Return the caches of a stage that one build at a time may use, sorted.

    buildah's own lock is a file in the cache, in whose place a step can leave a link to any file of
    the machine. So whoever calls buildah holds these.
    """
    _, instructions, _ = read(("FROM scratch\n" + stage.instructions).encode())
    runs = [each for each in instructions if each.name == "RUN"]
    pairs = [pair for run in runs for pair in zip(run.values("mount"), mounts(run), strict=True)]
    wanted = {_cache(m) for text, m in pairs if "sharing=locked" in text.split(",")}
    return sorted(wanted)


def _cache(mount: Mount) -> str:
    """Return the name of a cache: no cache lies in another, where a step may have left a link."""
    return hashlib.sha256((mount.id or mount.target).encode()).hexdigest()[:32]


def _caches(run: Instruction, lines: list[str]) -> str:
    """Return a RUN, with names of ours for its caches; its flags are words of its lines."""
    found = iter(mounts(run))

    def named(match: re.Match[str]) -> str:
        mount = next(found)
        if mount.kind != "cache":
            return match[0]
        parts = [p for p in match[1].split(",") if p.partition("=")[0] not in {"id", "sharing"}]
        return "--mount=" + ",".join([*parts, f"id={_cache(mount)}"])

    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return _MOUNT.sub(named, text, count=count) if (count := len(run.values("mount"))) else text


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
