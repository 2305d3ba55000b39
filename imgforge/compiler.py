"""The compiler: spec, stack and lock in, a plan out. Pure: no clock, network or files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from imgforge import extension, indexes, template
from imgforge.choice import Choice, inputs
from imgforge.confinement import confine
from imgforge.context import heeded
from imgforge.errors import InvalidInputError
from imgforge.fields import Parameter
from imgforge.indexes import prologue
from imgforge.lock import Lock, LockedBase
from imgforge.oci.types import sha256
from imgforge.plan import (
    APP,
    APP_MODE,
    DEFAULT_EXCLUDE,
    WRITABLE_MODE,
    Base,
    BuildPlan,
    Copy,
    Fill,
    Health,
    Origin,
    RuntimeStage,
    Stage,
)
from imgforge.prepared import CONTEXT
from imgforge.spec import BuildStep, Spec
from imgforge.spec import Health as HealthCheck
from imgforge.stack import RESERVED, LoadedStack, StageDeclaration, applies, holds

_STEP = """\
{% from "steps.j2" import run with context %}
{% call run() %}
{{ argv | map("shell_word") | join(" ") }}
{% endcall %}
"""


def compile_plan(
    spec: Spec,
    stack: LoadedStack,
    choice: Choice,
    lock: Lock,
    *,
    blocks: Mapping[str, str] | None = None,
    epoch: int | None = None,
    origin: Origin | None = None,
) -> BuildPlan:
    """Compile; the lock was already found to fit. ``epoch`` (seconds) overrides the lock's.

    ``blocks`` are the texts that replace blocks of the stack's templates (STAGE.BLOCK → text),
    ``origin`` is where a stack came from that is not imgforge's own.
    Raises InvalidInputError if a stack's template cannot be rendered, or renders to what a build
    stage must not hold.
    """
    extension.demand(spec, stack, choice, blocks or {})
    runtime_base = lock.base("runtime")
    definition = stack.definition
    stages: list[Stage] = []
    scope = "" if stack.trusted else caches(origin)
    for declared in choice.stages:
        before = tuple(stage.name for stage in stages)
        stages.append(_stage(declared, spec, stack, choice, lock, blocks or {}, before, scope))
    copies = [copy for d in choice.stages for copy in _copies(d)]
    if choice.copies_source:
        copies += [_app_copy(source) for source in spec.app.source]
    _demand_apart(choice.writable, copies)
    copies += [Copy("empty", "/", p + "/", spec.run.user, WRITABLE_MODE) for p in choice.writable]
    return BuildPlan(
        name=spec.image.name,
        tags=tuple(dict.fromkeys(spec.image.tags)),
        platforms=tuple(str(p) for p in spec.platforms),
        stack=f"{definition.name}@{definition.version}",
        stack_digest=stack.digest,
        epoch=runtime_base.epoch if epoch is None else epoch,
        exclude=tuple(dict.fromkeys((*DEFAULT_EXCLUDE, *definition.exclude, *spec.app.exclude))),
        inputs=tuple(
            dict.fromkeys(
                (*spec.app.source, *choice.manifests, *map(heeded, choice.heeded), *choice.inputs)
            )
        ),
        stages=tuple(stages),
        runtime=RuntimeStage(
            base=_base(runtime_base),
            copies=tuple(copies),
            env={**dict(choice.env), **spec.env},
            labels=_labels(spec, stack, choice, runtime_base, origin),
            ports=tuple(p if "/" in p else f"{p}/tcp" for p in map(str, choice.ports)),
            workdir=APP,
            user=spec.run.user,
            entrypoint=choice.entrypoint,
            command=choice.command,
            stop_signal=choice.stop_signal,
            health=_health(choice.health),
            tools=tuple(dict.fromkeys(spec.run.tools)),
        ),
        changes=tuple(_changes(spec, blocks or {})),
        origin=origin,
    )


def caches(origin: Origin | None) -> str:
    """Return what the names of the caches of a stack from outside begin with: its catalog's own.

    Those of imgforge's stacks are called after where they are mounted, and so begin with a slash:
    what a stack from outside leaves in a cache is never found by one of ours, nor by one of another
    catalog. A folder that is only tried has none that a catalog has.
    """
    return f"catalog.{origin.catalog}" if origin else "folder"


def _copies(declared: StageDeclaration) -> list[Copy]:
    """Return what of a stage goes into the image: rarely changing parts are declared first."""
    if declared.destination is not None:
        parts = [(declared.output + "/", declared.destination)]
    else:
        parts = [
            (declared.output + ("/" if c.source == "." else f"/{c.source}/"), c.destination)
            for c in declared.copies
        ]
    return [Copy(declared.name, source, to + "/", "0:0", APP_MODE) for source, to in parts]


def _demand_apart(writable: Sequence[str], copies: Sequence[Copy]) -> None:
    """Demand that nothing the program may write holds, or lies in, what it is made of."""
    placed = {PurePosixPath(copy.destination) for copy in copies} | {PurePosixPath(APP)}
    wrong = [
        f"{path}: {place} is copied there"
        for path in writable
        for place in sorted(placed)
        if place.is_relative_to(path) or PurePosixPath(path).is_relative_to(place)
    ]
    if wrong:
        raise InvalidInputError(
            "what the image is made of stays read-only",
            details=wrong,
            hint="the paths stand in [run] writable of the spec, or of its stack; use /data",
        )


def _changes(spec: Spec, blocks: Mapping[str, str]) -> Iterator[str]:
    """Say what the application changed of its stack."""
    wanted = spec.stack
    for name, value in (("base", wanted.base), ("builder", wanted.builder)):
        if value:
            yield f"{name} {value}"
    for name, values in (("packages", wanted.packages), ("build-packages", wanted.build_packages)):
        if values:
            yield f"{name} {' '.join(values)}"
    for name, parameter in sorted(wanted.parameters.items()):
        yield f"parameter {name} = {json.dumps(parameter, ensure_ascii=False)}"
    for step in spec.build.steps:
        yield f"step {step.name} {step.at} {step.stage}: {json.dumps(step.run, ensure_ascii=False)}"
    for name, text in sorted(blocks.items()):
        yield f"block {name} from {wanted.blocks[name]} ({sha256(text.encode())})"


def _health(asked: HealthCheck | None) -> Health | None:
    if asked is None:
        return None
    return Health(
        tuple(asked.command), asked.interval, asked.timeout, asked.start_period, asked.retries
    )


def _base(locked: LockedBase) -> Base:
    return Base(locked.name, locked.reference, locked.digest, locked.upstream)


def _app_copy(source: str) -> Copy:
    path = PurePosixPath(source)
    inside = "" if str(path) == "." else f"/{path}"
    return Copy("context", str(path), (APP + inside) if inside else APP + "/", "0:0", APP_MODE)


def _stage(  # noqa: PLR0917 - what a plan is made of, and the stages before
    declared: StageDeclaration,
    spec: Spec,
    stack: LoadedStack,
    choice: Choice,
    lock: Lock,
    blocks: Mapping[str, str],
    before: tuple[str, ...],
    scope: str,
) -> Stage:
    secrets = tuple(s.id for s in spec.build.secrets if s.step == declared.name)
    steps = [step for step in spec.build.steps if step.stage == declared.name]
    replaced = {
        name.partition(".")[2]: text
        for name, text in blocks.items()
        if name.partition(".")[0] == declared.name
    }
    needs_run, fill, crosses = _ways(declared, choice, secrets, changed=bool(steps or replaced))
    prepared = preparation(declared, spec, choice)
    builder = lock.base("builder")
    files = _files(declared, stack, {"parameters": choice.parameters, "version": choice.version})
    if fill is not None:
        told = prepared.parameters if prepared else {"lock": spec.app.lock or ""}
        fill = Fill(fill.kind, files or {**told, **choice.variables})
    machine = indexes.secrets(tuple(declared.indexes))
    body = _body(
        declared,
        stack,
        {
            "files": files,
            "kept": _kept(spec, stack, builder),
            "heeded_globs": [heeded(path) for path in choice.heeded],
            "inputs": {
                _beside(spec.app.lock, path): path for path in inputs(declared, choice.parameters)
            },
            "lock": spec.app.lock,
            "manager": choice.manager,
            "manifests": list(choice.manifests),
            "output": declared.output,
            "parameters": choice.parameters,
            "sources": list(spec.app.source),
            "stage": {
                "name": declared.name,
                "caches": scope,
                "network": declared.network,
                "secrets": secrets,
                "machine_secrets": machine,
                "prologue": prologue.lines(tuple(declared.indexes), secrets),
            },
            "variables": choice.variables,
            "version": choice.version,
        },
        steps,
        replaced,
    )
    confine(
        body,
        name=declared.name,
        stages=(*before, CONTEXT) if prepared else before,
        secrets={*secrets, *machine},
        network=declared.network,
        caches=scope,
    )
    return Stage(
        declared.name,
        _base(builder),
        body,
        declared.output,
        secrets,
        fill,
        needs_run,
        crosses or applies(declared.crosses, choice.facts),
        declared.network,
        tuple(declared.indexes),
        (spec.app.lock or "") if applies(declared.installs, choice.facts) else "",
        prepared,
    )


def preparation(declared: StageDeclaration, spec: Spec, choice: Choice) -> Fill | None:
    """Return what is made for a stage's commands, told by the parameters and the version."""
    wanted = declared.prepared
    if wanted is None or not holds(wanted.when, choice.facts):
        return None
    told = {k: v for k, v in choice.parameters.items() if k in {"groups", "extras"}}
    lists = {k: ",".join(v) for k, v in told.items() if isinstance(v, list)}
    compiled = bool(choice.parameters.get("bytecode")) and declared.destination
    return Fill(
        wanted.kind,
        {
            "lock": spec.app.lock or "",
            "manager": choice.manager,
            "python": choice.variables.get("python", ""),
            "bytecode": compiled or "",
            **lists,
            **{name: _told(choice.parameters[name]) for name in wanted.told},
        },
    )


def _told(value: Parameter) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _files(
    declared: StageDeclaration, stack: LoadedStack, variables: Mapping[str, Any]
) -> dict[str, str]:
    """Render the texts that a stage writes: path below its output → text."""
    return {
        path: template.render(
            stack.templates[file],
            variables,
            name=f"{stack.definition.name}/{file}",
            trusted=stack.trusted,
            others=stack.templates,
        )
        for path, file in sorted(declared.files.items())
    }


def _kept(spec: Spec, stack: LoadedStack, builder: LockedBase) -> str:
    """Return the folder for what compilers keep between builds of this application.

    Another builder, stack or application has another one: objects that were compiled against
    other libraries are never found there.
    """
    owner = f"{spec.image.name} {stack.digest} {builder.digest}"
    return f"/var/cache/imgforge/{sha256(owner.encode()).removeprefix('sha256:')[:16]}"


def _ways(
    declared: StageDeclaration, choice: Choice, secrets: tuple[str, ...], *, changed: bool
) -> tuple[str, Fill | None, bool]:
    """Say why a stage needs RUN, else how it is filled without; and whether its commands cross."""
    if declared.native is None:
        return f"step {declared.name!r} runs commands in the builder", None, False
    facts, needs_run = choice.facts, ""
    for name, value in declared.native.when.items():
        if not holds({name: value}, facts):
            kind = "" if name in RESERVED else "parameter "
            needs_run = f"{kind}{name} = {json.dumps(facts[name])} needs RUN"
    crosses = not needs_run
    if secrets:
        needs_run = f"step {declared.name!r} reads build secrets"
    if changed:
        needs_run = f"step {declared.name!r} was changed by the spec"
    return needs_run, None if needs_run else Fill(declared.native.kind, {}), crosses


def _body(
    declared: StageDeclaration,
    stack: LoadedStack,
    variables: dict[str, Any],
    steps: Sequence[BuildStep],
    blocks: Mapping[str, str],
) -> str:
    """Render a stage's instructions, with the application's own steps and blocks."""
    name = f"{stack.definition.name}/{declared.template}"
    trusted, others = stack.trusted and not blocks, dict(stack.templates)
    early = _steps([s for s in steps if s.at == "before"], variables)
    text = stack.templates[declared.template]
    if blocks:
        head = f'{{% extends "{declared.template}" %}}'
        text = head + "".join(f"{{% block {k} %}}\n{v}{{% endblock %}}" for k, v in blocks.items())
        name = f"{stack.definition.name}/changed-{declared.template}"
    body = template.render(
        text, {**variables, "before": early}, name=name, trusted=trusted, others=others
    )
    if early.strip() and early.strip() not in body:
        raise InvalidInputError(
            f"stage {declared.name!r} has no place for steps before it",
            hint='at = "after" (the default) runs them at its end',
        )
    late = _steps([s for s in steps if s.at == "after"], variables)
    return body + late


def _steps(steps: Sequence[BuildStep], variables: dict[str, Any]) -> str:
    return "".join(
        template.render(
            _STEP, {**variables, "argv": list(step.run)}, name=f"step {step.name}", trusted=True
        )
        for step in steps
    )


def _beside(lock: str | None, path: str) -> str:
    """Return ``path``, named from the lock's folder, as named from the spec's."""
    return str(PurePosixPath(lock or ".").parent / path)


def _labels(
    spec: Spec, stack: LoadedStack, choice: Choice, base: LockedBase, origin: Origin | None
) -> dict[str, str]:
    image = spec.image
    standard = {
        "title": image.title or PurePosixPath(image.name).name,
        "description": image.description,
        "licenses": image.licenses,
        "source": image.source,
        "version": image.version or next((t for t in image.tags if t != "latest"), ""),
        "base.name": base.reference,
        "base.digest": base.upstream or base.digest,
    }
    own = {
        "stack": f"{stack.definition.name}@{stack.definition.version}",
        **_origin_labels(stack, origin),
        "run.required-env": ",".join(spec.run.required_env),
        "run.secrets": ",".join(spec.run.secrets),
        "run.writable": ",".join(choice.writable),
        "run.tools": ",".join(spec.run.tools),
    }
    labels = {f"org.opencontainers.image.{k}": v for k, v in standard.items()}
    labels |= {f"dev.imgforge.{k}": v for k, v in own.items()}
    return {k: v for k, v in sorted({**labels, **image.labels}.items()) if v}


def _origin_labels(stack: LoadedStack, origin: Origin | None) -> dict[str, str]:
    if origin is None:
        return {}
    at = f"@{origin.revision}" if origin.reference and origin.revision else ""
    where = f" {origin.reference}{at}" if origin.reference else ""
    return {
        "stack.source": f"{origin.catalog} ({origin.source}{where})",
        "stack.digest": stack.digest,
    }
