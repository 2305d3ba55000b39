"""Stacks: folders that say how one kind of application becomes a root directory.

A stack is ``stack.toml`` and the templates of its build stages. It fills directories that the
runtime stage copies; the runtime stage itself belongs to imgforge (``templates/``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from imgforge import assets, tomlfile
from imgforge.errors import InvalidInputError
from imgforge.fields import EnvName, ImagePath, Parameter, Table, Text, problem
from imgforge.spec import Spec

FILE = "stack.toml"
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "strings": list,
}


def _template(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.j2", value):
        raise problem(f"{value!r} is not a template of this folder", "a plain name ending in .j2")
    return value


class Version(Table):
    """One runtime version that the stack offers."""

    runtime: str = Field(description="Base of the runtime stage.")
    builder: str | None = Field(default=None, description="Base of the build stages.")
    variables: dict[str, str] = Field(default={}, description="Values for the templates.")


class ParameterDeclaration(Table):
    """A parameter that specs may set in [stack.parameters]."""

    type: Literal["string", "boolean", "integer", "strings"]
    default: Parameter
    choices: list[str] = []
    doc: str


class Native(Table):
    """How the native engine fills a stage without running anything in a container."""

    kind: Literal["wheels"]
    when: dict[str, Parameter] = Field(
        default={}, description="Parameter values under which that is possible."
    )


class StageDeclaration(Table):
    """One build stage: a template whose commands fill ``output``."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    template: Annotated[str, AfterValidator(_template)]
    output: ImagePath = "/out"
    destination: ImagePath
    native: Native | None = None


class Runtime(Table):
    """What the stack adds to the runtime stage, as data."""

    env: dict[EnvName, Text] = {}


class Definition(Table):
    """A whole ``stack.toml``."""

    name: str
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    summary: str
    default: str
    lock: Literal["required", "none"]
    lock_hint: str = ""
    versions: dict[str, Version]
    parameters: dict[str, ParameterDeclaration] = {}
    stages: list[StageDeclaration] = []
    runtime: Runtime = Runtime()


@dataclass(frozen=True, slots=True)
class LoadedStack:
    """A stack as read from its folder: the definition, its templates' texts, a digest of both."""

    definition: Definition
    templates: dict[str, str]
    digest: str
    trusted: bool


def names() -> list[str]:
    """Return the names of the stacks that ship with imgforge."""
    root = assets.folder("stacks")
    return sorted(p.parent.name for p in root.glob(f"*/{FILE}"))


def load(name: str) -> LoadedStack:
    """Read the stack ``name``; InvalidInputError if unknown or broken."""
    if name not in names():
        raise InvalidInputError(f"there is no stack {name!r}", hint=f"stacks: {', '.join(names())}")
    return read(assets.folder("stacks") / name, trusted=True)


def read(folder: Path, *, trusted: bool) -> LoadedStack:
    """Read a stack folder; templates of an untrusted one run in Jinja's sandbox."""
    data, table = tomlfile.read(folder / FILE)
    label = f"{folder.name}/{FILE}"
    definition = tomlfile.validate(Definition, table, data, label)
    problems = list(_check(definition, folder.name))
    if problems:
        raise tomlfile.invalid(label, data, problems)
    templates = {}
    for stage in definition.stages:
        path = folder / stage.template
        try:
            templates[stage.template] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInputError(f"{label}: cannot read {stage.template}: {error}") from error
    hasher = hashlib.sha256(data)
    for key in sorted(templates):
        hasher.update(b"\0" + key.encode() + b"\0" + templates[key].encode())
    return LoadedStack(definition, templates, "sha256:" + hasher.hexdigest(), trusted)


def _check(definition: Definition, folder: str) -> list[tomlfile.Problem]:
    found = []
    if definition.name != folder:
        found.append(tomlfile.Problem(("name",), f"is not the folder's name, {folder!r}"))
    if definition.default not in definition.versions:
        found.append(tomlfile.Problem(("default",), "is not one of [versions]"))
    for name, declared in definition.parameters.items():
        if not _fits(declared, declared.default):
            found.append(
                tomlfile.Problem(("parameters", name, "default"), "does not fit type or choices")
            )
    for i, stage in enumerate(definition.stages):
        found += [
            tomlfile.Problem(("stages", i, "native", "when", name), "no such parameter")
            for name in (stage.native.when if stage.native else ())
            if name not in definition.parameters
        ]
    if definition.stages and any(v.builder is None for v in definition.versions.values()):
        found.append(tomlfile.Problem(("versions",), "stages need a builder in every version"))
    return found


def _fits(declared: ParameterDeclaration, value: Any) -> bool:  # noqa: ANN401 - decoded TOML
    kind = _TYPES[declared.type]
    if not isinstance(value, kind) or (isinstance(value, bool) and declared.type != "boolean"):
        return False
    return not declared.choices or value in declared.choices


@dataclass(frozen=True, slots=True)
class Choice:
    """A spec's choice among what a stack offers, defaults filled in."""

    version: str
    runtime: str
    builder: str | None
    parameters: dict[str, Parameter]
    variables: dict[str, str]


def choose(stack: LoadedStack, spec: Spec, data: bytes, name: str) -> Choice:
    """Fit ``spec`` (its bytes and file name for the messages) to ``stack``; list all misfits."""
    problems = [*_parameter_problems(stack, spec), *_other_problems(stack, spec)]
    if problems:
        raise tomlfile.invalid(name, data, problems)
    definition, wanted = stack.definition, spec.stack
    version = wanted.version or definition.default
    offer = definition.versions[version]
    defaults = {key: declared.default for key, declared in definition.parameters.items()}
    return Choice(
        version,
        wanted.base or offer.runtime,
        (wanted.builder or offer.builder) if definition.stages else None,
        {**defaults, **wanted.parameters},
        offer.variables,
    )


def _parameter_problems(stack: LoadedStack, spec: Spec) -> Iterator[tomlfile.Problem]:
    declarations = stack.definition.parameters
    for key, value in spec.stack.parameters.items():
        place = ("stack", "parameters", key)
        declared = declarations.get(key)
        if declared is None:
            known = ", ".join(declarations) or "it has none"
            yield tomlfile.Problem(place, "unknown parameter", f"parameters: {known}")
        elif not _fits(declared, value):
            wants = " or ".join(map(repr, declared.choices)) or declared.type
            yield tomlfile.Problem(place, f"{value!r} does not fit", f"write {wants}")


def _other_problems(stack: LoadedStack, spec: Spec) -> Iterator[tomlfile.Problem]:
    definition, wanted = stack.definition, spec.stack
    if wanted.version and wanted.version not in definition.versions:
        yield tomlfile.Problem(
            ("stack", "version"),
            f"no version {wanted.version!r}",
            f"one of {', '.join(definition.versions)}",
        )
    if definition.lock == "required" and spec.app.lock is None:
        yield tomlfile.Problem(("app", "lock"), "is required", definition.lock_hint)
    if definition.lock == "none" and spec.app.lock is not None:
        yield tomlfile.Problem(("app", "lock"), f"stack {definition.name} has no use for a lock")
    if wanted.builder and not definition.stages:
        yield tomlfile.Problem(("stack", "builder"), f"stack {definition.name} builds nothing")
    steps = [stage.name for stage in definition.stages]
    for i, secret in enumerate(spec.build.secrets):
        if secret.step not in steps:
            yield tomlfile.Problem(
                ("build", "secrets", i, "step"),
                f"no step {secret.step!r}",
                f"steps: {', '.join(steps) or 'none'}",
            )
