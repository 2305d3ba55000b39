"""The part of a build in which an engine works: its bases made ready, then the engine run."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.console import Console
from imgforge.output import Output

if TYPE_CHECKING:
    from imgforge.asked import Options
    from imgforge.compiled import Compiled
    from imgforge.engines.protocol import Built
    from imgforge.plan import BuildPlan
    from imgforge.policy.bounds import Policy


def run_engine(  # noqa: PLR0917 - what a build is made of
    source: Compiled,
    plan: BuildPlan,
    policy: Policy,
    output: Output,
    options: Options,
    console: Console,
) -> tuple[Built, str, str, Path]:
    """Build; return the image, the engine, why it was taken, and the runtime base's layout.

    First the stack is held against the policy, as the bases are.
    """
    from imgforge import engines
    from imgforge.bases.needed import layouts_of
    from imgforge.catalogs import bounds
    from imgforge.engines.protocol import BuildRequest

    bounds.of_plan(plan, policy, offline=options.offline, say=console.note)
    name, engine, reason = engines.choose(options.engine, plan)
    threading.Thread(target=_preload, args=(options,), daemon=True).start()
    needed = {plan.runtime.base}
    if name != "native":
        needed |= {stage.base for stage in plan.stages}
    with console.step("bases") as say:
        layouts = layouts_of(source.root, needed, policy, offline=options.offline, say=say)
    with console.step(f"build with {name}") as say:
        request = BuildRequest(
            plan=plan,
            dockerfile=source.dockerfile,
            context=source.root,
            bases=layouts,
            secrets=options.secrets,
            scratch=output.work(name, fresh=options.no_cache),
            no_cache=options.no_cache,
            say=say,
            offline=options.offline,
        )
        return engine.build(request), name, reason, layouts[plan.runtime.base.pin]


def _preload(options: Options) -> None:
    """Load what the steps after the engine need while the engine works: most of their time."""
    names = ["imgforge.analysis.layer", "imgforge.checks", "imgforge.provenance.build"]
    names += ["imgforge.sbom.spdx", "imgforge.sbom.cyclonedx", "imgforge.secrets.engine"]
    if options.sign is not None and options.sign.anything:
        names.append("imgforge.signing.bundle")
    for name in names:
        importlib.import_module(name)
