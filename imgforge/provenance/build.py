"""The provenance of an image (build type ``build/v1``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from imgforge.lock import Archive
from imgforge.oci.layer import ENCODER
from imgforge.plan import Base, BuildPlan, Origin
from imgforge.provenance.shared import BUILD_TYPE, archives, digest, run
from imgforge.source import Source


@dataclass(frozen=True, slots=True)
class Inputs:
    """Digests (``sha256:…``) of what went in; ``lock`` is of imgforge.lock, or empty.

    ``source`` is the commit that they are of, if the project lies in a git checkout. ``file`` is
    the spec's name, ``files`` are the single files that the plan reads (the application's own lock
    among them) and ``policies`` those that decided the policy, by name. ``archives`` are the
    package indexes of which the lock's bases were made.
    """

    spec: str
    lock: str
    context: str
    dockerfile: str
    source: Source | None = None
    file: str = "imgforge.toml"
    files: Sequence[tuple[str, str]] = ()
    policies: Sequence[tuple[str, str]] = ()
    archives: Sequence[Archive] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asked for that the spec does not say; ``epoch`` is in seconds."""

    engine: str = "auto"
    epoch: int | None = None


def predicate(
    plan: BuildPlan,
    inputs: Inputs,
    *,
    engine: str,
    tools: Mapping[str, str],
    asked: Asked | None = None,
) -> dict[str, Any]:
    """Return the predicate as JSON-able data; it never holds a secret, only secrets' names.

    The packages of bases are not listed again: the lock has each by its digest, and so has the
    provenance of a base that was published.
    """
    asked = asked or Asked()
    bases = {base.pin: base for base in (*(s.base for s in plan.stages), plan.runtime.base)}
    dependencies = [_base_dependency(base) for base in bases.values()]
    dependencies += archives(inputs.archives)
    if plan.origin is not None:
        dependencies.append(_stack_dependency(plan, plan.origin))
    if inputs.source is not None:
        dependencies.append(_source_dependency(inputs.source))
    dependencies.append(_file(inputs.file, inputs.spec, "spec"))
    dependencies.append(_file("imgforge.lock", inputs.lock, "lock"))
    dependencies.append({"uri": "file:.", "name": "context", "digest": digest(inputs.context)})
    dependencies += [_file(name, found) for name, found in sorted(inputs.files)]
    dependencies += [_file(name, found, "policy") for name, found in inputs.policies]
    wished: dict[str, Any] = {"engine": asked.engine}
    if asked.epoch is not None:
        wished["sourceDateEpoch"] = asked.epoch
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "image": plan.name,
                "tags": list(plan.tags),
                "platforms": list(plan.platforms),
                "spec": digest(inputs.spec),
                "stack": {"name": plan.stack, "digest": digest(plan.stack_digest)},
                "secrets": sorted({s for stage in plan.stages for s in stage.secrets}),
                "asked": wished,
            },
            "internalParameters": {
                "engine": engine,
                "plan": digest(plan.digest),
                "dockerfile": digest(inputs.dockerfile),
                "sourceDateEpoch": plan.epoch,
                "encoder": ENCODER,
            },
            "resolvedDependencies": dependencies,
        },
        "runDetails": run(plan.digest, plan.epoch, tools),
    }


def with_byproducts(made: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """Return the predicate with what came of the build beside the image: digests by file name."""
    rows = [{"name": name, "digest": digest(found)} for name, found in sorted(files.items())]
    return {**made, "runDetails": {**made["runDetails"], "byproducts": rows}}


def _file(name: str, found: str, role: str = "") -> dict[str, Any]:
    """Name a file beside the spec, or of the policy; where it lay on this machine is nobody's."""
    row: dict[str, Any] = {"uri": f"file:{quote(name)}", "digest": digest(found)}
    return {"name": role, **row} if role else row


def _stack_dependency(plan: BuildPlan, origin: Origin) -> dict[str, Any]:
    """Name a stack that did not come with imgforge by what its catalog has."""
    found: dict[str, str] = {}
    uri = ""
    if origin.source == "registry":
        uri, found = f"oci:{origin.reference}@{origin.revision}", digest(origin.revision)
    elif origin.revision:
        found = {"gitCommit": origin.revision}
        if origin.reference.startswith(("https:", "ssh:")):
            uri = f"git+{origin.reference}"
    return {
        "name": "stack",
        **({"uri": uri} if uri else {}),
        "digest": found or digest(plan.stack_digest),
        "annotations": {
            "stack": plan.stack,
            "catalog": origin.catalog,
            "source": origin.source,
            "content": plan.stack_digest,
        },
    }


def _base_dependency(base: Base) -> dict[str, Any]:
    """Name a base by what its registry has; what it was flattened to stands beside it."""
    origin = base.upstream or base.digest
    found = {"uri": f"oci:{base.reference}@{origin}", "digest": digest(origin), "name": base.name}
    return {**found, "annotations": {"flattened": base.digest}} if base.upstream else found


def _source_dependency(source: Source) -> dict[str, Any]:
    """Name a commit; that nobody knows whether it was changed is told by saying nothing of it."""
    said: dict[str, Any] = {} if source.dirty is None else {"dirty": source.dirty}
    if source.ref and not source.uri:
        said["ref"] = source.ref
    if source.folder:
        said["folder"] = source.folder
    return {
        "name": "source",
        **({"uri": source.uri} if source.uri else {}),
        "digest": {"gitCommit": source.commit},
        **({"annotations": said} if said else {}),
    }
