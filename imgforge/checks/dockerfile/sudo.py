"""IF103: sudo and su."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.installs import use
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF103",
    Severity.MEDIUM,
    "A command is run through sudo or su",
    why=(
        "A build step is root already unless USER says otherwise, so sudo adds nothing but "
        "a setuid program that stays in the image, and with it a way from the application's "
        "user to root. Its terminal and signal handling also differ from what a container "
        "expects."
    ),
    remedy=(
        "Run what needs root before USER, or switch with USER; drop rights at start with "
        "setpriv or gosu."
    ),
    example="""\
RUN apt-get install -y sudo && sudo make install
# better
USER 0
RUN make install
USER 65532:65532
""",
    references=(
        "hadolint DL3004",
        "Trivy DS-0010",
        "CIS Docker Benchmark 4.8",
        "Dockle DKL-DI-0001",
    ),
)

_SWITCHERS: Final = frozenset({"sudo", "su", "doas"})


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:
    """Find commands that change to another user, and the installation of sudo."""
    for run in subject.runs:
        for command in run.commands():
            used = set(_SWITCHERS.intersection((command.name, *command.through)))
            verb = "uses" if used else "installs"
            found = use(command)
            if found is not None and found.installs:
                wanted = {package.partition("=")[0] for package in found.packages}
                used |= {"sudo"} & wanted if run.shipped else set()
            if used and not policy.allow_sudo:
                name = min(used)
                message = f"{run.step.name} in {run.stage.title} {verb} {name}"
                yield RULE.finding(
                    message,
                    path=subject.path,
                    line=run.line(command),
                    key=f"{run.stage.title}:{name}",
                )
