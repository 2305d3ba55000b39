"""IF150: dangerous modes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.commands import Command, options
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF150",
    Severity.HIGH,
    "A file is given a dangerous mode",
    why=(
        "A setuid or setgid program, or one with capabilities, lends its rights to whoever "
        "runs it, so a flaw in it makes the application's user root. What everybody may "
        "write, any process of the container can replace, also programs that others run "
        "later."
    ),
    remedy=(
        "Give the narrowest mode that works: owned by root, written by nobody else, no "
        "special bits."
    ),
    example="""\
RUN chmod 4755 /usr/bin/tool && chmod -R 777 /app
# better
COPY --chmod=0555 app /app
""",
    references=("CIS Docker Benchmark 4.8", "Dockle CIS-DI-0008", "CWE-732"),
)

_WIDE: Final = 0o002
_SETUID: Final = 0o4000
_SETGID: Final = 0o2000
_STICKY: Final = 0o1000


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge chmod, install -m, mkdir -m, setcap, and the modes of COPY and ADD."""
    for run in subject.runs:
        for command in run.commands() if run.built else ():
            for what, severity in _judge(command):
                yield RULE.finding(
                    f"RUN in {run.stage.title}: {what}",
                    path=subject.path,
                    line=run.line(command),
                    key=f"{run.stage.title}:{what}",
                    severity=severity,
                )
    for stage, step in subject.steps():
        mode = step.instruction.flag("chmod") if step.name in {"COPY", "ADD"} else None
        found = _mode(mode) if mode else None
        if found is not None:
            what = f"{step.name} --chmod={mode} {found[0]}"
            key = f"{stage.title}:{what}"
            yield RULE.finding(what, path=subject.path, line=step.line, key=key, severity=found[1])


def _judge(command: Command) -> Iterator[tuple[str, Severity]]:
    name, args = command.name, command.args
    folder = name == "mkdir" or (name == "install" and options(args).has("-d", "--directory"))
    if name == "setcap":
        if not {"-r", "-v", "-h"}.intersection(args):
            yield "setcap gives a program capabilities", Severity.HIGH
        return
    if name == "chmod":
        modes = [word for word in args if _MODE.fullmatch(word)][:1]
    elif name in {"install", "mkdir"}:
        modes = list(options(args, {"-m", "--mode", "-o", "-g"}).values("-m", "--mode"))
    else:
        return
    for mode in modes:
        found = _mode(mode, folder=folder)
        if found is not None:
            yield f"{name} {mode} {found[0]}", found[1]


def _mode(mode: str, *, folder: bool = False) -> tuple[str, Severity] | None:
    """Say what is dangerous about a mode, in digits or letters.

    The sticky bit is for folders, where setgid only hands the group down.
    """
    if re.fullmatch("[0-7]{1,5}", mode):
        bits = int(mode, 8)
        user, group = bool(bits & _SETUID), bool(bits & _SETGID)
        wide, sticky = bool(bits & _WIDE), bool(bits & _STICKY)
    else:
        parts = mode.split(",")
        user = any(re.fullmatch("(?:[ugoa]*[ua][ugoa]*)?[+=][rwxXt]*s.*", part) for part in parts)
        group = any(re.fullmatch("[go]*g[go]*[+=][rwxXt]*s.*", part) for part in parts)
        wide = any(re.fullmatch("[ugoa]*[oa][ugoa]*[+=][rxXst]*w.*", part) for part in parts)
        sticky = any(re.fullmatch("[ugoa]*[+=].*t.*", part) for part in parts)
    if user:
        return "sets the setuid bit", Severity.HIGH
    if wide and not sticky:
        return "lets everybody write", Severity.HIGH
    if group and not (sticky or folder):
        return "sets the setgid bit", Severity.MEDIUM
    return None


_MODE: Final = re.compile("[0-7]{3,5}|(?:[ugoa]*[-+=][rwxXst]*,?)+")
