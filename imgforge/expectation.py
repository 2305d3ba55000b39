"""What a spec and its lock say an image is: what it is compared with to find drift.

The base is taken from the cache, or made again from the lock, so every file and setting that the
image has from it is known exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from imgforge import context, files, lock
from imgforge.analysis import analyse
from imgforge.checks.drift.expected import Expectation, Own
from imgforge.console import Say
from imgforge.errors import InvalidInputError
from imgforge.inventory import Declared
from imgforge.inventory.declared import of_project
from imgforge.inventory.matching import identity
from imgforge.locks.base import entries
from imgforge.oci.layout import Layout
from imgforge.oci.types import Platform

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts
    from imgforge.lock import Lock
    from imgforge.plan import BuildPlan
    from imgforge.policy.bounds import Policy


def load(
    spec_path: Path, policy: Policy, *, offline: bool, cache: Path | None, say: Say
) -> dict[Platform, Expectation]:
    """Compile the project of ``spec_path`` and read its base, for each platform of the spec.

    ``cache`` is where the facts of layers are kept. Raises what :func:`imgforge.compiled.load` and
    :func:`imgforge.bases.needed.layouts_of` raise.
    """
    from imgforge import compiled
    from imgforge.bases.needed import layouts_of
    from imgforge.engines.assembly import configuration, same

    spec_path = files.locate(spec_path)
    source = compiled.load(spec_path)
    plan = source.plan
    base = plan.runtime.base
    paths = layouts_of(source.root, {base}, policy, offline=offline, say=say)
    layout = Layout.open(paths[base.pin])
    held = [
        analyse(layout, image, cache=cache)
        for top in layout.index()
        for image in layout.images(top)
    ]
    locked = lock.read(source.root / files.LOCK)
    copied, application = _copied(plan), dict[str, Own]()
    for place, name in copied:
        application |= _below(source.root, name, plan.exclude, place)
    found = {}
    for platform in plan.platform_list():
        facts = next((f for f in held if same(f.platform, platform)), None)
        if facts is None:
            raise InvalidInputError(f"base {base.pin} has no image for {platform}")
        found[platform] = Expectation(
            spec=spec_path.name,
            platform=platform,
            config=configuration(facts.config.get("config") or {}, plan.runtime),
            base=facts,
            places=tuple(copy.destination.strip("/") for copy in plan.runtime.copies),
            tools=plan.runtime.tools,
            sources=frozenset(place for place, _ in copied),
            application=application,
            filled=frozenset(
                i
                for i, copy in enumerate(plan.runtime.copies)
                if copy.origin not in {"context", "empty"}
            ),
            declares=_declares(plan, locked, source.root, facts),
            listed=frozenset(
                (entry.ecosystem, entry.name) for entry in entries(locked.runtime, platform).entries
            ),
        )
    return found


def _copied(plan: BuildPlan) -> list[tuple[str, str]]:
    """Return the places in the image that come from the context, each with its source."""
    copies = [copy for copy in plan.runtime.copies if copy.origin == "context"]
    return [(copy.destination.strip("/"), copy.source) for copy in copies]


def _below(root: Path, source: str, exclude: tuple[str, ...], place: str) -> dict[str, Own]:
    """Return what a copy of ``source`` puts into the image, by path there."""
    found = {}
    for item in context.walk(root, source, exclude):
        below = str(PurePosixPath(item.path).relative_to(source))
        path = place if below == "." else f"{place}/{below}".lstrip("/")
        found[path] = Own(item.kind, item.size, item.link)
    return found


def _declares(
    plan: BuildPlan, locked: Lock, root: Path, base: ImageFacts
) -> Callable[[Collection[str]], Declared]:
    """Return what asks the project's locks, which are read when the image's packages are known."""

    def declares(ecosystems: Collection[str]) -> Declared:
        return of_project(
            *(plan, locked, root, base.platform),
            layers=tuple(layer.diff_id for layer in base.layers),
            known=frozenset(map(identity, base.packages)),
            programs=frozenset(b.sha256 for layer in base.layers for b in layer.binaries),
            ecosystems=ecosystems,
        )

    return declares
