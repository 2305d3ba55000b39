"""``imgforge.toml``: what a developer writes instead of a Dockerfile.

Strict: unknown keys, wrong types and unsafe values are errors, all listed at once. What is
accepted here is safe to place in a plan; nothing later needs to look for hostile text again.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from imgforge import tomlfile
from imgforge.errors import InvalidInputError
from imgforge.files import SPEC
from imgforge.oci.types import Platform


def problem(message: str, hint: str = "") -> PydanticCustomError:
    """Make a validation error whose message and hint reach the user unchanged."""
    escaped = message.replace("{", "(").replace("}", ")")
    return PydanticCustomError("imgforge", escaped, {"hint": hint})


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class Table(BaseModel):
    """A TOML table: kebab-case keys, no conversion between types, no unknown keys."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=_kebab, populate_by_name=False
    )


def _text(value: str) -> str:
    if any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000 for c in value):  # noqa: PLR2004
        raise problem(
            "has a control character",
            "a Dockerfile can hold no line break here; give such a value when the image is run",
        )
    return value


def _argument(value: str) -> str:
    if "\0" in value or any(0xD800 <= ord(c) < 0xE000 for c in value):  # noqa: PLR2004
        raise problem("has a NUL or a lone surrogate, which no program can be given")
    return value


def _repository(value: str) -> str:
    part = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
    if len(value) > 200 or not re.fullmatch(rf"{part}(?:/{part})*", value):  # noqa: PLR2004
        raise problem(
            f"{value!r} is not a repository name",
            "lower-case letters, digits, '.', '_' and '-', in parts separated by '/'; "
            "the registry is named by --push",
        )
    return value


def _tag(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", value):
        raise problem(f"{value!r} is not a tag", "letters, digits, '_', '.' and '-', 128 at most")
    return value


def _platform(value: str) -> str:
    if value not in PLATFORMS:
        raise problem(f"{value!r} is not a platform", f"one of {', '.join(PLATFORMS)}")
    return value


def _relative(value: str) -> str:
    parts = PurePosixPath(value).parts
    if not value or value.startswith(("/", "~")) or re.match(r"[A-Za-z]:", value):
        raise problem(f"{value!r} is not a relative path", "name it from the folder of the spec")
    if ".." in parts:
        raise problem(f"{value!r} leaves the folder of the spec", "move the files below the spec")
    if not re.fullmatch(r"[\w.@+/ -]+", value) or "//" in value or value.endswith("/."):
        raise problem(
            f"{value!r} has a character that engines treat specially",
            "letters, digits, space and . _ @ + - are safe",
        )
    return value


def _lock_path(value: str) -> str:
    if " " in _relative(value) or not value.isascii():
        raise problem(f"{value!r} has a space or a letter outside ASCII", "rename the lock file")
    return value


def _pattern(value: str) -> str:
    if not re.fullmatch(r"[\w.@+/ *?-]+", value) or value.startswith("/") or ".." in value:
        raise problem(
            f"{value!r} is not an exclude pattern",
            "a relative path where * and ? stay within a folder and ** crosses them",
        )
    return value


def _absolute(value: str) -> str:
    path = PurePosixPath(value)
    if not path.is_absolute() or ".." in path.parts or str(path) != value or value == "/":
        raise problem(f"{value!r} is not a plain absolute path", "such as /data, without '..'")
    if not re.fullmatch(r"[\w.@+/-]+", value):
        raise problem(f"{value!r} has a character that engines treat specially")
    if path.parts[1] in {"proc", "sys", "dev", "etc", "usr", "bin", "sbin", "lib", "lib64", "boot"}:
        raise problem(f"{value!r} lies in a directory of the system", "use /data, /srv/… or /var/…")
    return value


def _entrypoint(value: list[str]) -> list[str]:
    if not value[0].startswith("/"):
        raise problem(
            f"entry point {value[0]!r} is not an absolute path",
            "there is no shell to look it up: write /usr/bin/python3 or /app/server",
        )
    return value


def _user(value: str) -> str:
    found = re.fullmatch(r"(\d{1,10})(?::(\d{1,10}))?", value)
    if not found:
        raise problem(
            f"user {value!r} is not numeric",
            "write uid:gid; Kubernetes' runAsNonRoot needs a number",
        )
    if any(int(part) == 0 for part in found.groups("1")):
        raise problem(f"user {value!r} is root", "the default, 65532:65532, is not")
    if any(int(part) >= 1 << 31 for part in found.groups("1")):
        raise problem(f"user {value!r} is out of range")
    return value if found[2] else f"{value}:{value}"


def _env_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise problem(f"{value!r} is not the name of an environment variable")
    if value.startswith("LD_"):
        raise problem(f"{value!r} changes how every program is loaded", "leave it out")
    return value


def _label(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(?:[._/-][a-z0-9]+)*", value):
        raise problem(f"{value!r} is not a label name", "reverse-DNS, such as com.example.team")
    if value.startswith(("dev.imgforge.", "com.docker.", "io.docker.", "org.dockerproject.")):
        raise problem(f"{value!r} is reserved")
    return value


def _port(value: int | str) -> int | str:
    number, _, protocol = str(value).partition("/")
    if isinstance(value, bool) or not number.isdecimal() or not 0 < int(number) < 1 << 16:
        raise problem(f"{value!r} is not a port", "a number from 1 to 65535, or '53/udp'")
    if protocol not in {"", "tcp", "udp", "sctp"} or (isinstance(value, str) and not protocol):
        raise problem(f"{value!r} is not a port", "a number from 1 to 65535, or '53/udp'")
    return value


def _duration(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,5}(ms|s|m|h)", value):
        raise problem(f"{value!r} is not a duration", "such as 500ms, 30s or 5m")
    return value


def _signal(value: str) -> str:
    if not re.fullmatch(r"SIG[A-Z0-9]{2,10}", value):
        raise problem(f"{value!r} is not a signal", "such as SIGTERM or SIGINT")
    return value


def _secret_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", value):
        raise problem(f"{value!r} is not a secret's name", "letters, digits, '_', '.', '-'")
    return value


def _package(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", value):
        raise problem(f"{value!r} is not a Debian package name", "versions are pinned by the lock")
    return value


def _base(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._/:-]*(@sha256:[0-9a-f]{64})?", value):
        raise problem(f"{value!r} is neither a base's name nor a registry reference")
    if ("/" in value or ":" in value) and "@sha256:" not in value:
        raise problem(f"{value!r} has no digest", "write repository@sha256:…")
    return value


PLATFORMS = ("linux/amd64", "linux/arm64")

Text = Annotated[str, Field(max_length=32768), AfterValidator(_text)]
Argument = Annotated[str, Field(max_length=32768), AfterValidator(_argument)]
SourcePath = Annotated[str, AfterValidator(_relative)]
ImagePath = Annotated[str, AfterValidator(_absolute)]
EnvName = Annotated[str, Field(max_length=256), AfterValidator(_env_name)]
LabelName = Annotated[str, Field(max_length=256), AfterValidator(_label)]
Duration = Annotated[str, AfterValidator(_duration)]
SecretId = Annotated[str, AfterValidator(_secret_id)]
Parameter = str | bool | int | list[str]


class Image(Table):
    """What the image is called and says of itself."""

    name: Annotated[str, AfterValidator(_repository)] = Field(
        description="Repository name without registry, such as acme/web."
    )
    tags: list[Annotated[str, AfterValidator(_tag)]] = Field(
        default=["latest"], min_length=1, description="Tags given once everything is proven."
    )
    platforms: list[Annotated[str, AfterValidator(_platform)]] = Field(
        default=["linux/amd64"], min_length=1, description="What to build for."
    )
    title: Text = Field(default="", description="org.opencontainers.image.title.")
    description: Text = Field(default="", description="org.opencontainers.image.description.")
    licenses: Text = Field(default="", description="SPDX expression of the image's licences.")
    source: Text = Field(default="", description="URL of the source repository.")
    version: Text = Field(default="", description="Version of the application.")
    labels: dict[LabelName, Text] = Field(default={}, description="Further labels.")


class Stack(Table):
    """Which stack turns the source into an image, and on what."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = Field(
        description="Folder name of the stack, such as python or binary."
    )
    version: str = Field(default="", description="Runtime version; the stack's default if absent.")
    base: Annotated[str, AfterValidator(_base)] | None = Field(
        default=None, description="Another runtime base: a name, or repository@sha256:…"
    )
    builder: Annotated[str, AfterValidator(_base)] | None = Field(
        default=None, description="Another builder base: a name, or repository@sha256:…"
    )
    packages: list[Annotated[str, AfterValidator(_package)]] = Field(
        default=[], description="Debian packages added to the runtime base."
    )
    parameters: dict[str, Parameter] = Field(
        default={}, description="Parameters that the stack declares."
    )


class App(Table):
    """The application: what goes in and how it starts."""

    source: list[SourcePath] = Field(
        min_length=1, description="Files and folders beside the spec; each lands under /app."
    )
    exclude: list[Annotated[str, AfterValidator(_pattern)]] = Field(
        default=[], description="Patterns left out, besides caches, VCS folders and .env files."
    )
    lock: Annotated[str, AfterValidator(_lock_path)] | None = Field(
        default=None, description="Lock file of the dependencies."
    )
    entrypoint: Annotated[list[Argument], AfterValidator(_entrypoint)] = Field(
        min_length=1, description="Program and arguments, absolute, never through a shell."
    )
    command: list[Argument] = Field(default=[], description="Default arguments, replaceable.")
    ports: list[Annotated[int | str, AfterValidator(_port)]] = Field(
        default=[], description="Ports listened on: 8080 or '53/udp'."
    )
    stop_signal: Annotated[str, AfterValidator(_signal)] = Field(
        default="SIGTERM", description="Signal that asks the program to end."
    )


class Run(Table):
    """What the image needs when it is run."""

    user: Annotated[str, AfterValidator(_user)] = Field(
        default="65532:65532", description="Numeric uid:gid, never root."
    )
    required_env: list[EnvName] = Field(
        default=[], description="Variables that must be given at run time."
    )
    secrets: list[SecretId] = Field(
        default=[], description="Secrets mounted at /run/secrets/NAME at run time."
    )
    writable: list[ImagePath] = Field(
        default=[], description="Directories the program may write; everything else is read-only."
    )


class Health(Table):
    """How to ask the running container whether it is well."""

    command: Annotated[list[Argument], AfterValidator(_entrypoint)] = Field(
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


class Build(Table):
    """What the build half needs beyond the source."""

    secrets: list[BuildSecret] = Field(default=[], description="Secrets of build steps.")


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
}
