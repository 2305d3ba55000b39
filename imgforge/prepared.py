"""What imgforge makes for a build stage's commands before they run: small files, by pure functions.

A stage that declares it finds them in the named build context ``prepared``, below a folder of its
own name, and takes them with ``COPY --from=prepared``; so their content decides what an engine
takes from its cache. The native engine's fills read the same.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from imgforge.plan import BuildPlan

CONTEXT = "prepared"
"""Name of the build context."""

KINDS = {
    "backend": "imgforge.hashed.backend",
    "bytecode": "imgforge.hashed.bytecode",
    "members": "imgforge.hashed.wheels",
    "project": "imgforge.hashed.wheels",
    "requirements": "imgforge.hashed",
}
"""Kind → the module whose ``prepare(fill, platform, context)`` returns files for a platform."""


def files(plan: BuildPlan, context: Path) -> dict[str, bytes]:
    """Return everything that the stages of ``plan`` find prepared: ``STAGE/NAME`` → content.

    ``context`` is the project's folder. Raises what the kinds raise.
    """
    found: dict[str, bytes] = {}
    for stage in plan.stages:
        if stage.prepared is not None:
            module = importlib.import_module(KINDS[stage.prepared.kind])
            for platform in plan.platform_list():
                made = module.prepare(stage.prepared, platform, context)
                found |= {f"{stage.name}/{name}": content for name, content in made.items()}
    return found


def write(plan: BuildPlan, context: Path, folder: Path) -> Path | None:
    """Write the files below ``folder``; return their root, None if no stage wants any."""
    found = files(plan, context)
    if not found:
        return None
    root = folder / CONTEXT
    for name, content in found.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o644)
    return root
