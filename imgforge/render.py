"""Plan in, Dockerfile out: pure and byte-stable."""

from __future__ import annotations

from imgforge import assets, template
from imgforge.plan import BuildPlan
from imgforge.prepared import CONTEXT

TEMPLATE = "Dockerfile.j2"


def render(plan: BuildPlan) -> str:
    """Return the Dockerfile of ``plan``; every engine with RUN builds exactly this text."""
    text = (assets.folder("templates") / TEMPLATE).read_text(encoding="utf-8")
    uses_empty = any(copy.origin == "empty" for copy in plan.runtime.copies)
    uses_prepared = any(f"--from={CONTEXT} " in stage.instructions for stage in plan.stages)
    return template.render(
        text,
        {"plan": plan, "uses_empty": uses_empty, "uses_prepared": uses_prepared},
        name=TEMPLATE,
        trusted=True,
    )
