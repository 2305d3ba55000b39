"""IF056: ports that a user other than root may not open, and ports that are none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import identity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF056",
    Severity.LOW,
    "A port cannot be used as it is exposed",
    why="Below 1024 the kernel wants root or a capability, unless the runtime lowers that bound:"
    " the image then fails on platforms that do not, and the usual answer is to run it as root. A"
    " port that is none hides what really is open from those who write network policies.",
    remedy="Listen on a port of 1024 or more; the platform maps it to whatever clients use.",
    example="USER 65532\nEXPOSE 80       # needs root or NET_BIND_SERVICE\nEXPOSE 8080",
    references=("hadolint DL3011", "ip(7), ip_unprivileged_port_start"),
)

_PORT: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp|sctp))?")
_LARGEST: Final = 65535
_PRIVILEGED: Final = 1024


def exposed(image: ImageFacts) -> Iterator[tuple[int, int, str]]:
    """Yield first and last port and the text of each valid entry of ExposedPorts."""
    for text in _entries(image):
        ports = _range(text)
        if ports is not None:
            yield *ports, text


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find entries that are no port or range, and low ports of a user who is not root."""
    uid = identity(image).uid
    for text in _entries(image):
        ports = _range(text)
        if ports is None:
            yield RULE.finding(f"{text!r} is no port", key=text)
        elif ports[0] < _PRIVILEGED and uid != 0:
            message = f"port {text} is below {_PRIVILEGED}, and the user is not root"
            yield RULE.finding(message, key=text)


def _entries(image: ImageFacts) -> list[str]:
    """Return the keys of ExposedPorts; anything but an object reads as one entry that is none."""
    process: dict[str, Any] = image.config.get("config") or {}
    ports = process.get("ExposedPorts") or {}
    return [str(port) for port in ports] if isinstance(ports, dict) else [str(ports)]


def _range(text: str) -> tuple[int, int] | None:
    match = _PORT.fullmatch(text)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return (first, last) if 0 < first <= last <= _LARGEST else None
