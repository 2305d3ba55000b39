"""IF083: the image does not stand on the base that the lock pins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.drift.expected import Expectation
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule

RULE: Final = Rule(
    "IF083",
    Severity.HIGH,
    "The base is not the one that the lock pins",
    why="The lock pins a base whose origin was verified and whose packages are known. On another "
    "base the image may lack its updates, or hold what nobody verified. It also happens when a "
    "lock was renewed and the image not built again.",
    remedy="Build the image again; if the lock is behind, renew it first with imgforge lock.",
    example="imgforge lock --upgrade && imgforge build",
    references=("CIS Docker Benchmark 4.2", "NIST SP 800-190 4.1.5", "NIST SP 800-190 4.2.2"),
)


def check(image: ImageFacts, expected: Expectation) -> Iterator[Finding]:
    """Compare the lowest layers with the base's, by the digests of their contents."""
    base = expected.base
    if len(image.layers) < len(base.layers):
        have = len(image.layers)
        yield RULE.finding(f"the image has {have} layers, its base alone {len(base.layers)}")
        return
    for number, (wanted, found) in enumerate(zip(base.layers, image.layers, strict=False), 1):
        if wanted.diff_id != found.diff_id:
            message = f"layer {number} is {found.diff_id}, the base's is {wanted.diff_id}"
            yield RULE.finding(message, layer=found.digest, key=f"layer{number}")
            return
