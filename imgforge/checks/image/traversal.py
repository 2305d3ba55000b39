"""IF042: paths and hard links that leave the root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.problems import findings
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF042",
    Severity.CRITICAL,
    "A layer reaches out of the image",
    why="A name with .. or a hard link to a place outside leads a careless unpacker to write or"
    " read files of the host instead of the image's. The unpacker is often root. No honest"
    " tool makes such entries, so they are an attack or damage.",
    remedy="Build the layer again; do not unpack this one.",
    example="""\
# Faulty: an entry that climbs out of the root.
tar --absolute-names -cf layer.tar ../../etc/cron.d/job

# Cured: names below the root of the image only.
tar -C rootfs -cf layer.tar .
""",
    references=(
        "CWE-22",
        "CVE-2019-14271",
    ),
)

_KINDS: Final = frozenset({"traversal"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find names with .., absolute names, and hard links that point outside."""
    return findings(image, RULE, _KINDS)
