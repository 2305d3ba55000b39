"""How an image was made: an in-toto SLSA provenance v1 predicate (slsa.dev/spec/v1.0/provenance).

The build types are described in docs/reference/build-type.md. Nothing in a predicate depends on
the clock or the machine: the same build has the same provenance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imgforge import __version__
from imgforge.analysis.facts import Package as Installed
from imgforge.analysis.purl import build as purl
from imgforge.lock import LockedBase, Package
from imgforge.oci.layer import ENCODER
from imgforge.plan import Base, BuildPlan
from imgforge.source import Source

BUILD_TYPE = "https://imgforge.dev/build/v1"
BASE_BUILD_TYPE = "https://imgforge.dev/base/v1"
BUILDER = "https://imgforge.dev/builder/local/v1"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Digests (``sha256:…``) of what went in; ``lock`` of the application's own lock, or empty.

    ``source`` is the commit that they are of, if the project lies in a git checkout.
    """

    spec: str
    lock: str
    context: str
    dockerfile: str
    source: Source | None = None


def predicate(
    plan: BuildPlan, inputs: Inputs, *, engine: str, tools: Mapping[str, str]
) -> dict[str, Any]:
    """Return the predicate as JSON-able data; it never holds a secret, only secrets' names."""
    bases = {base.pin: base for base in (*(s.base for s in plan.stages), plan.runtime.base)}
    dependencies = [_base_dependency(base) for base in bases.values()]
    if inputs.source is not None:
        dependencies.append(_source_dependency(inputs.source))
    dependencies.append({"uri": "file:imgforge.toml", "digest": _digest(inputs.spec)})
    dependencies.append({"uri": "file:imgforge.lock", "digest": _digest(inputs.lock)})
    dependencies.append({"uri": "file:.", "name": "context", "digest": _digest(inputs.context)})
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
        "runDetails": _run(plan.digest, plan.epoch, tools),
    }


def base_predicate(base: LockedBase, release: Mapping[str, str]) -> dict[str, Any]:
    """Return the predicate of a base made from packages: every package is a dependency.

    ``release`` is the base's own os-release (os-release(5)), which names the distribution.
    """
    layers = [layer for platform in base.platforms for layer in platform.layers]
    dependencies = [
        {
            "name": f"{a.suite} InRelease of {a.date}",
            "uri": f"file:dists/{a.suite}/InRelease",
            "digest": {"sha256": a.sha256},
        }
        for a in base.archives
    ]
    packages = {p.sha256: p for layer in layers for p in layer.packages}
    dependencies += [
        {"uri": _purl(p, release), "digest": {"sha256": p.sha256}, "name": p.path}
        for p in sorted(packages.values(), key=lambda p: (p.name, p.architecture))
    ]
    wheels = {w.sha256: w for layer in layers for w in layer.wheels}
    dependencies += [
        {"uri": f"pkg:pypi/{w.name}@{w.version}", "digest": {"sha256": w.sha256}}
        for w in sorted(wheels.values(), key=lambda w: (w.name, w.sha256))
    ]
    tarballs = {t.sha256: t for layer in layers for t in layer.tarballs}
    dependencies += [
        {"uri": f"pkg:npm/{t.name.replace('@', '%40')}@{t.version}", "digest": {"sha256": t.sha256}}
        for t in sorted(tarballs.values(), key=lambda t: (t.name, t.sha256))
    ]
    return {
        "buildDefinition": {
            "buildType": BASE_BUILD_TYPE,
            "externalParameters": {
                "base": base.name,
                "platforms": [str(p.platform) for p in base.platforms],
                "layers": list(dict.fromkeys(layer.name for layer in layers)),
            },
            "internalParameters": {
                "definition": _digest(base.definition),
                "abi": base.abi,
                "encoder": ENCODER,
                "sourceDateEpoch": base.epoch,
            },
            "resolvedDependencies": dependencies,
        },
        "runDetails": _run(base.digest, base.epoch, {}),
    }


def _purl(package: Package, release: Mapping[str, str]) -> str:
    installed = Installed(
        *("deb", package.name, package.version, "", "", "", ()), architecture=package.architecture
    )
    return purl(installed, release)


def _run(invocation: str, epoch: int, tools: Mapping[str, str]) -> dict[str, Any]:
    moment = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "builder": {"id": BUILDER, "version": {"imgforge": __version__, **tools}},
        "metadata": {"invocationId": invocation, "startedOn": moment, "finishedOn": moment},
    }


def _base_dependency(base: Base) -> dict[str, Any]:
    """Name a base by what its registry has; what it was flattened to stands beside it."""
    origin = base.upstream or base.digest
    found = {"uri": f"oci:{base.reference}@{origin}", "digest": _digest(origin), "name": base.name}
    return {**found, "annotations": {"flattened": base.digest}} if base.upstream else found


def _source_dependency(source: Source) -> dict[str, Any]:
    """Name a commit; that nobody knows whether it was changed is told by saying nothing of it."""
    said: dict[str, Any] = {} if source.dirty is None else {"dirty": source.dirty}
    if source.ref and not source.uri:
        said["ref"] = source.ref
    return {
        "name": "source",
        **({"uri": source.uri} if source.uri else {}),
        "digest": {"gitCommit": source.commit},
        **({"annotations": said} if said else {}),
    }


def _digest(text: str) -> dict[str, str]:
    algorithm, _, value = text.partition(":")
    return {algorithm: value}
