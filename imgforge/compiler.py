"""The compiler: spec, stack and lock in, a plan out. Pure: no clock, network or files."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from imgforge import template
from imgforge.lock import Lock, LockedBase
from imgforge.plan import (
    APP,
    APP_MODE,
    DEFAULT_EXCLUDE,
    MACHINE_SECRETS,
    WRITABLE_MODE,
    Base,
    BuildPlan,
    Copy,
    Fill,
    Health,
    RuntimeStage,
    Stage,
)
from imgforge.spec import Spec
from imgforge.stack import Choice, LoadedStack, StageDeclaration


def compile_plan(
    spec: Spec, stack: LoadedStack, choice: Choice, lock: Lock, *, epoch: int | None = None
) -> BuildPlan:
    """Compile; the lock was already found to fit. ``epoch`` (seconds) overrides the lock's.

    Raises InvalidInputError if a stack's template cannot be rendered.
    """
    runtime_base = lock.base("runtime")
    definition = stack.definition
    stages = tuple(_stage(d, spec, stack, choice, lock) for d in definition.stages)
    copies = [
        Copy(s.name, s.output + "/", d.destination + "/", "0:0", APP_MODE)
        for s, d in zip(stages, definition.stages, strict=True)
    ]
    copies += [_app_copy(source) for source in spec.app.source]
    copies += [Copy("empty", "/", p + "/", spec.run.user, WRITABLE_MODE) for p in spec.run.writable]
    return BuildPlan(
        name=spec.image.name,
        tags=tuple(dict.fromkeys(spec.image.tags)),
        platforms=tuple(str(p) for p in spec.platforms),
        stack=f"{definition.name}@{definition.version}",
        stack_digest=stack.digest,
        epoch=runtime_base.epoch if epoch is None else epoch,
        exclude=(*DEFAULT_EXCLUDE, *spec.app.exclude),
        inputs=tuple(
            dict.fromkeys((*spec.app.source, *((spec.app.lock,) if spec.app.lock else ())))
        ),
        stages=stages,
        runtime=RuntimeStage(
            base=_base(runtime_base),
            copies=tuple(copies),
            env={**definition.runtime.env, **spec.env},
            labels=_labels(spec, stack, runtime_base),
            ports=tuple(p if "/" in p else f"{p}/tcp" for p in map(str, spec.app.ports)),
            workdir=APP,
            user=spec.run.user,
            entrypoint=tuple(spec.app.entrypoint),
            command=tuple(spec.app.command),
            stop_signal=spec.app.stop_signal,
            health=_health(spec),
            tools=tuple(dict.fromkeys(spec.run.tools)),
        ),
    )


def _health(spec: Spec) -> Health | None:
    asked = spec.health
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


def _stage(
    declared: StageDeclaration, spec: Spec, stack: LoadedStack, choice: Choice, lock: Lock
) -> Stage:
    secrets = tuple(s.id for s in spec.build.secrets if s.step == declared.name)
    mounts = [
        f"--mount=type=secret,id={name},target=/run/secrets/{name},required=false"
        for name in MACHINE_SECRETS
    ]
    mounts += [
        f"--mount=type=secret,id={name},target=/run/secrets/{name},required=true"
        for name in secrets
    ]
    needs_run, fill, crosses = "", None, False
    if declared.native is None:
        needs_run = f"step {declared.name!r} runs commands in the builder"
    else:
        for name, value in declared.native.when.items():
            if choice.parameters[name] != value:
                needs_run = f"parameter {name} = {json.dumps(choice.parameters[name])} needs RUN"
        crosses = not needs_run
        if secrets:
            needs_run = f"step {declared.name!r} reads build secrets"
        if not needs_run:
            fill = Fill(declared.native.kind, {"lock": spec.app.lock or "", **choice.variables})
    body = template.render(
        stack.templates[declared.template],
        {
            "lock": spec.app.lock,
            "output": declared.output,
            "parameters": choice.parameters,
            "secrets": mounts,
            "variables": choice.variables,
        },
        name=f"{stack.definition.name}/{declared.template}",
        trusted=stack.trusted,
    )
    return Stage(
        declared.name,
        _base(lock.base("builder")),
        body,
        declared.output,
        secrets,
        fill,
        needs_run,
        crosses,
    )


def _labels(spec: Spec, stack: LoadedStack, base: LockedBase) -> dict[str, str]:
    image = spec.image
    standard = {
        "title": image.title or PurePosixPath(image.name).name,
        "description": image.description,
        "licenses": image.licenses,
        "source": image.source,
        "version": image.version,
        "base.name": base.reference,
        "base.digest": base.upstream or base.digest,
    }
    own = {
        "stack": f"{stack.definition.name}@{stack.definition.version}",
        "run.required-env": ",".join(spec.run.required_env),
        "run.secrets": ",".join(spec.run.secrets),
        "run.writable": ",".join(spec.run.writable),
        "run.tools": ",".join(spec.run.tools),
    }
    labels = {f"org.opencontainers.image.{k}": v for k, v in standard.items()}
    labels |= {f"dev.imgforge.{k}": v for k, v in own.items()}
    return {k: v for k, v in sorted({**labels, **image.labels}.items()) if v}
