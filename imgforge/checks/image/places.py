"""IF053: volumes and working directories in places where they do harm."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any, Final

from imgforge.analysis.facts import DIRECTORY, MAX_LINKS, SYMLINK, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import identity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF053",
    Severity.HIGH,
    "A volume or the working directory is in a sensitive place",
    why="A volume over /etc, /dev or the root shadows what was checked with contents that nobody"
    " has checked, and one at the engine's socket invites whoever runs the image to hand over the"
    " host. A working directory below /proc/self/fd led out of the container (CVE-2024-21626)."
    " One that is relative depends on whatever the base had.",
    remedy="Give data a directory of its own, such as /data, and an absolute working directory.",
    example="VOLUME /etc\nWORKDIR app\n\nVOLUME /data\nWORKDIR /app",
    references=(
        "Dockle DKL-DI-0002",
        "Trivy DS-0030",
        "hadolint DL3000",
        "CVE-2024-21626",
    ),
)

_WORST: Final = re.compile(
    r"/|/(?:proc|sys|dev|etc)(?:/.*)?"
    r"|(?:/var)?/run(?:/(?:docker|podman/podman|crio/crio|containerd/containerd|buildkit/buildkitd)"
    r"\.sock|/(?:containerd|crio|podman|docker))?"
)
_BAD: Final = re.compile(
    r"/(?:root|boot|bin|sbin|lib|lib64|usr|var/lib/docker|var/spool/cron)(?:/.*)?"
)
_FINE: Final = re.compile(r"/usr/(?:src|share|local/(?:src|share|app\w*)|lib/\w+/data|app)(?:/.*)?")


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge each volume and the working directory, also by where symbolic links lead."""
    for volume in _volumes(image):
        if not volume.startswith("/"):
            message = f"the volume {volume!r} is no absolute path"
            yield RULE.finding(message, key=f"volume:{volume}", severity=Severity.MEDIUM)
        elif (severity := _severity(image, volume)) is not None:
            yield RULE.finding(
                f"{volume} is a volume", path=volume, key="volume", severity=severity
            )
    yield from _working_dir(image)


def _working_dir(image: ImageFacts) -> Iterator[Finding]:
    name = image.settings.working_dir
    key, place = "workdir", posixpath.normpath("/" + name.lstrip("/"))
    if place == "/" and not name.strip("/"):
        return
    if not name.startswith("/"):
        message = f"the working directory {name!r} is relative"
        yield RULE.finding(message, key=key, severity=Severity.MEDIUM)
        return
    severity = None if place.startswith("/usr") else _severity(image, name)
    if place == "/root" and identity(image).uid == 0:
        severity = Severity.LOW
    fact = image.lookup(name)
    if severity is not None:
        yield RULE.finding(
            f"{name} is the working directory", path=name, key=key, severity=severity
        )
    elif image.resolve(name) is None:
        message = f"the working directory {name} is not in the image, so root makes it at the start"
        yield RULE.finding(message, path=name, key=key, severity=Severity.LOW)
    elif fact is not None and fact.kind != DIRECTORY:
        message = f"the working directory {name} is no directory"
        yield RULE.finding(message, path=name, key=key, severity=Severity.MEDIUM)


def _volumes(image: ImageFacts) -> list[str]:
    """Return the keys of Volumes; anything but an object reads as one entry that is none."""
    process: dict[str, Any] = image.config.get("config") or {}
    volumes = process.get("Volumes") or {}
    return [str(name) for name in volumes] if isinstance(volumes, dict) else [str(volumes)]


def _severity(image: ImageFacts, path: str) -> Severity | None:
    place = _followed(image, path)
    if _WORST.fullmatch(place):
        return Severity.HIGH
    return Severity.MEDIUM if _BAD.fullmatch(place) and not _FINE.fullmatch(place) else None


def _followed(image: ImageFacts, path: str) -> str:
    """Return ``path`` with symbolic links followed as far as the image has them."""
    done, todo = "/", [part for part in reversed(path.split("/")) if part]
    for _ in range(MAX_LINKS * 8):
        if not todo:
            break
        here = posixpath.normpath(posixpath.join(done, todo.pop()))
        fact = image.files.get(here.lstrip("/"))
        if fact is None or fact.kind != SYMLINK:
            done = here
            continue
        done = "/" if fact.link.startswith("/") else done
        todo += [part for part in reversed(fact.link.split("/")) if part]
    return posixpath.normpath("/" + done.lstrip("/"))
