"""What a project declares that its image has: the base's packages, and the application's locks.

This is the one place that knows which lock a build installs from, and into which folder of the
image. Other locks that lie beside the spec are read as well, if the image has packages of their
ecosystem: they tell who needs whom, and which line lists a package.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from imgforge import context, locks
from imgforge.locks import base as own
from imgforge.locks.locked import Locked
from imgforge.oci.types import Platform

if TYPE_CHECKING:
    from imgforge.lock import Lock, LockedBase
    from imgforge.plan import BuildPlan, Stage

_PYTHON: Final = re.compile(r"\bpython([0-9]+\.[0-9]+)")


class Target(NamedTuple):
    """What an image runs on: decides which entries of a lock are meant for it.

    ``python`` is the interpreter's version (``3.13``), empty if nobody knows it.
    """

    platform: Platform
    python: str = ""


class Install(NamedTuple):
    """A lock that the build installs from, into the folder ``place`` of the image (no ``/``)."""

    place: str
    locked: Locked


@dataclass(frozen=True, slots=True)
class Declared:
    """What is declared of an image for one target.

    ``base`` lists what the runtime base was made of; nothing if it comes from a registry.
    ``layers`` are the digests of the base's uncompressed layers from the lowest up, empty if the
    base was not at hand; ``known`` names packages that it is known to have (see
    :func:`imgforge.inventory.matching.identity`), ``programs`` the sha256 (hex) of its programs.

    ``installs`` are the locks that the build installs from, ``beside`` others that lie in the
    project's folder or at the top of one that is copied. ``places`` are the folders of the image
    that the spec fills (no leading ``/``), ``own`` those of them that are copied from beside the
    spec, or that a stage without network made of what lies there.

    ``builder`` is the base in which it was built, by name, and what that was made of; ``tools``
    what else made the image (name to version).
    """

    target: Target
    base_name: str = ""
    base: Locked = Locked(own.FILE, ())  # noqa: RUF009 - immutable
    layers: tuple[str, ...] = ()
    known: frozenset[tuple[str, ...]] = frozenset()
    programs: frozenset[str] = frozenset()
    installs: tuple[Install, ...] = ()
    beside: tuple[Locked, ...] = ()
    places: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    builder: Locked | None = None
    tools: Mapping[str, str] = field(default_factory=dict)


def of_project(
    plan: BuildPlan,
    lock: Lock,
    root: Path,
    platform: Platform,
    *,
    layers: tuple[str, ...] = (),
    known: frozenset[tuple[str, ...]] = frozenset(),
    programs: frozenset[str] = frozenset(),
    ecosystems: Collection[str] = (),
    tools: Mapping[str, str] | None = None,
    builder: bool = True,
) -> Declared:
    """Return what the project in the folder ``root`` declares for ``platform``.

    ``ecosystems`` are those of the packages that the image has: other locks than the plan's are
    read if they are of one of these. ``layers``, ``known``, ``programs`` and ``tools`` are as in
    :class:`Declared`; without ``builder`` the builder base was not used. InvalidInputError names
    the file and line of a lock that cannot be read.
    """
    copies = plan.runtime.copies
    installs = tuple(_installs(plan, root, platform))
    named = {install.locked.path for install in installs}
    built = lock.builder if builder else None
    return Declared(
        Target(platform, _python(plan, lock.runtime)),
        base_name=lock.runtime.name,
        base=own.entries(lock.runtime, platform),
        layers=layers,
        known=known,
        programs=programs,
        installs=installs,
        beside=tuple(_beside(plan, root, ecosystems, named)),
        places=tuple(copy.destination.strip("/") for copy in copies),
        own=tuple(c.destination.strip("/") for c in copies if c.origin in _own(plan)),
        builder=own.entries(built, platform) if built is not None else None,
        tools=dict(tools or {}),
    )


def _beside(
    plan: BuildPlan, root: Path, ecosystems: Collection[str], taken: Collection[str]
) -> Iterator[Locked]:
    """Read the locks of ``ecosystems`` beside the spec, and in folders that the spec copies.

    What is kept out of the context there is nothing to the build.
    """
    ignored = context.compile_patterns(plan.exclude)
    folders = [copy.source for copy in plan.runtime.copies if copy.origin == "context"]
    inner = (path for folder in folders for path in locks.lying(root, folder))
    paths = [*locks.lying(root), *(path for path in inner if not ignored.fullmatch(path))]
    for path in dict.fromkeys(paths):
        if locks.ecosystem(path) in ecosystems and path not in taken:
            yield locks.load(root, path)


def _installs(plan: BuildPlan, root: Path, platform: Platform) -> Iterator[Install]:
    for stage in plan.stages:
        for copy in plan.runtime.copies if stage.lock else ():
            if copy.origin == stage.name:
                yield Install(copy.destination.strip("/"), _locked(stage, root, platform))
        if stage.prepared is not None and stage.prepared.kind in {"members", "project"}:
            from imgforge.hashed import wheels

            made = wheels.declares(stage.prepared, platform, root)
            for copy in plan.runtime.copies:
                if copy.origin == stage.name:
                    yield Install(copy.destination.strip("/"), made)


def _locked(stage: Stage, root: Path, platform: Platform) -> Locked:
    """Return the lock of a stage; of a workspace's only what its member needs is required."""
    locked = locks.load(root, stage.lock)
    told = stage.prepared.parameters if stage.prepared is not None else {}
    if not told.get("member"):
        return locked
    from imgforge import hashed

    pins = {(pin.name, pin.version) for pin in hashed.choose(root, told, platform).pins}
    entries = (
        entry._replace(scope="required" if (entry.name, entry.version) in pins else "optional")
        for entry in locked.entries
    )
    return locked._replace(entries=tuple(entries))


def _own(plan: BuildPlan) -> set[str]:
    return {"context", *(stage.name for stage in plan.stages if not stage.network)}


def _python(plan: BuildPlan, base: LockedBase) -> str:
    """Return for which Python the plan installs, else which one the base says it has."""
    fills = (stage.fill.parameters for stage in plan.stages if stage.fill is not None)
    named = next((said["python"] for said in fills if said.get("python")), "")
    if named:
        return named
    found = _PYTHON.search(base.abi)
    return found[1] if found else ""
