"""``imgforge.toml``: what a developer writes instead of a Dockerfile.

Strict: unknown keys, wrong types and unsafe values (:mod:`imgforge.fields`) are errors, all listed
at once.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from imgforge import tomlfile
from imgforge.errors import InvalidInputError
from imgforge.fields import (
    Argument,
    BaseName,
    BlockName,
    Duration,
    Entrypoint,
    EnvName,
    ImagePath,
    LabelName,
    LockPath,
    PackageName,
    Parameter,
    Pattern,
    PlatformName,
    Port,
    Repository,
    SecretId,
    Signal,
    SourcePath,
    Table,
    Tag,
    Text,
    User,
    problem,
)
from imgforge.files import SPEC
from imgforge.oci.types import Platform


class Image(Table):
    """What the image is called and says of itself."""

    name: Repository = Field(description="Repository name without registry, such as acme/web.")
    tags: list[Tag] = Field(
        default=["latest"], min_length=1, description="Tags given once everything is proven."
    )
    platforms: list[PlatformName] = Field(
        default=["linux/amd64"], min_length=1, description="What to build for."
    )
    title: Text = Field(default="", description="org.opencontainers.image.title.")
    description: Text = Field(default="", description="org.opencontainers.image.description.")
    licenses: Text = Field(default="", description="SPDX expression of the image's licences.")
    source: Text = Field(default="", description="URL of the source repository.")
    version: Text = Field(
        default="",
        description="Version of the application (default: the first tag that is not latest).",
    )
    labels: dict[LabelName, Text] = Field(default={}, description="Further labels.")


def _release(value: str) -> str:
    from imgforge.catalogs import releases

    try:
        releases.check(value)
    except ValueError as error:
        raise problem(str(error), "such as 1.2.0, ^1.2 or >=1.2,<2") from error
    return value


class Stack(Table):
    """Which stack turns the source into an image, and on what."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = Field(
        description="Folder name of the stack, such as python or binary."
    )
    version: str = Field(default="", description="Runtime version; the stack's default if absent.")
    catalog: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] | None = Field(
        default=None,
        description="The catalog that has it, as settings name it; imgforge for those that come "
        "along. Only needed where several have the name.",
    )
    release: Annotated[str, AfterValidator(_release)] = Field(
        default="",
        description="The version of the stack itself: 1.2.0, or a range such as ^1.2 or "
        ">=1.2,<2 (default: the newest).",
    )
    base: BaseName | None = Field(
        default=None,
        description="Another runtime base: a name, or registry/repository with :tag or @sha256:…",
    )
    builder: BaseName | None = Field(
        default=None,
        description="Another builder base: a name, or registry/repository with :tag or @sha256:…",
    )
    packages: list[PackageName] = Field(
        default=[], description="Debian packages added to the runtime base."
    )
    build_packages: list[PackageName] = Field(
        default=[], description="Debian packages added to the builder base."
    )
    parameters: dict[str, Parameter] = Field(
        default={}, description="Parameters that the stack declares."
    )
    blocks: dict[BlockName, LockPath] = Field(
        default={},
        description="Blocks of the stack's templates that a file beside the spec replaces: "
        "STAGE.BLOCK = file.",
    )


class App(Table):
    """The application: what goes in and how it starts."""

    source: list[SourcePath] = Field(
        min_length=1, description="Files and folders beside the spec; each lands under /app."
    )
    exclude: list[Pattern] = Field(
        default=[], description="Patterns left out, besides caches, VCS folders and .env files."
    )
    lock: LockPath | None = Field(default=None, description="Lock file of the dependencies.")
    entrypoint: Entrypoint | None = Field(
        default=None,
        min_length=1,
        description="Program and arguments, absolute, never through a shell (default: the "
        "stack's, if it has one).",
    )
    command: list[Argument] = Field(default=[], description="Default arguments, replaceable.")
    ports: list[Port] = Field(
        default=[],
        description="Ports listened on: 8080 or '53/udp' (default: the stack's, if it has some).",
    )
    stop_signal: Signal | None = Field(
        default=None,
        description="Signal that asks the program to end (default: the stack's, else SIGTERM).",
    )


Tool = Literal["shell", "package-manager", "compiler", "downloader", "sudo", "ssh"]


class Run(Table):
    """What the image needs when it is run."""

    user: User = Field(default="65532:65532", description="Numeric uid:gid, never root.")
    required_env: list[EnvName] = Field(
        default=[], description="Variables that must be given at run time."
    )
    secrets: list[SecretId] = Field(
        default=[], description="Secrets mounted at /run/secrets/NAME at run time."
    )
    writable: list[ImagePath] = Field(
        default=[], description="Directories the program may write; everything else is read-only."
    )
    tools: list[Tool] = Field(
        default=[],
        description="Kinds of programs the image is meant to have although an intruder could use "
        "them; the policy must allow each too (allow-shell and the like).",
    )


class Health(Table):
    """How to ask the running container whether it is well."""

    command: Entrypoint = Field(
        min_length=1, description="Program and arguments; exit code 0 means healthy."
    )
    interval: Duration = "30s"
    timeout: Duration = "5s"
    start_period: Duration = "5s"
    retries: int = Field(default=3, ge=1, le=100)


class BuildSecret(Table):
    """A secret that one build step may read."""

    id: SecretId = Field(description="Name; the value is given by build --secret id=NAME,….")
    step: str = Field(description="Name of the stack's build stage that gets it.")


class BuildStep(Table):
    """A command of the application's own, run in one of the stack's build stages."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = Field(
        description="What it is called in messages and in the plan."
    )
    stage: str = Field(description="Name of the stack's build stage that runs it.")
    run: list[Text] = Field(min_length=1, description="Program and arguments, without a shell.")
    at: Literal["before", "after"] = Field(
        default="after", description="Before the stage's own build, or after it."
    )


class Build(Table):
    """What the build half needs beyond the source."""

    secrets: list[BuildSecret] = Field(default=[], description="Secrets of build steps.")
    steps: list[BuildStep] = Field(default=[], description="Further steps, in order.")


class Spec(Table):
    """A whole ``imgforge.toml``."""

    image: Image
    stack: Stack
    app: App
    env: dict[EnvName, Text] = Field(
        default={}, description="Configuration that is the same everywhere; never a secret."
    )
    run: Run = Run()
    health: Health | None = None
    build: Build = Build()

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """The platforms to build for, in order, once each."""
        return tuple(dict.fromkeys(Platform.parse(p) for p in self.image.platforms))


def parse(data: bytes, name: str = SPEC) -> Spec:
    """Read a spec; one InvalidInputError lists every problem with its path and line."""
    table = tomlfile.parse(data, name)
    found = list(_secrets(table))
    try:
        spec = tomlfile.validate(Spec, table, data, name)
    except InvalidInputError as error:
        if not found:
            raise
        more = tomlfile.invalid(name, data, found).details
        details = (*error.details, *more)
        raise InvalidInputError(
            f"{name} is not valid: {len(details)} problems", details=details
        ) from error
    found += _conflicts(spec)
    if found:
        raise tomlfile.invalid(name, data, found)
    return spec


def load(path: Path) -> tuple[bytes, Spec]:
    """Read the spec file at ``path``; see :func:`parse`."""
    data, _ = tomlfile.read(path)
    return data, parse(data, path.name)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a spec."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Spec.model_json_schema(by_alias=True),
        "title": SPEC,
    }


def _secrets(table: dict[str, Any]) -> list[tomlfile.Problem]:
    from imgforge.secrets import secret_name, secret_value

    found = []
    tables = (("env",), ("image", "labels"))
    for location in tables:
        values: Any = table
        for key in location:
            values = values.get(key) if isinstance(values, dict) else None
        for name, value in values.items() if isinstance(values, dict) else ():
            if not isinstance(value, str):
                continue
            rule = secret_value(value)
            if rule is None and value and location == ("env",) and secret_name(name):
                rule = "a secret by its name"
            if rule is not None:
                found.append(
                    tomlfile.Problem(
                        (*location, name),
                        f"looks like {rule}",
                        "images are readable by everyone who can pull them: list the name in "
                        "[run] secrets and mount the value at run time",
                    )
                )
    return found


def _conflicts(spec: Spec) -> list[tomlfile.Problem]:
    found = []
    for i, path in enumerate(spec.run.writable):
        if path == "/app" or path.startswith("/app/"):
            found.append(
                tomlfile.Problem(
                    ("run", "writable", i),
                    "the application's own files stay read-only",
                    "use /data or /var/…",
                )
            )
    for i, name in enumerate(spec.run.required_env):
        if name in spec.env:
            found.append(
                tomlfile.Problem(
                    ("run", "required-env", i), f"{name} is required at run time and set in [env]"
                )
            )
    steps: set[str] = set()
    for i, step in enumerate(spec.build.steps):
        if step.name in steps:
            found.append(tomlfile.Problem(("build", "steps", i, "name"), f"{step.name!r} is taken"))
        steps.add(step.name)
    landed: dict[str, int] = {}
    for i, source in enumerate(spec.app.source):
        path = str(PurePosixPath(source))
        if path in landed:
            found.append(tomlfile.Problem(("app", "source", i), f"{source!r} is listed twice"))
        landed[path] = i
    return found


def _keys(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


tomlfile.KNOWN["Spec"] = {
    (): _keys(Spec),
    ("image",): _keys(Image),
    ("stack",): _keys(Stack),
    ("app",): _keys(App),
    ("run",): _keys(Run),
    ("health",): _keys(Health),
    ("build",): _keys(Build),
    ("build", "secrets"): _keys(BuildSecret),
    ("build", "steps"): _keys(BuildStep),
}
