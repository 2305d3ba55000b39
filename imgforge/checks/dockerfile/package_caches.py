"""IF143: caches left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from imgforge.checks.commands import Command
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.installs import use
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF143",
    Severity.LOW,
    "Package lists and caches are left in a layer",
    why=(
        "Lists and downloads of a package manager are dead weight that ages: they tell an "
        "intruder exactly what was installed, make installing more a matter of one command, "
        "and are shipped with every pull. A later step cannot take them out of the layer "
        "again."
    ),
    remedy=(
        "Remove them in the same RUN, turn the cache off, or keep it in a RUN --mount=type=cache."
    ),
    example="""\
RUN apt-get update && apt-get install -y curl=8.14.1-2
# better
RUN apt-get update && apt-get install -y curl=8.14.1-2 \\
    && rm -rf /var/lib/apt/lists/*
""",
    references=(
        "hadolint DL3009",
        "hadolint DL3019",
        "hadolint DL3032",
        "hadolint DL3036",
        "hadolint DL3040",
        "hadolint DL3042",
        "Trivy DS-0015",
        "Trivy DS-0019",
        "Trivy DS-0020",
        "Trivy DS-0025",
        "Trivy DS-0027",
        "Dockle DKL-DI-0005",
    ),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find them in the stages that are shipped, where the same step does not remove them."""
    for run in subject.runs:
        if not (run.built and run.shipped):
            continue
        commands = list(run.commands())
        removed = [word for c in commands if c.name in {"rm", "find", "rmdir"} for word in c.args]
        removed += [mount.target for mount in run.step.mounts if mount.kind in {"cache", "tmpfs"}]
        cleaned = {
            c.name
            for c in commands
            if c.name == "apt-dist-clean" or {"clean", "--clean"}.intersection(c.args)
        }
        env = run.stage.env
        for name in sorted({name for c in commands for name in _leaves(c, env)}):
            folders, cleaners = _CACHES[name]
            gone = any(
                said.rstrip("/*").startswith(folder) for said in removed for folder in folders
            )
            if gone or cleaned.intersection(cleaners):
                continue
            message = f"RUN in {run.stage.title} leaves the cache of {name} in its layer"
            key = f"{run.stage.title}:{name}"
            yield RULE.finding(message, path=subject.path, line=run.step.line, key=key)


def _leaves(command: Command, env: Mapping[str, str]) -> Iterator[str]:
    """Yield the manager whose cache ``command`` fills."""
    found = use(command)
    if found is None or not (found.installs or found.updates or found.upgrades):
        return
    name = found.manager.name
    if name == "pip":
        off = found.options.has("--no-cache-dir", "--no-cache")
        off = off or any(env.get(v, "") not in {"", "0", "false"} for v in _NO_CACHE)
        off = off or any(word.startswith(_NO_CACHE) for word in command.assigned)
        if not off and command.name != "uv":
            yield name
    elif name in _CACHES and not found.options.has("--no-cache", "--no-network"):
        yield name


_NO_CACHE: Final = ("PIP_NO_CACHE_DIR", "UV_NO_CACHE")
_CACHES: Final = {
    "apt": (("/var/lib/apt", "/var/lib/apt/lists", "/var/lib"), frozenset({"apt-dist-clean"})),
    "apk": (("/var/cache/apk", "/etc/apk/cache", "/var/cache"), frozenset[str]()),
    "yum": (("/var/cache/yum", "/var/cache/dnf", "/var/cache"), frozenset({"yum"})),
    "dnf": (
        ("/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum", "/var/cache"),
        frozenset({"dnf", "dnf5", "microdnf", "tdnf", "yum"}),
    ),
    "zypper": (("/var/cache/zypp", "/var/cache"), frozenset({"zypper"})),
    "pip": (("/root/.cache", "~/.cache", "$HOME/.cache"), frozenset({"pip", "pip3"})),
}
"""By manager: folders of which one has to go, and programs whose ``clean`` does that."""
