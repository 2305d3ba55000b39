"""Stacks: folders that say how one kind of application becomes a root directory.

A stack is ``stack.toml`` and the templates of its build stages. It fills directories that the
runtime stage copies; the runtime stage itself belongs to imgforge (``templates/``), and a stack
says of it only what can be said as data.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from imgforge import assets, indexes, template, tomlfile
from imgforge.errors import InvalidInputError
from imgforge.fields import (
    BaseName,
    Duration,
    EnvName,
    Expression,
    ImagePath,
    Parameter,
    Pattern,
    Port,
    Signal,
    SourcePath,
    Table,
    Text,
    problem,
)

FILE = "stack.toml"
MAX_TEMPLATE = 256 << 10
"""Bytes of one template."""

RESERVED = ("manager", "version")
"""What ``when`` may name besides parameters: the lock's package manager, the runtime version."""

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


When = dict[str, Parameter]
"""Parameter (or ``manager``, ``version``) → the value it must have, or a list of such values."""


class Version(Table):
    """One runtime version that the stack offers."""

    runtime: BaseName = Field(description="Base of the runtime stage.")
    builder: BaseName | None = Field(default=None, description="Base of the build stages.")
    variables: dict[str, str] = Field(default={}, description="Values for the templates.")


class LockDeclaration(Table):
    """A kind of lock file that the stack installs from."""

    file: str = Field(description="Its name, where * stands for anything: package-lock.json.")
    manager: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = Field(
        description="Whose it is, for templates and `when`: npm."
    )
    mend: str = Field(description="The command that makes it, or makes it fit again.")
    beside: list[SourcePath] = Field(
        default=[], description="Files in the lock's folder that installing needs too."
    )
    optional: list[SourcePath] = Field(
        default=[],
        description="Files there that installing heeds if they exist; of a folder, what it holds. "
        "None may lie in a folder that need not be there.",
    )
    demanded: bool = Field(
        default=False,
        description="Whether a spec whose folder has the files of `beside` must name a lock, "
        "although the stack does without where there is nothing to install.",
    )


class ParameterDeclaration(Table):
    """A parameter that specs may set in [stack.parameters]."""

    type: Literal["string", "boolean", "integer", "strings"] = Field(
        description="Of its value; strings is a list of them."
    )
    default: Parameter = Field(description="Its value in specs that set none.")
    choices: list[str] = Field(default=[], description="The only values, or items, that it takes.")
    pattern: Expression | None = Field(
        default=None, description="What a string, or each of several, must match as a whole."
    )
    doc: str = Field(description="What it does, for whoever sets it.")


class Native(Table):
    """How the native engine fills a stage without running anything in a container."""

    kind: Literal["bytecode", "files", "wheels"] = Field(
        description="The sources' bytecode is compiled, its [files] are written, or the wheels "
        "of the lock are installed."
    )
    when: When = Field(default={}, description="Parameter values under which that is possible.")


class Prepared(Table):
    """Files that imgforge makes for a stage before its commands run (imgforge.prepared)."""

    kind: Literal["backend", "bytecode", "members", "project", "requirements"] = Field(
        description="What wheels are built with, what compiles bytecode (with project and members "
        "also where the sources of the wheels lie that the stage builds), or the lock's list with "
        "a hash for each file."
    )
    told: list[str] = Field(
        default=[], description="Parameters that it depends on; none of type integer."
    )
    when: When = Field(default={}, description="Parameter values under which it is needed.")


class StageCopy(Table):
    """A part of a stage's output that goes into the image, as a layer of its own."""

    source: SourcePath = Field(description="Path below the output; '.' is all of it.")
    destination: ImagePath = Field(description="Where in the image it goes.")


class StageDeclaration(Table):
    """One build stage: a template whose commands fill ``output``."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = Field(
        description="What specs, secrets and later stages call it."
    )
    template: Annotated[str, AfterValidator(_template)] = Field(
        description="The file in the stack's folder that renders to its instructions."
    )
    when: When | Annotated[list[When], Field(min_length=1)] = Field(
        default={},
        description="Parameter values under which the stage exists; of several, any of them.",
    )
    output: ImagePath = Field(default="/out", description="The folder that it fills.")
    destination: ImagePath | None = Field(
        default=None, description="Where in the image all of the output goes."
    )
    copies: list[StageCopy] = Field(
        default=[], description="Which parts of the output go where, if not all to one place."
    )
    network: bool = Field(default=False, description="Whether its commands reach the network.")
    indexes: list[str] = Field(
        default=[], description="Package managers whose index settings and credentials it reads."
    )
    files: dict[SourcePath, Annotated[str, AfterValidator(_template)]] = Field(
        default={},
        description="Texts that are rendered into its output: path below it → template.",
    )
    crosses: bool | When = Field(
        default=False,
        description="Whether (or when) the builder's own platform makes any platform's output.",
    )
    inputs: list[SourcePath] = Field(
        default=[],
        description="Files and folders beside the lock that it reads, besides the manifests.",
    )
    inputs_from: list[str] = Field(
        default=[], description="Parameters (of type string or strings) that name more of them."
    )
    sources_from: list[str] = Field(
        default=[],
        description="Parameters (of type strings) that name files and folders beside the spec "
        "which it reads, besides the application's own.",
    )
    compiles: bool | When = Field(
        default=False,
        description="Whether (or when) it compiles against system libraries: the builder then "
        "gets the build-time counterparts of [stack] packages.",
    )
    installs: bool | When = Field(
        default=False,
        description="Whether (or when) its output holds the packages that the lock lists.",
    )
    locked: bool = Field(
        default=False,
        description="Whether it needs a lock, where the stack as a whole can do without.",
    )
    native: Native | None = Field(
        default=None, description="How it is made without an engine that runs commands."
    )
    prepared: Prepared | None = Field(
        default=None, description="What it finds made: COPY --from=prepared."
    )


class HealthDefault(Table):
    """The health check of images whose spec has none."""

    command: list[str] = Field(min_length=1, description="Program and arguments; no shell.")
    interval: Duration = Field(default="30s", description="Between two checks.")
    timeout: Duration = Field(default="5s", description="For one check.")
    start_period: Duration = Field(default="5s", description="In which failures do not count.")
    retries: int = Field(default=3, ge=1, le=100, description="Failures in a row until unhealthy.")


class Runtime(Table):
    """What the stack adds to the runtime stage, as data; texts are templates of one line."""

    env: dict[EnvName, Text] = Field(default={}, description="Variables; a spec's win.")
    entrypoint: list[Text] = Field(default=[], description="Of specs that name none.")
    command: list[Text] = Field(default=[], description="Of specs that name no entrypoint.")
    ports: list[Port] = Field(default=[], description="Of specs that name none.")
    stop_signal: Signal | None = Field(default=None, description="Of specs that name none.")
    writable: list[ImagePath] = Field(default=[], description="Besides those of the spec.")
    health: HealthDefault | None = Field(default=None, description="Of specs that have none.")
    source: Literal["copy", "none"] | None = Field(
        default=None,
        description="Whether the application's source itself goes to /app (the default), or only "
        "what the stages made of it.",
    )


class Variant(Runtime):
    """What is different under some parameter values; later variants win over earlier ones."""

    when: When = Field(description="Parameter values under which all this holds.")
    runtime: BaseName | None = Field(default=None, description="Another base than the version's.")
    builder: BaseName | None = Field(default=None, description="Another base than the version's.")


class Definition(Table):
    """A whole ``stack.toml``."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = Field(
        description="The folder's name, by which specs choose it."
    )
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] = Field(
        description="Of the stack itself: MAJOR.MINOR.PATCH."
    )
    summary: Text = Field(description="What it is for, in a line.")
    default: str = Field(description="The one of [versions] that specs get which name none.")
    lock: Literal["required", "optional", "none"] = Field(
        description="Whether specs must, may or cannot name a lock."
    )
    locks: list[LockDeclaration] = Field(default=[], description="The kinds that it installs from.")
    unlocked: When = Field(
        default={}, description="Parameter values under which nothing is installed from a lock."
    )
    requires: list[SourcePath] = Field(
        default=[],
        description="Files in the lock's folder (the spec's, without a lock) that must be there.",
    )
    exclude: list[Pattern] = Field(default=[], description="Left out of every context.")
    versions: dict[str, Version] = Field(description="The runtime versions that it offers.")
    parameters: dict[str, ParameterDeclaration] = Field(
        default={}, description="What specs may set of it."
    )
    stages: list[StageDeclaration] = Field(default=[], description="What is built, in order.")
    runtime: Runtime = Field(default=Runtime(), description="What the image is besides its files.")
    variants: list[Variant] = Field(default=[], description="What is different under conditions.")


@dataclass(frozen=True, slots=True)
class LoadedStack:
    """A stack as read from its folder: the definition, all its templates' texts, a digest of both.

    ``trusted`` is whether it shipped with imgforge: the templates of others run in the sandbox.
    """

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
    """Read a stack folder; templates of an untrusted one run in Jinja's sandbox.

    InvalidInputError lists what is wrong with ``stack.toml``, or names the template that is
    missing, a link, too large or not UTF-8.
    """
    label = f"{folder.name}/{FILE}"
    files = {FILE: tomlfile.read_bytes(folder / FILE)}
    for path in folder.glob("*.j2"):
        files[path.name] = _bytes(path, label)
    return parse(files, folder.name, trusted=trusted)


def parse(files: Mapping[str, bytes], folder: str, *, trusted: bool) -> LoadedStack:
    """Read a stack from the ``files`` of its folder, which is called ``folder``; see :func:`read`.

    Only ``stack.toml`` and the templates count, also for the digest. Whoever reads the same again,
    as for many specs of one stack, gets what was made of it before.
    """
    heard = {n: d for n, d in files.items() if n == FILE or (n.endswith(".j2") and "/" not in n)}
    return _parsed(tuple(sorted(heard.items())), folder, trusted)


@functools.lru_cache(maxsize=32)
def _parsed(given: tuple[tuple[str, bytes], ...], folder: str, trusted: bool) -> LoadedStack:  # noqa: FBT001
    files = dict(given)
    label = f"{folder}/{FILE}"
    data = files.get(FILE, b"")
    table = tomlfile.parse(data, label)
    definition = tomlfile.validate(Definition, table, data, label)
    problems = list(_check(definition, folder, trusted=trusted))
    if problems:
        raise tomlfile.invalid(label, data, problems)
    templates = {
        n: _text(files, n, label) for n in sorted(_named(definition) | files.keys() - {FILE})
    }
    hasher = hashlib.sha256(data)
    for key, text in templates.items():
        hasher.update(b"\0" + key.encode() + b"\0" + text.encode())
    return LoadedStack(definition, templates, "sha256:" + hasher.hexdigest(), trusted)


def _named(definition: Definition) -> set[str]:
    return {t for stage in definition.stages for t in (stage.template, *stage.files.values())}


def _bytes(path: Path, label: str) -> bytes:
    try:
        if path.is_symlink():
            raise InvalidInputError(f"{label}: {path.name} is a symbolic link")
        with path.open("rb") as file:
            return file.read(MAX_TEMPLATE + 1)
    except OSError as error:
        raise InvalidInputError(f"{label}: cannot read {path.name}: {error}") from error


def _text(files: Mapping[str, bytes], name: str, label: str) -> str:
    if name not in files:
        raise InvalidInputError(f"{label}: there is no template {name}")
    if len(files[name]) > MAX_TEMPLATE:
        raise InvalidInputError(f"{label}: {name} is over {MAX_TEMPLATE >> 10} KiB")
    try:
        return files[name].decode()
    except UnicodeDecodeError as error:
        line = files[name].count(b"\n", 0, error.start) + 1
        raise InvalidInputError(f"{label}: {name}:{line} is not UTF-8") from error


def _check(definition: Definition, folder: str, *, trusted: bool) -> Iterator[tomlfile.Problem]:
    if definition.name != folder:
        yield tomlfile.Problem(("name",), f"is not the folder's name, {folder!r}")
    if definition.default not in definition.versions:
        yield tomlfile.Problem(("default",), "is not one of [versions]")
    if (definition.lock == "none") == bool(definition.locks):
        yield tomlfile.Problem(("lock",), "and [[locks]] contradict each other")
    for name, declared in definition.parameters.items():
        if name in RESERVED:
            yield tomlfile.Problem(("parameters", name), "is a reserved name")
        if not fits(declared, declared.default, trusted=trusted):
            yield tomlfile.Problem(("parameters", name, "default"), "does not fit its declaration")
    yield from _condition_problems(definition)
    yield from _input_problems(definition)
    if definition.stages and any(v.builder is None for v in definition.versions.values()):
        yield tomlfile.Problem(("versions",), "stages need a builder in every version")
    seen = {"runtime", "empty", "context", "prepared"}
    for i, stage in enumerate(definition.stages):
        yield from _stage_problems(stage, ("stages", i))
        if stage.name in seen:
            yield tomlfile.Problem(("stages", i, "name"), f"{stage.name!r} is taken")
        seen.add(stage.name)


def _stage_problems(
    stage: StageDeclaration, place: tuple[str | int, ...]
) -> Iterator[tomlfile.Problem]:
    if stage.destination is not None and stage.copies:
        yield tomlfile.Problem((*place, "copies"), "destination says that already")
    if stage.native and (stage.native.kind == "files") != bool(stage.files):
        yield tomlfile.Problem((*place, "native"), "kind files and [files] go together")
    if stage.indexes and not stage.network:
        yield tomlfile.Problem((*place, "indexes"), "need network = true")
    for i, name in enumerate(stage.indexes):
        if name not in indexes.INDEXES:
            yield tomlfile.Problem(
                (*place, "indexes", i), f"no {name!r}", f"one of {', '.join(indexes.INDEXES)}"
            )


def _input_problems(definition: Definition) -> Iterator[tomlfile.Problem]:
    for i, stage in enumerate(definition.stages):
        for j, name in enumerate(stage.inputs_from):
            declared = definition.parameters.get(name)
            if declared is None or declared.type not in {"string", "strings"}:
                yield tomlfile.Problem(
                    ("stages", i, "inputs-from", j), f"{name!r} is no parameter of type strings"
                )
        for j, name in enumerate(stage.sources_from):
            declared = definition.parameters.get(name)
            if declared is None or declared.type != "strings":
                yield tomlfile.Problem(
                    ("stages", i, "sources-from", j), f"{name!r} is no parameter of type strings"
                )
        for j, name in enumerate(stage.prepared.told if stage.prepared else ()):
            declared = definition.parameters.get(name)
            if declared is None or declared.type == "integer":
                yield tomlfile.Problem(
                    ("stages", i, "prepared", "told", j),
                    f"{name!r} is no parameter of type string, strings or boolean",
                )


def _condition_problems(definition: Definition) -> Iterator[tomlfile.Problem]:
    for place, when in _conditions(definition):
        for name in when:
            if name not in definition.parameters and name not in RESERVED:
                yield tomlfile.Problem((*place, name), "no such parameter")


def _conditions(definition: Definition) -> Iterator[tuple[tuple[str | int, ...], When]]:
    yield ("unlocked",), definition.unlocked
    for i, stage in enumerate(definition.stages):
        for j, when in enumerate(alternatives(stage)):
            yield ("stages", i, "when", *([j] if isinstance(stage.when, list) else [])), when
        if stage.native:
            yield ("stages", i, "native", "when"), stage.native.when
        if stage.prepared:
            yield ("stages", i, "prepared", "when"), stage.prepared.when
        flags = {"compiles": stage.compiles, "installs": stage.installs, "crosses": stage.crosses}
        for name, flag in flags.items():
            if isinstance(flag, dict):
                yield ("stages", i, name), flag
    for i, variant in enumerate(definition.variants):
        yield ("variants", i, "when"), variant.when


def fits(
    declared: ParameterDeclaration,
    value: Any,  # noqa: ANN401 - decoded TOML
    *,
    trusted: bool,
) -> bool:
    """Say whether a parameter's value has its type, is one of its choices and matches.

    ``trusted`` is whether its pattern shipped with imgforge.
    """
    kind = _TYPES[declared.type]
    if not isinstance(value, kind) or (isinstance(value, bool) and declared.type != "boolean"):
        return False
    items = value if isinstance(value, list) else [value]
    if declared.choices and any(item not in declared.choices for item in items):
        return False
    pattern = declared.pattern
    return pattern is None or all(
        template.matches(pattern, str(item), name="stack.toml", trusted=trusted) for item in items
    )


def holds(when: When, facts: dict[str, Parameter]) -> bool:
    """Say whether the parameters (and ``manager``, ``version``) in ``facts`` are as ``when`` says.

    A list is satisfied by any one of its values; ``true`` by a parameter that has several values
    (``strings``) if there are any, ``false`` if there are none.
    """
    return all(_is(facts[name], value) for name, value in when.items())


def _is(fact: Parameter, value: Parameter) -> bool:
    if isinstance(fact, list) and isinstance(value, bool):
        return bool(fact) == value
    return fact in value if isinstance(value, list) else fact == value


def alternatives(stage: StageDeclaration) -> list[When]:
    """Return the conditions under any of which the stage exists."""
    return stage.when if isinstance(stage.when, list) else [stage.when]


def exists(stage: StageDeclaration, facts: dict[str, Parameter]) -> bool:
    """Say whether the stage is built where the parameters are as ``facts`` says."""
    return any(holds(when, facts) for when in alternatives(stage))


def applies(flag: bool | When, facts: dict[str, Parameter]) -> bool:  # noqa: FBT001 - of a stage
    """Say whether a flag that may depend on ``facts`` (see :func:`holds`) is set."""
    return holds(flag, facts) if isinstance(flag, dict) else flag


def lock_kind(definition: Definition, lock: str) -> LockDeclaration | None:
    """Return the kind of lock that a file of this name is for the stack; None if it is none."""
    import fnmatch

    name = PurePosixPath(lock).name
    return next((d for d in definition.locks if fnmatch.fnmatchcase(name, d.file)), None)


def lock_lacking(definition: Definition, parameters: Mapping[str, Any]) -> LockDeclaration:
    """Return the kind of lock to make where there is none: of the manager a parameter names."""
    named = [d for d in definition.locks if d.manager in parameters.values()]
    return (named or definition.locks)[0]
