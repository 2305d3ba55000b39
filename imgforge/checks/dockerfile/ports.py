"""Ports of EXPOSE: ``PORT``, ``FIRST-LAST``, either with ``/tcp``, ``/udp`` or ``/sctp``."""

from __future__ import annotations

import re
from typing import Final

SSH: Final = 22
HIGHEST: Final = 65535

_PORT: Final = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)


def valid(text: str) -> bool:
    """Whether this is a port or range that there can be."""
    found = _range(text)
    return found is not None and 0 < found[0] <= found[1] <= HIGHEST


def covers(text: str, port: int) -> bool:
    """Whether ``text`` opens ``port`` for TCP."""
    found = _range(text)
    return found is not None and found[0] <= port <= found[1] and found[2] == "tcp"


def _range(text: str) -> tuple[int, int, str] | None:
    match = _PORT.fullmatch(text)
    if match is None:
        return None
    first = int(match[1])
    return first, int(match[2] or first), (match[3] or "tcp").lower()
