"""IF113: a mounted secret is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.commands import Command, options, walk
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.dockerfile.instructions import Mount
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF113",
    Severity.HIGH,
    "A mounted secret is written where it stays",
    why=(
        "A secret mount exists for one step and is in no layer. Copying it into a file, or "
        "echoing it into a setting, undoes that: the value is then in the image like any "
        "other file. Mounting it where everybody may read it gives it to every process of "
        "the step."
    ),
    remedy=(
        "Read the secret where it is needed, from the mount itself or with env=NAME, and "
        "write it nowhere."
    ),
    example="""\
RUN --mount=type=secret,id=t echo "token=$(cat /run/secrets/t)" > /etc/app.conf
# better
RUN --mount=type=secret,id=t,env=TOKEN ./fetch
""",
    references=(
        "https://docs.docker.com/build/building/secrets/",
        "NIST SP 800-190 4.1.4",
        "CWE-312",
    ),
)

_COPIERS: Final = frozenset({"cp", "mv", "install", "ln", "dd", "rsync"})
_PRINTERS: Final = frozenset({"cat", "echo", "printf", "tee", "sed", "envsubst", "base64", "head"})
_GONE: Final = ("/dev/", "/proc/")


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find steps that print or copy what they have mounted into files."""
    for run in subject.runs:
        secrets = [mount for mount in run.step.mounts if mount.kind == "secret"]
        names = tuple(_names(secrets))
        if not names:
            continue
        for pipeline in walk(run.pipelines):
            words = " ".join(word for c in pipeline.commands for word in c.words)
            if not any(name in words for name in names):
                continue
            for command in pipeline.commands:
                if _keeps(command):
                    message = f"RUN in {run.stage.title} writes a mounted secret into a file"
                    yield RULE.finding(
                        message,
                        path=subject.path,
                        line=run.line(command),
                        key=f"{run.stage.title}:{secrets[0].id or secrets[0].target}",
                    )


def _names(mounts: list[Mount]) -> Iterator[str]:
    for mount in mounts:
        name = mount.id or mount.source or mount.target.rpartition("/")[2]
        if mount.env:
            yield from (f"${mount.env}", f"${{{mount.env}}}")
        if mount.target or not mount.env:
            yield mount.target or f"/run/secrets/{name}"


def _keeps(command: Command) -> bool:
    if command.name == "ln" and options(command.args).has("-s", "--symbolic"):
        return False  # a symbolic link holds a path, nothing of the secret
    if command.name in _COPIERS:
        return True
    if command.name == "tee":
        return any(not arg.startswith(("-", *_GONE)) for arg in command.args)
    written = [r.target for r in command.redirects if r.operator in {">", ">>", ">|", "&>"}]
    return command.name in _PRINTERS and any(not t.startswith(_GONE) for t in written)
