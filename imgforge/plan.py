"""The build plan: everything decided, nothing left to look up.

``compile_plan`` is pure. Engines, renderer, provenance and the native assembler read the plan and
nothing else; ``imgforge plan`` prints it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from imgforge import template
from imgforge.lock import Lock, LockedBase
from imgforge.oci.types import Platform, sha256
from imgforge.spec import Spec
from imgforge.stack import Choice, LoadedStack, StageDeclaration

SCHEMA = 1
APP = "/app"
APP_MODE = "0555"
WRITABLE_MODE = "0700"
DEFAULT_EXCLUDE = (
    "**/.git",
    "**/.hg",
    "**/.svn",
    "**/__pycache__",
    "**/*.pyc",
    "**/.venv",
    "**/.env",
    "**/.env.*",
    "**/.DS_Store",
    "**/.imgforge",
    "**/.pytest_cache",
    "**/.mypy_cache",
    "**/.ruff_cache",
)
"""Left out of every context: caches, version control, local secrets, imgforge's own output."""

MACHINE_SECRETS = ("imgforge-ca", "imgforge-index")
"""Optional secret mounts by which the building machine's certificates and package indexes reach
a step that installs dependencies."""


@dataclass(frozen=True, slots=True)
class Base:
    """A pinned base image; ``pin`` is what FROM names."""

    name: str
    reference: str
    digest: str

    @property
    def pin(self) -> str:
        """The reference with its digest."""
        return f"{self.reference}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Fill:
    """How a stage's output can be made without running anything in a container."""

    kind: str
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Stage:
    """A build stage: instructions that fill ``output`` in a builder image."""

    name: str
    base: Base
    instructions: str
    output: str
    secrets: tuple[str, ...]
    fill: Fill | None
    needs_run: str
    """Why only an engine with RUN can fill it; empty if ``fill`` is given."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One COPY of the runtime stage: from a stage's output, the context or nothing (a new dir)."""

    origin: str
    """A stage's name, ``context`` or ``empty``."""
    source: str
    destination: str
    owner: str
    mode: str


@dataclass(frozen=True, slots=True)
class Health:
    """HEALTHCHECK, durations as the Dockerfile writes them."""

    command: tuple[str, ...]
    interval: str
    timeout: str
    start_period: str
    retries: int


@dataclass(frozen=True, slots=True)
class RuntimeStage:
    """The final stage: no RUN, only a base, copies and configuration."""

    base: Base
    copies: tuple[Copy, ...]
    env: dict[str, str]
    labels: dict[str, str]
    ports: tuple[str, ...]
    workdir: str
    user: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    stop_signal: str
    health: Health | None


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """The compiler's output; ``to_json`` and ``digest`` are byte-stable."""

    name: str
    tags: tuple[str, ...]
    platforms: tuple[str, ...]
    stack: str
    stack_digest: str
    epoch: int
    exclude: tuple[str, ...]
    inputs: tuple[str, ...]
    """Paths of the context that the build reads."""
    stages: tuple[Stage, ...]
    runtime: RuntimeStage
    schema: int = field(default=SCHEMA)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON-able data."""
        return asdict(self)

    def text(self) -> str:
        """Return the plan as indented, sorted JSON."""
        return json.dumps(self.to_json(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @property
    def digest(self) -> str:
        """Digest of :meth:`text`."""
        return sha256(self.text().encode())

    def platform_list(self) -> tuple[Platform, ...]:
        """Return the platforms, parsed."""
        return tuple(Platform.parse(p) for p in self.platforms)


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
    health = spec.health
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
            health=health
            and Health(
                tuple(health.command),
                health.interval,
                health.timeout,
                health.start_period,
                health.retries,
            ),
        ),
    )


def _base(locked: LockedBase) -> Base:
    return Base(locked.name, locked.reference, locked.digest)


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
    needs_run, fill = "", None
    if declared.native is None:
        needs_run = f"step {declared.name!r} runs commands in the builder"
    else:
        for name, value in declared.native.when.items():
            if choice.parameters[name] != value:
                needs_run = f"parameter {name} = {json.dumps(choice.parameters[name])} needs RUN"
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
        "base.digest": base.digest,
    }
    own = {
        "stack": f"{stack.definition.name}@{stack.definition.version}",
        "run.required-env": ",".join(spec.run.required_env),
        "run.secrets": ",".join(spec.run.secrets),
        "run.writable": ",".join(spec.run.writable),
    }
    labels = {f"org.opencontainers.image.{k}": v for k, v in standard.items()}
    labels |= {f"dev.imgforge.{k}": v for k, v in own.items()}
    return {k: v for k, v in sorted({**labels, **image.labels}.items()) if v}


def seconds(duration: str) -> float:
    """Return a checked duration (``500ms``, ``30s``, ``5m``, ``1h``) in seconds."""
    found = re.fullmatch(r"(\d+)(ms|s|m|h)", duration)
    if found is None:
        raise ValueError(f"not a duration: {duration!r}")
    return int(found[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[found[2]]
