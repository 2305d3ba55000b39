"""Whose commands a plan's stages run: on which platforms; and what an engine lacks of them."""

from __future__ import annotations

import re

from imgforge.plan import BuildPlan

EVERY_LOCK = "linux/amd64"
"""The platform for which every lock has a builder."""

_RUN = re.compile(r"^\s*RUN\b", re.MULTILINE)


def needed(plan: BuildPlan, own: str) -> dict[str, list[str]]:
    """Return the platforms (without variant) whose commands are run: platform → steps.

    ``own`` is the builder's platform (``linux/amd64``), empty if it is not known.
    """
    targets = [plain(p) for p in plan.platforms]
    found: dict[str, list[str]] = {}
    for stage in plan.stages:
        if not _RUN.search(stage.instructions):
            continue
        where = targets
        if stage.crosses:  # on the builder's own platform, where the lock has an image for it
            where = [EVERY_LOCK] if own and own not in {*targets, EVERY_LOCK} else []
        for platform in where:
            found.setdefault(platform, []).append(stage.name)
    return found


def lacking(plan: BuildPlan, own: str, able: set[str], who: str) -> str:
    """Say which platform's commands ``who`` cannot run, of all it is ``able`` to; empty if none."""
    missing = {p: steps for p, steps in needed(plan, own).items() if p not in able}
    if not missing:
        return ""
    steps = dict.fromkeys(step for names in missing.values() for step in names)
    return (
        f"{who} cannot run commands of {', '.join(missing)}, itself or emulated, which step "
        f"{', '.join(map(repr, steps))} needs"
    )


def plain(platform: str) -> str:
    """Return a platform without its variant."""
    return "/".join(platform.split("/")[:2])
