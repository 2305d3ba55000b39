"""What a spec and its lock say an image is: what it is compared with to find drift.

The base is taken from the cache, or made again from the lock, so every file and setting that the
image has from it is known exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from imgforge import context, files
from imgforge.analysis import analyse
from imgforge.checks.drift.expected import Expectation, Locked, Own
from imgforge.console import Say
from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Layout
from imgforge.oci.types import Platform

if TYPE_CHECKING:
    from imgforge.plan import BuildPlan
    from imgforge.policy.bounds import Policy

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_SEPARATORS = re.compile(r"[-_.]+")


def load(
    spec_path: Path, policy: Policy, *, offline: bool, cache: Path | None, say: Say
) -> dict[Platform, Expectation]:
    """Compile the project of ``spec_path`` and read its base, for each platform of the spec.

    ``cache`` is where the facts of layers are kept. Raises what :func:`imgforge.compiled.load` and
    :func:`imgforge.bases.needed.layouts_of` raise, InvalidInputError for a broken lock file too.
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
            locked=tuple(_locked(plan, source.root, platform)),
            tools=plan.runtime.tools,
            sources=frozenset(place for place, _ in copied),
            application=application,
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


def _locked(plan: BuildPlan, root: Path, platform: Platform) -> Iterator[Locked]:
    for stage in plan.stages:
        copies = [c for c in plan.runtime.copies if c.origin == stage.name]
        if stage.fill is None or stage.fill.kind != "wheels" or not copies:
            continue
        name = stage.fill.parameters["lock"]
        try:
            text = (root / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInputError(f"cannot read {root / name}: {error}") from error
        versions, optional = requirements(text, stage.fill.parameters["python"], platform)
        yield Locked(copies[0].destination.strip("/"), "pypi", name, versions, optional)


def requirements(
    text: str, python: str, platform: Platform
) -> tuple[dict[str, str], frozenset[str]]:
    """Read pinned requirements (pip's format): name → version, and the names not meant for here.

    Options and hashes are left aside; InvalidInputError if a requirement cannot be read.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": _MACHINES.get(platform.architecture, platform.architecture),
    }
    versions, optional = {}, set()
    for number, line in enumerate(re.sub(r"\\\r?\n", " ", text).splitlines(), 1):
        words = re.split(r"(?:^|\s)#|\s--hash[= ]", line, maxsplit=1)[0].strip()
        if not words or words.startswith("-"):
            continue
        try:
            requirement = Requirement(words)
        except InvalidRequirement as error:
            raise InvalidInputError(f"requirement {number} ({words[:60]}): {error}") from error
        name = _SEPARATORS.sub("-", requirement.name).lower()
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            optional.add(name)
            continue
        pins = [s.version for s in requirement.specifier if s.operator in {"==", "==="}]
        versions[name] = pins[0] if pins else ""
    return versions, frozenset(optional - versions.keys())
