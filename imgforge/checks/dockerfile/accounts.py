"""IF153: accounts opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.commands import Command, options
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy
from imgforge.secrets.names import listed

RULE: Final = Rule(
    "IF153",
    Severity.HIGH,
    "An account is given a password or more rights",
    why=(
        "A password that a build step sets is in the Dockerfile, in the history and, "
        "hashed, in the image. An account without one, a second uid 0, or a rule that lets "
        "an account become root without a password undoes the change of USER."
    ),
    remedy=(
        "Make accounts without a login: useradd --system --shell /usr/sbin/nologin, and no "
        "rules for sudo."
    ),
    example="""\
RUN echo 'app:secret' | chpasswd && \\
    echo 'app ALL=(ALL) NOPASSWD:ALL' >> /etc/sudoers
# better
RUN useradd --system --uid 65532 --shell /usr/sbin/nologin app
""",
    references=("CIS Docker Benchmark 4.1", "Dockle DKL-LI-0001", "CWE-250", "CWE-798"),
)

_ADDS: Final = frozenset({"useradd", "usermod", "adduser"})


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find passwords set or removed, uid 0 given away, and rules of sudoers."""
    for run in subject.runs:
        for command in run.commands() if run.built else ():
            what = _fault(command)
            if what:
                message = f"RUN in {run.stage.title} {what}"
                key = f"{run.stage.title}:{what}"
                yield RULE.finding(message, path=subject.path, line=run.line(command), key=key)


def _fault(command: Command) -> str:
    name, args = command.name, command.args
    if name == "chpasswd":
        return "sets a password"
    if name == "passwd" and {"-d", "--delete"}.intersection(args):
        return "removes an account's password"
    if name in _ADDS:
        found = options(args, _USERADD)
        if any(
            value.strip("\"'") not in {"", "*", "!"} for value in found.values("-p", "--password")
        ):
            return "sets a password"
        if any(value == "0" for value in found.values("-u", "--uid")):
            return "gives an account uid 0"
    if any("NOPASSWD" in word for word in (*args, command.stdin)):
        return "lets an account become root without a password"
    return ""


_USERADD: Final = listed(
    "-b -c -d -e -f -g -G -k -K -p -s -u -Z --password --uid --gid --groups --home --shell"
    " --comment --home-dir --gecos --ingroup"
)
