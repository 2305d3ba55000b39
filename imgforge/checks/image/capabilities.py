"""IF011: programs with file capabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.layers import seen_as, still_shipped
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

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
    """Find the security.capability attribute in every layer, hidden or not, at every name."""
    seen = set()
    for fact in image.files.values():
        if fact.capability:
            seen.update({(fact.layer, fact.origin), (fact.layer, fact.path)})
            layer = image.layers[fact.layer].digest
            message = f"/{fact.path} has capabilities (0x{fact.capability})"
            yield RULE.finding(message, path=fact.path, layer=layer)
    for index, facts in enumerate(image.layers):
        for entry in facts.entries:
            if not entry.capability or (index, entry.path) in seen:
                continue
            now = seen_as(image, index, entry)
            if now is not None and now.capability:
                continue
            seen.add((index, entry.path))
            message = f"/{entry.path} has capabilities (0x{entry.capability})"
            message += still_shipped(image, index)
            yield RULE.finding(message, path=entry.path, layer=facts.digest, key=f"layer{index}")
