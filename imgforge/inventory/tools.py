"""What built an image and is not in it."""

from __future__ import annotations

from collections.abc import Iterator

from imgforge.analysis.facts import Package
from imgforge.analysis.purl import build
from imgforge.inventory.component import Component, System
from imgforge.inventory.declared import Declared
from imgforge.locks.locked import Entry


def tools(declared: Declared, system: System | None) -> tuple[Component, ...]:
    """Return the builder's packages, build-only entries of locks, and the engine's versions.

    ``system`` is the image's distribution, which is its builder's too.
    """
    return tuple(sorted(_tools(declared, system)))


def _tools(declared: Declared, system: System | None) -> Iterator[Component]:
    release = {"ID": system.id, "VERSION_ID": system.version} if system is not None else {}
    if declared.builder is not None:
        path = declared.builder.path
        for entry in declared.builder.entries:
            yield _component(entry, path, f"{path} builder {entry.title}", release)
    # A stage with several copies installs from one lock into several places.
    locks = {each.path: each for each in (*(i.locked for i in declared.installs), *declared.beside)}
    for locked in locks.values():
        for entry in locked.entries:
            if entry.scope == "build":
                said = f"{locked.path}:{entry.line}" if entry.line else locked.path
                yield _component(entry, locked.path, said, release)
    for name, version in sorted(declared.tools.items()):
        package = Package("generic", name, version, "", "", "", (), found="manifest")
        yield Component(package._replace(purl=build(package, {})), "build")


def _component(entry: Entry, path: str, declared: str, release: dict[str, str]) -> Component:
    package = Package(
        *(entry.ecosystem, entry.name, entry.version, "", "", "", (path,)),
        architecture=entry.architecture,
        namespace=entry.namespace,
        # Of several files that an index has, nobody knows which was taken.
        hashes=entry.hashes if len(entry.hashes) == 1 else (),
        found="lock",
    )
    return Component(package._replace(purl=build(package, release)), "build", declared=declared)
