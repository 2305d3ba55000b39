"""The image configuration (OCI image-spec 1.1, config.md), its types checked.

Runtimes decode it with Go's encoding/json, which takes ``user`` for ``User`` as well: a key in
another case would be read by them and not by us, so it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from imgforge import strictjson
from imgforge.oci.layout import CorruptLayoutError
from imgforge.oci.types import Platform, is_digest


@dataclass(frozen=True, slots=True)
class Settings:
    """What an image configuration says of the process and of its layers; null reads as empty.

    ``history`` has one string a step: ``created_by`` and ``comment``.
    """

    platform: Platform
    user: str
    env: tuple[str, ...]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    working_dir: str
    labels: Mapping[str, str]
    healthcheck: tuple[str, ...]
    history: tuple[str, ...]
    diff_ids: tuple[str, ...]

    def variable(self, name: str) -> str | None:
        """Return the value of an environment variable, the last if it is set twice."""
        found = None
        for item in self.env:
            key, _, value = item.partition("=")
            if key == name:
                found = value
        return found


def read(config: Mapping[str, Any]) -> Settings:
    """Check the types of ``config``; CorruptLayoutError lists every field that is wrong."""
    reader = _Reader()
    reader.keys(config, _TOP, "")
    process = reader.mapping(config.get("config"), "config")
    rootfs = reader.mapping(config.get("rootfs"), "rootfs")
    health = reader.mapping(process.get("Healthcheck"), "config.Healthcheck")
    reader.keys(process, _PROCESS, "config.")
    reader.keys(rootfs, _ROOTFS, "rootfs.")
    reader.keys(health, _HEALTH, "config.Healthcheck.")
    history = config.get("history")
    if history is not None and not isinstance(history, list):
        reader.wrong("history", "a list")
        history = None
    steps = [reader.mapping(step, f"history[{i}]") for i, step in enumerate(history or [])]
    for i, step in enumerate(steps):
        reader.keys(step, _STEP, f"history[{i}].")
    diff_ids = reader.strings(rootfs.get("diff_ids"), "rootfs.diff_ids")
    if not all(map(is_digest, diff_ids)):
        reader.wrong("rootfs.diff_ids", "a list of sha256 digests")
    settings = Settings(
        platform=Platform(
            reader.string(config.get("os"), "os"),
            reader.string(config.get("architecture"), "architecture"),
            reader.string(config.get("variant"), "variant"),
        ),
        user=reader.string(process.get("User"), "config.User"),
        env=reader.strings(process.get("Env"), "config.Env"),
        entrypoint=reader.strings(process.get("Entrypoint"), "config.Entrypoint"),
        cmd=reader.strings(process.get("Cmd"), "config.Cmd"),
        working_dir=reader.string(process.get("WorkingDir"), "config.WorkingDir"),
        labels={
            reader.string(key, "a label's name"): reader.string(value, f"config.Labels.{key}")
            for key, value in reader.mapping(process.get("Labels"), "config.Labels").items()
        },
        healthcheck=reader.strings(health.get("Test"), "config.Healthcheck.Test"),
        history=tuple(
            "\n".join(
                reader.string(step.get(key), f"history[{i}].{key}")
                for key in ("created_by", "comment")
            ).strip()
            for i, step in enumerate(steps)
        ),
        diff_ids=diff_ids,
    )
    if reader.problems:
        raise CorruptLayoutError("the image configuration is malformed", details=reader.problems)
    return settings


class _Reader:
    def __init__(self) -> None:
        self.problems: list[str] = []

    def wrong(self, place: str, expected: str) -> None:
        self.problems.append(f"{place} is not {expected}")

    def string(self, value: object, place: str) -> str:
        if value is None:
            return ""
        if not isinstance(value, str) or not _encodable(value):
            self.wrong(place, "a string")
            return ""
        return value

    def strings(self, value: object, place: str) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong(place, "a list of strings")
            return ()
        return tuple(self.string(item, f"{place}[{i}]") for i, item in enumerate(value))

    def mapping(self, value: object, place: str) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.wrong(place, "an object")
            return {}
        return value

    def keys(self, value: Mapping[str, Any], known: frozenset[str], place: str) -> None:
        try:
            strictjson.exact(value, known)
        except ValueError as error:
            self.problems.append(f"{place}{error}")


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


_TOP: Final = frozenset({"architecture", "config", "history", "os", "rootfs", "variant"})
_STEP: Final = frozenset({"created", "created_by", "author", "comment", "empty_layer"})
_HEALTH: Final = frozenset({"Test", "Interval", "Timeout", "StartPeriod", "Retries"})
_ROOTFS: Final = frozenset({"diff_ids", "type"})
_PROCESS: Final = frozenset(
    {"Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell"}
    | {"StopSignal", "User", "Volumes", "WorkingDir"}
)
