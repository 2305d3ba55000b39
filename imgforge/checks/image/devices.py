"""IF043: device nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.problems import findings
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF043",
    Severity.HIGH,
    "A layer has a device node",
    why="A device node reaches a driver of the kernel: with the right numbers it is the disk of"
    " the host, or its memory. Runtimes forbid most devices by default, but a privileged"
    " container, or one run by another tool, may open it. Runtimes make the few harmless"
    " devices themselves.",
    remedy="Remove it; the runtime provides the devices a container may use.",
    example="""\
# Faulty: made in the image.
RUN mknod /dev/random-too c 1 8

# Cured: asked for when the container is run.
docker run --device /dev/ttyUSB0 acme/reader
""",
    references=("mknod(2)",),
)

_KINDS: Final = frozenset({"device"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find character and block devices in every layer."""
    return findings(image, RULE, _KINDS)
