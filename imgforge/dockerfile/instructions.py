"""What single instructions may say: flags, numbers of arguments, kinds of values.

See moby/buildkit, ``frontend/dockerfile/instructions`` (``parse.go``, ``bflag.go``,
``commands_runmount.go``); the messages are close to its own.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from imgforge.dockerfile.lines import Instruction, is_heredoc
from imgforge.secrets.names import listed

_BOOLEANS: Final = frozenset({"link", "keep-git-dir", "unpack", "parents"})
_SEVERAL: Final = frozenset({"mount", "exclude", "device"})
_NONE: Final[frozenset[str]] = frozenset()
_FLAGS: Final = {
    "ADD": frozenset({"chown", "chmod", "link", "keep-git-dir", "checksum", "unpack", "exclude"}),
    "COPY": frozenset({"chown", "from", "chmod", "link", "exclude", "parents"}),
    "FROM": frozenset({"platform"}),
    "HEALTHCHECK": frozenset({"interval", "timeout", "start-period", "start-interval", "retries"}),
    "RUN": frozenset({"mount", "network", "security", "device"}),
    **dict.fromkeys(
        ("ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "MAINTAINER", "ONBUILD", "SHELL"),
        _NONE,
    ),
    **dict.fromkeys(("STOPSIGNAL", "USER", "VOLUME", "WORKDIR"), _NONE),
}
_UNCHECKED_FLAGS: Final = frozenset({"ARG", "STOPSIGNAL"})
"""Instructions whose flags BuildKit drops unread."""

_STAGE_NAME: Final = re.compile(r"[a-z][a-z0-9\-_.]*")
_DURATION: Final = re.compile(
    r"[+-]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)"
)
_PART: Final = re.compile(r"([0-9.]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SHORTEST: Final = 1e-3
_MOST_RETRIES: Final = 2**31 - 1
_MOUNT_TYPES: Final = frozenset({"bind", "cache", "tmpfs", "secret", "ssh"})
_MOUNT_KEYS: Final = listed(
    "type from source target readonly id sharing required size mode uid gid src dst destination"
    " ro rw readwrite env"
)
_BARE_KEYS: Final = frozenset({"readonly", "ro", "readwrite", "rw", "required"})
_MOUNT_CHOICES: Final = {
    "type": _MOUNT_TYPES,
    "sharing": frozenset({"shared", "private", "locked"}),
}
_MOUNT_NAMES: Final = {"src": "source", "dst": "target", "destination": "target"}


@dataclass(frozen=True, slots=True)
class Mount:
    """A ``RUN --mount``; what is not given is empty. ``kind`` is ``bind`` by default."""

    kind: str = "bind"
    source_stage: str = ""
    source: str = ""
    target: str = ""
    id: str = ""
    env: str = ""
    writable: bool = False


def problems(instruction: Instruction) -> Iterator[str]:
    """Yield why BuildKit refuses ``instruction``, as far as it can be told from it alone."""
    name = instruction.name
    if name not in _FLAGS:
        yield f"unknown instruction: {name}"
        return
    if name not in _UNCHECKED_FLAGS:
        yield from _flag_problems(instruction)
    check = _CHECKS.get(name)
    if check is not None:
        yield from check(instruction)


def stage_name(instruction: Instruction) -> str:
    """Return the name that a FROM gives its stage, in lower case; empty without one."""
    args = instruction.args
    return args[2].lower() if len(args) == 3 else ""  # noqa: PLR2004 - image AS name


def mounts(instruction: Instruction) -> tuple[Mount, ...]:
    """Return the mounts of a RUN whose flags hold no problem; variables are left as written."""
    return tuple(_mount(value) for value in instruction.values("mount"))


def _flag_problems(instruction: Instruction) -> Iterator[str]:
    known = _FLAGS[instruction.name]
    if instruction.name == "HEALTHCHECK" and instruction.args[:1] == ("NONE",):
        return  # which drops them unread
    seen: set[str] = set()
    for name, value in instruction.flags:
        if name not in known:
            yield f"unknown flag: --{name}"
        elif name in seen and name not in _SEVERAL:
            yield f"duplicate flag specified: --{name}"
        elif name in _BOOLEANS:
            if value is not None and value.lower() not in {"true", "false"}:
                yield f"expecting boolean value for flag --{name}, not: {value}"
        elif value is None:
            yield f"missing a value on flag: --{name}"
        seen.add(name)


def _at_least_one(instruction: Instruction) -> Iterator[str]:
    if not (instruction.args or instruction.pairs):
        yield f"{instruction.name} requires at least one argument"
    elif any(not pair.name for pair in instruction.pairs):
        yield f"{instruction.name} names can not be blank"


def _exactly_one(instruction: Instruction) -> Iterator[str]:
    if len(instruction.args) != 1:
        yield f"{instruction.name} requires exactly one argument"


def _copied(instruction: Instruction) -> Iterator[str]:
    args = instruction.args
    if len(args) < 2:  # noqa: PLR2004 - source and destination
        yield (
            f"{instruction.name} requires at least two arguments, but only one was provided."
            " Destination could not be determined"
        )
    elif is_heredoc(args[-1]):
        yield f"{instruction.name} cannot accept a heredoc as a destination"


def _from(instruction: Instruction) -> Iterator[str]:
    args = instruction.args
    if len(args) == 3 and args[1].lower() == "as":  # noqa: PLR2004 - image AS name
        if not _STAGE_NAME.fullmatch(args[2].lower()):
            yield (
                f'invalid name for build stage: "{args[2]}", name can\'t start with a number or'
                " contain symbols"
            )
    elif len(args) != 1:
        yield "FROM requires either one or three arguments"


def _onbuild(instruction: Instruction) -> Iterator[str]:
    trigger = instruction.trigger
    if trigger is None:
        yield "ONBUILD requires at least one argument"
    elif trigger.name in {"MAINTAINER", "FROM"}:
        yield f"{trigger.name} isn't allowed as an ONBUILD trigger"


def _shell(instruction: Instruction) -> Iterator[str]:
    if not instruction.args:
        yield "SHELL requires at least one argument"
    elif not instruction.json:
        yield "SHELL requires the arguments to be in JSON form"


def _volume(instruction: Instruction) -> Iterator[str]:
    yield from _at_least_one(instruction)
    if any(not arg.strip() for arg in instruction.args):
        yield "VOLUME specified can not be an empty string"


def _healthcheck(instruction: Instruction) -> Iterator[str]:
    if not instruction.args:
        yield "HEALTHCHECK requires at least one argument"
        return
    kind, *command = instruction.args
    if kind.upper() == "NONE":
        if command:
            yield "HEALTHCHECK NONE takes no arguments"
        return
    if kind.upper() != "CMD":
        yield f'Unknown type "{kind.upper()}" in HEALTHCHECK (try CMD)'
    elif not command:
        yield "Missing command after HEALTHCHECK CMD"
    for name, value in instruction.flags:
        if value and name == "retries":
            yield from _retries(value)
        elif value and name in _FLAGS["HEALTHCHECK"]:
            yield from _duration(name, value)


def _retries(value: str) -> Iterator[str]:
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", value) or int(value) > _MOST_RETRIES:
        yield f'--retries is no number: "{value}"'
    elif int(value) < 0:
        yield f"--retries cannot be negative ({value})"


def _duration(name: str, value: str) -> Iterator[str]:
    if not _DURATION.fullmatch(value):
        yield f'time: invalid duration "{value}"'
        return
    micro = re.sub("[\u00b5\u03bc]s", "us", value)
    seconds = sum(float(n) * _SECONDS[unit] for n, unit in _PART.findall(micro))
    if seconds and (seconds < _SHORTEST or value.startswith("-")):
        yield f'Interval "{name}" cannot be less than 1ms'


def _run(instruction: Instruction) -> Iterator[str]:
    network = instruction.flag("network")
    if network is not None and network not in {"default", "none", "host"}:
        yield f'invalid network mode "{network}"'
    security = instruction.flag("security")
    if security is not None and security not in {"insecure", "sandbox"}:
        yield f'security "{security}" is not valid'
    for value in instruction.values("mount"):
        yield from _mount_problems(value)
    if instruction.heredocs and (instruction.json or len(instruction.args) != 1):
        yield "parsing produced an invalid run command"


def _fields(value: str) -> list[tuple[str, str | None]] | None:
    """Split a mount's fields; None if they are no line of CSV."""
    try:
        rows = list(csv.reader([value], strict=True))
    except csv.Error:
        return None
    pairs = (field.partition("=") for row in rows for field in row)
    return [(key.lower(), text if equals else None) for key, equals, text in pairs]


def _mount_problems(value: str) -> Iterator[str]:
    fields = _fields(value)
    if fields is None:
        yield "failed to parse csv mounts"
        return
    for key, text in fields:
        yield from _field_problems(key, text)
    mount = _mount(value)
    keys = {key for key, _ in fields}
    if mount.kind == "secret":
        if mount.source_stage:
            yield "secret mount should not have a from"
        if not (mount.source or mount.target or mount.id):
            yield "invalid secret mount. one of source, target required"
        if mount.source and mount.id:
            yield "both source and id can't be set"
    elif mount.kind in {"bind", "tmpfs"} and keys & {"mode", "uid", "gid"}:
        yield f'mode, uid and gid not allowed for "{mount.kind}" type mounts'
    if "sharing" in keys and mount.kind in _MOUNT_TYPES - {"cache"}:
        yield f"invalid cache sharing set for {mount.kind} mount"


def _field_problems(key: str, text: str | None) -> Iterator[str]:
    if text is None:
        if key not in _BARE_KEYS:
            yield f"invalid field '{key}' must be a key=value pair"
    elif key not in _MOUNT_KEYS:
        yield f"unexpected key '{key}' in '{key}={text}'"
    elif key == "from" and "$" in text[:-1]:
        yield "'from' doesn't support variable expansion, define alias stage instead"
    elif key in _MOUNT_CHOICES and "$" not in text and text.lower() not in _MOUNT_CHOICES[key]:
        yield f'unsupported {key} "{text}" of a mount'


def _mount(value: str) -> Mount:
    found: dict[str, str] = {}
    writable: bool | None = None
    for key, text in _fields(value) or ():
        found[_MOUNT_NAMES.get(key, key)] = text or ""
        if key in {"rw", "readwrite", "ro", "readonly"}:
            said = text is None or text.lower() in {"1", "t", "true"}
            writable = said == (key in {"rw", "readwrite"})
    kind = found.get("type", "bind")
    kind = kind.lower() if "$" not in kind else kind
    return Mount(
        kind,
        found.get("from", ""),
        found.get("source", ""),
        found.get("target", ""),
        found.get("id", ""),
        found.get("env", ""),
        kind in {"cache", "tmpfs"} if writable is None else writable,
    )


_CHECKS: Final[dict[str, Callable[[Instruction], Iterator[str]]]] = {
    **dict.fromkeys(("ENV", "LABEL", "ARG", "EXPOSE"), _at_least_one),
    **dict.fromkeys(("MAINTAINER", "WORKDIR", "USER", "STOPSIGNAL"), _exactly_one),
    "ADD": _copied,
    "COPY": _copied,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "VOLUME": _volume,
}
