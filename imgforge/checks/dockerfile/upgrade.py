"""IF142: everything upgraded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.installs import use
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF142",
    Severity.LOW,
    "All packages are upgraded in a build step",
    why=(
        "Upgrading everything makes the image depend on the day of the build, keeps the old "
        "files in the layer below, and hides that the base is out of date. A newer base has "
        "the same updates, tested together and named by one digest."
    ),
    remedy="Renew the base's digest instead; upgrade single packages where that cannot wait.",
    example="""\
RUN apt-get update && apt-get dist-upgrade -y
# better
FROM debian:13@sha256:<the digest of today's build>
""",
    references=(
        "hadolint DL3005",
        "hadolint DL3017",
        "hadolint DL3031",
        "hadolint DL3035",
        "hadolint DL3039",
        "Trivy DS-0024",
    ),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find package managers that are told to upgrade, without names of packages."""
    for run in subject.runs:
        for command in run.commands() if run.built else ():
            found = use(command)
            if found is not None and found.upgrades:
                name = found.manager.name
                message = f"RUN in {run.stage.title} upgrades everything with {name}"
                key = f"{run.stage.title}:{name}"
                yield RULE.finding(message, path=subject.path, line=run.line(command), key=key)
