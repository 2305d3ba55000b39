"""The build plan: everything decided, nothing left to look up.

Engines, renderer, provenance and the native assembler read the plan and nothing else;
``imgforge plan`` prints it. :mod:`imgforge.compiler` makes it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from imgforge.oci.types import Platform, sha256

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


@dataclass(frozen=True, slots=True)
class Base:
    """A pinned base image; ``pin`` is what FROM names.

    ``upstream`` is the digest in the registry of what was flattened to ``digest``, else empty.
    """

    name: str
    reference: str
    digest: str
    upstream: str = ""

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
    crosses: bool
    """Whether its commands make any platform's output on the building machine's own platform."""
    network: bool = False
    """Whether its commands reach the network."""
    indexes: tuple[str, ...] = ()
    """Package managers (:mod:`imgforge.indexes`) whose settings of the machine it may see."""
    lock: str = ""
    """The lock whose packages its output holds; empty if it installs none."""


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
    tools: tuple[str, ...] = ()
    """Kinds of programs that the spec wants to have although an intruder could use them."""


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
    """Paths of the context that the build reads; those of :func:`imgforge.context.heeded` if they
    exist."""
    stages: tuple[Stage, ...]
    runtime: RuntimeStage
    changes: tuple[str, ...] = ()
    """What the application changed of its stack, a line each: packages, steps, blocks, bases."""
    schema: int = field(default=SCHEMA)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON-able data."""
        return asdict(self)

    def text(self) -> str:
        """Return the plan as indented, sorted JSON."""
        return json.dumps(self.to_json(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> BuildPlan:
        """Read what :meth:`to_json` made; TypeError, KeyError or ValueError if it is not that."""
        return cls(
            **{
                **value,
                **{k: tuple(value[k]) for k in ("tags", "platforms", "exclude", "inputs")},
                "changes": tuple(value.get("changes", ())),
                "stages": tuple(_stage(stage) for stage in value["stages"]),
                "runtime": _runtime(value["runtime"]),
            }
        )

    @property
    def digest(self) -> str:
        """Digest of :meth:`text`."""
        return sha256(self.text().encode())

    def platform_list(self) -> tuple[Platform, ...]:
        """Return the platforms, parsed."""
        return tuple(Platform.parse(p) for p in self.platforms)


def _stage(value: dict[str, Any]) -> Stage:
    fill = value["fill"]
    return Stage(
        **{
            **value,
            "base": Base(**value["base"]),
            "secrets": tuple(value["secrets"]),
            "indexes": tuple(value.get("indexes", ())),
            "fill": fill and Fill(**fill),
        }
    )


def _runtime(value: dict[str, Any]) -> RuntimeStage:
    health = value["health"]
    return RuntimeStage(
        **{
            **value,
            **{k: tuple(value[k]) for k in ("ports", "entrypoint", "command", "tools")},
            "base": Base(**value["base"]),
            "copies": tuple(Copy(**copy) for copy in value["copies"]),
            "health": health and Health(**{**health, "command": tuple(health["command"])}),
        }
    )


def seconds(duration: str) -> float:
    """Return a checked duration (``500ms``, ``30s``, ``5m``, ``1h``) in seconds."""
    found = re.fullmatch(r"(\d+)(ms|s|m|h)", duration)
    if found is None:
        raise ValueError(f"not a duration: {duration!r}")
    return int(found[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[found[2]]
