"""How an image was made: an in-toto SLSA provenance v1 predicate (slsa.dev/spec/v1.0/provenance).

The build type is described in docs/reference/build-type.md. Nothing in the predicate depends on
the clock or the machine: the same build has the same provenance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imgforge import __version__
from imgforge.plan import BuildPlan

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://imgforge.dev/build/v1"
BUILDER = "https://imgforge.dev/builder/local/v1"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Digests (``sha256:…``) of what went in; ``lock`` of the application's own lock, or empty."""

    spec: str
    lock: str
    context: str
    dockerfile: str


def predicate(
    plan: BuildPlan, inputs: Inputs, *, engine: str, tools: Mapping[str, str]
) -> dict[str, Any]:
    """Return the predicate as JSON-able data; it never holds a secret, only secrets' names."""
    bases = {base.pin: base for base in (*(s.base for s in plan.stages), plan.runtime.base)}
    dependencies = [
        {"uri": f"oci:{base.pin}", "digest": _digest(base.digest), "name": base.name}
        for base in bases.values()
    ]
    dependencies.append({"uri": "file:imgforge.toml", "digest": _digest(inputs.spec)})
    dependencies.append({"uri": "file:imgforge.lock", "digest": _digest(inputs.lock)})
    dependencies.append({"uri": "file:.", "name": "context", "digest": _digest(inputs.context)})
    created = datetime.fromtimestamp(plan.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "image": plan.name,
                "tags": list(plan.tags),
                "platforms": list(plan.platforms),
                "spec": _digest(inputs.spec),
                "stack": {"name": plan.stack, "digest": _digest(plan.stack_digest)},
                "secrets": sorted({s for stage in plan.stages for s in stage.secrets}),
            },
            "internalParameters": {
                "engine": engine,
                "plan": _digest(plan.digest),
                "dockerfile": _digest(inputs.dockerfile),
                "sourceDateEpoch": plan.epoch,
            },
            "resolvedDependencies": dependencies,
        },
        "runDetails": {
            "builder": {"id": BUILDER, "version": {"imgforge": __version__, **tools}},
            "metadata": {"invocationId": plan.digest, "startedOn": created, "finishedOn": created},
        },
    }


def _digest(text: str) -> dict[str, str]:
    algorithm, _, value = text.partition(":")
    return {algorithm: value}
