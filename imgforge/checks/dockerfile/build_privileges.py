"""IF151: build steps without walls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.dockerfile import Flag
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF151",
    Severity.HIGH,
    "A build step is given the builder's own rights",
    why=(
        "With --security=insecure a step has all capabilities and devices of the builder, "
        "with --network=host its network, where metadata services and other daemons listen. "
        "A mounted Docker socket is root on the machine. Any dependency that runs in such a "
        "step has the same."
    ),
    remedy="Remove the flag; fetch what is needed in a step before, and build without network.",
    example="""\
RUN --security=insecure --network=host ./build.sh
# better
RUN --network=none ./build.sh
""",
    references=(
        "CIS Docker Benchmark 5.5",
        "CIS Docker Benchmark 5.10",
        "CIS Docker Benchmark 5.32",
        "NIST SP 800-190 4.4.3",
    ),
)

_SOCKETS: Final = ("docker.sock", "containerd.sock", "crio.sock", "podman.sock", "buildkitd.sock")


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge the flags of RUN, sockets in its mounts, and containers that it starts itself."""
    for stage, step in subject.steps():
        said = []
        if step.name == "RUN":
            said = [f"--{f.name}={f.value}" for f in step.instruction.flags if f in _FLAGS]
            for mount in step.mounts:
                if mount.target.endswith(_SOCKETS) or mount.source.endswith(_SOCKETS):
                    said.append("a mount of the engine's socket")
        for what in said:
            message = f"RUN in {stage.title} has {what}"
            key = f"{stage.title}:{what}"
            yield RULE.finding(message, path=subject.path, line=step.line, key=key)
    for run in subject.runs:
        for command in run.commands():
            wide = command.name in {"docker", "podman", "nerdctl"} and any(
                word in {"--privileged", "--pid=host", "--net=host", "--network=host"}
                or "docker.sock" in word
                for word in command.args
            )
            if wide:
                message = f"{run.step.name} in {run.stage.title} starts a container without walls"
                key = f"{run.stage.title}:{command.name}"
                yield RULE.finding(message, path=subject.path, line=run.line(command), key=key)


_FLAGS: Final = (Flag("security", "insecure"), Flag("network", "host"))
