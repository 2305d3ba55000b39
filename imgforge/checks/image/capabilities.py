"""IF011: programs with file capabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy import Policy

RULE: Final = Rule(
    "IF011",
    Severity.HIGH,
    "A file with capabilities is shipped",
    why="A file capability gives whoever starts the program a part of root's power, such as"
    " cap_net_raw to read all traffic or cap_setuid to become anybody. It works like a"
    " setuid bit, but ls does not show it and a search for setuid files passes it by. Once"
    " in a layer it ships, whatever later layers do.",
    remedy="Remove the security.capability attribute in the layer that brings the file.",
    example="""\
# Faulty: the program may bind port 80, and so may whoever replaces its input.
RUN setcap cap_net_bind_service+ep /app/server
EXPOSE 80

# Cured: listen on a port that needs no capability.
ENV PORT=8080
EXPOSE 8080
""",
    references=("capabilities(7), File capabilities",),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find the security.capability attribute in every layer, hidden or not."""
    seen = set()
    for index, entry in image.shipped():
        if not entry.capability or (index, entry.path) in seen:
            continue
        seen.add((index, entry.path))
        where = (
            "" if image.is_visible(index, entry.path) else " in a layer, though it is hidden now"
        )
        message = f"/{entry.path} has capabilities (0x{entry.capability}){where}"
        layer = image.layers[index].digest
        key = f"layer{index}" if where else ""
        yield RULE.finding(message, path=entry.path, layer=layer, key=key)
