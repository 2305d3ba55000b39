"""IF152: an SSH server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.commands import Command
from imgforge.checks.dockerfile.ports import SSH, covers
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.installs import use
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF152",
    Severity.MEDIUM,
    "The image is made to be entered by SSH",
    why=(
        "A server in the container is a second way in that nobody watches: its keys are in "
        "the image and the same in every copy, its accounts have passwords of their own, "
        "and it runs as root. Containers are entered with the engine's exec and debugged "
        "with tools from outside."
    ),
    remedy="Leave the server and port 22 out; use docker exec or kubectl debug.",
    example="""\
RUN apt-get install -y openssh-server
EXPOSE 22
# better
EXPOSE 8080
""",
    references=("Trivy DS-0004", "NIST SP 800-190 4.1.2", "CIS Docker Benchmark 5.7"),
)

_SERVERS: Final = frozenset({"openssh-server", "openssh", "dropbear", "tinysshd"})
_STARTED: Final = frozenset({"sshd", "dropbear"})


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:
    """Find port 22, servers that are installed or started, and host keys that are made."""
    if policy.allow_ssh:
        return
    for step in subject.shipped("EXPOSE"):
        if any(covers(port, SSH) for port in step.args):
            message = f"EXPOSE {' '.join(step.args)} opens port 22"
            yield RULE.finding(message, path=subject.path, line=step.line, key="22")
    for run in subject.runs:
        for command in run.commands() if run.shipped else ():
            what = _fault(command)
            if what:
                message = f"{run.step.name} in {run.stage.title} {what}"
                key = f"{run.stage.title}:{what}"
                yield RULE.finding(message, path=subject.path, line=run.line(command), key=key)


def _fault(command: Command) -> str:
    found = use(command)
    if found is not None and found.installs:
        servers = _SERVERS & {re.split("[=~<>]", package)[0] for package in found.packages}
        return f"installs {min(servers)}" if servers else ""
    if command.name in _STARTED or {"service", "ssh"}.issubset(command.words):
        return f"starts {command.name}"
    if command.name == "ssh-keygen" and "-A" in command.args:
        return "makes host keys, the same ones in every copy of the image"
    return ""
