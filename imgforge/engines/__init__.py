"""The engines: one module each; ``auto`` tries them in the order of this dict."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from imgforge.errors import ToolMissingError

if TYPE_CHECKING:  # the command line names the engines without loading any
    from imgforge.engines.protocol import Engine
    from imgforge.plan import BuildPlan

ENGINES = {
    "buildkit": "imgforge.engines.buildkit",
    "native": "imgforge.engines.native",
    "buildah": "imgforge.engines.buildah",
}
"""Name → module; a module is imported when its engine is asked."""

INSTALL = (
    "install Docker Engine 25 or later with the containerd image store and buildx, and where it "
    "runs qemu-user-static (binfmt) for other platforms' commands; or buildah and runc (uidmap, "
    "if you are not root); or change the spec so that nothing must be run (imgforge plan says what)"
)


def load(name: str) -> Engine:
    """Return the engine ``name``."""
    return cast("Engine", importlib.import_module(ENGINES[name]))


def survey(plan: BuildPlan) -> dict[str, str]:
    """Ask every engine about ``plan``: name → why not, empty if it can."""
    return {name: load(name).unable(plan) for name in ENGINES}


def choose(wanted: str, plan: BuildPlan) -> tuple[str, Engine, str]:
    """Return name, engine and the reason for the choice; ToolMissingError (exit 3) if none can."""
    if wanted != "auto":
        engine = load(wanted)
        if reason := engine.unable(plan):
            raise ToolMissingError(f"engine {wanted} cannot build this: {reason}", hint=INSTALL)
        return wanted, engine, "asked for"
    reasons: dict[str, str] = {}
    for name in ENGINES:
        engine = load(name)
        reason = engine.unable(plan)
        if not reason:
            why = "; ".join(f"{other}: {text}" for other, text in reasons.items())
            return name, engine, why or "reachable and able"
        reasons[name] = reason
    raise ToolMissingError(
        "no engine can build this",
        details=[f"{name}: {text}" for name, text in reasons.items()],
        hint=INSTALL,
    )
