"""IF063: an image that is larger, or has more layers, than it may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import FILE, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF063",
    Severity.MEDIUM,
    "The image is larger than it may be",
    why="What is not there cannot be attacked, need not be patched and is pulled faster. An image"
    " that grows unnoticed has usually taken in build tools or data that nobody meant to ship."
    " Above 127 layers engines refuse to run it at all.",
    remedy="Copy only what runs, in few steps; see which layer grew with imgforge check.",
    example="# policy.toml\n[budget]\nsize = 200000000\nlayers = 20",
    references=("NIST SP 800-190 4.1.2", "Docker overlay2: at most 128 layers"),
)

MOST_LAYERS: Final = 127
"""Layers that overlay file systems of Docker and containerd can stack (128 with the writable)."""
MANY_LAYERS: Final = 50


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Compare layers, bytes as shipped and bytes unpacked with the policy's budget."""
    budget, count = policy.budget, len(image.layers)
    if budget.layers is not None and count > budget.layers:
        message = f"the image has {count} layers, and {budget.layers} are allowed"
        yield RULE.finding(message, key="layers")
    elif count > MOST_LAYERS:
        message = f"the image has {count} layers: engines run at most {MOST_LAYERS}"
        yield RULE.finding(message, key="layers")
    elif budget.layers is None and count > MANY_LAYERS:
        message = f"the image has {count} layers"
        yield RULE.finding(message, key="layers", severity=Severity.LOW)
    shipped = sum(layer.size for layer in image.layers)
    if budget.size is not None and shipped > budget.size:
        message = f"the layers have {megabytes(shipped)}, and {megabytes(budget.size)} are allowed"
        yield RULE.finding(message, key="size")
    if budget.unpacked is not None:
        files = {(f.layer, f.origin): f.size for f in image.files.values() if f.kind == FILE}
        total = sum(files.values())
        if total > budget.unpacked:
            allowed = megabytes(budget.unpacked)
            message = f"the files have {megabytes(total)}, and {allowed} are allowed"
            yield RULE.finding(message, key="unpacked")


def megabytes(size: int) -> str:
    """Return ``size`` bytes as people say it, in powers of ten; small ones as bytes."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes"  # noqa: PLR2004 - 0.1 MB
