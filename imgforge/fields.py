"""What single values of a spec may be: strict types, each with the hint that mends a wrong one.

What is accepted here is safe to place in a plan; nothing later looks for hostile text again.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from imgforge.errors import InvalidInputError
from imgforge.oci.reference import Reference


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


def relative(value: str) -> str:
    """Return a path that stays below the spec's folder as it is; PydanticCustomError if not."""
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
    if " " in relative(value) or not value.isascii():
        raise problem(f"{value!r} has a space or a letter outside ASCII", "rename the lock file")
    return value


def _pattern(value: str) -> str:
    if not re.fullmatch(r"[\w.@+/ *?-]+", value) or value.startswith("/") or ".." in value:
        raise problem(
            f"{value!r} is not an exclude pattern",
            "a relative path where * and ? stay within a folder and ** crosses them",
        )
    return value


def _expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise problem(f"{value!r} is not a regular expression: {error}") from error
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
    if value and not value[0].startswith("/"):
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


def _block(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]*\.[a-z][a-z0-9_]*", value):
        raise problem(f"{value!r} names no block", "STAGE.BLOCK, such as dependencies.install")
    return value


def _base(value: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9._-]*", value):
        return value
    try:
        found = Reference.parse(value)
    except InvalidInputError as error:
        raise problem(f"{value!a} is neither a base's name nor a registry reference") from error
    if not value.startswith(found.registry + "/"):
        raise problem(
            f"{value!a} names no registry", "such as docker.io/library/debian:trixie-slim"
        )
    if found.tag is None and found.digest is None:
        raise problem(f"{value!a} has neither tag nor digest", "write :tag or @sha256:…")
    return value


PLATFORMS = ("linux/amd64", "linux/arm64")

Text = Annotated[str, Field(max_length=32768), AfterValidator(_text)]
Argument = Annotated[str, Field(max_length=32768), AfterValidator(_argument)]
SourcePath = Annotated[str, AfterValidator(relative)]
ImagePath = Annotated[str, AfterValidator(_absolute)]
EnvName = Annotated[str, Field(max_length=256), AfterValidator(_env_name)]
LabelName = Annotated[str, Field(max_length=256), AfterValidator(_label)]
Duration = Annotated[str, AfterValidator(_duration)]
SecretId = Annotated[str, AfterValidator(_secret_id)]
Repository = Annotated[str, AfterValidator(_repository)]
Tag = Annotated[str, AfterValidator(_tag)]
PlatformName = Annotated[str, AfterValidator(_platform)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Expression = Annotated[str, AfterValidator(_expression)]
LockPath = Annotated[str, AfterValidator(_lock_path)]
User = Annotated[str, AfterValidator(_user)]
Port = Annotated[int | str, AfterValidator(_port)]
Signal = Annotated[str, AfterValidator(_signal)]
PackageName = Annotated[str, AfterValidator(_package)]
BlockName = Annotated[str, AfterValidator(_block)]
BaseName = Annotated[str, AfterValidator(_base)]
Entrypoint = Annotated[list[Argument], AfterValidator(_entrypoint)]
Parameter = str | bool | int | list[str]
