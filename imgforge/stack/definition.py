"""What ``stack.toml`` may say, table by table."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

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

RESERVED = ("manager", "version")
"""What ``when`` may name besides parameters: the lock's package manager, the runtime version."""


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
