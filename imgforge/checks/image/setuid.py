"""IF010: programs that give their owner's rights to whoever starts them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import FILE, HARDLINK, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.layers import seen_as, still_shipped
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF010",
    Severity.HIGH,
    "A setuid or setgid file is shipped",
    why="A setuid or setgid program runs with the rights of its owner, whoever starts it. One"
    " flaw in such a program, or one that does just what it is for, makes an attacker inside"
    " the container root. The bits also count in lower layers: removing the file later hides"
    " it, but the layer still carries it to everyone who unpacks the image.",
    remedy="Remove the bits in the layer that brings the file, or use a base without it.",
    example="""\
# Faulty: the bits are taken away in a layer above the one that ships them.
FROM debian:13-slim
RUN chmod u-s /usr/bin/su

# Cured: stripped before the files become a layer.
FROM debian:13-slim AS stripped
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +
FROM scratch
COPY --from=stripped / /
""",
    references=("CIS Docker Benchmark 4.8", "NIST SP 800-190 4.1.2", "Dockle CIS-DI-0008"),
)

_BITS: Final = 0o6000


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find the bits in the final file system (all names of an inode) and in hidden layers."""
    seen = set()
    for fact in image.files.values():
        if fact.mode & _BITS and fact.kind == FILE:
            seen.add((fact.layer, fact.origin))
            seen.add((fact.layer, fact.path))
            layer = image.layers[fact.layer].digest
            message = f"/{fact.path} has mode {fact.mode:04o} and owner {fact.uid}:{fact.gid}"
            yield RULE.finding(message, path=fact.path, layer=layer)
    for index, facts in enumerate(image.layers):
        for entry in facts.entries:
            if not entry.mode & _BITS or entry.kind not in {FILE, HARDLINK}:
                continue
            now = seen_as(image, index, entry)
            if (index, entry.path) in seen or (now is not None and now.mode & _BITS):
                continue
            seen.add((index, entry.path))
            message = f"/{entry.path} has mode {entry.mode:04o}{still_shipped(image, index)}"
            yield RULE.finding(message, path=entry.path, layer=facts.digest, key=f"layer{index}")
