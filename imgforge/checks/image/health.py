"""IF051: nobody can tell whether the process still works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.entrypoint import unstartable
from imgforge.checks.image.identity import identity
from imgforge.checks.image.ports import exposed
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF051",
    Severity.LOW,
    "There is no health check that works",
    why="A server that hangs still has a process, so the platform keeps sending it requests and"
    " does not replace it. A check that cannot start is worse than none: the container counts as"
    " ill for ever.",
    remedy="Set a health check in exec form whose program is in the image.",
    example="EXPOSE 8080\nHEALTHCHECK CMD curl -f localhost:8080   # no shell, no curl\nHEALTHCHECK"
    ' --interval=30s CMD ["/app/server", "--health"]',
    references=(
        "CIS Docker Benchmark 4.6",
        "hadolint DL3057",
        "Trivy DS-0026",
        "Dockle CIS-DI-0006",
    ),
)

_FIRST: Final = re.compile(r"\s*(?:exec\s+)?([A-Za-z0-9_/][\w./+-]*)(?=[\s;|&]|$)")
"""The command that a shell starts first, where it is plain to see."""

_BUILT_IN: Final = frozenset(
    {"break", "builtin", "case", "cd", "command", "continue", "declare", "echo", "eval", "exec"}
    | {"exit", "export", "false", "for", "function", "hash", "if", "kill", "let", "local", "printf"}
    | {"pwd", "read", "readonly", "return", "select", "set", "shift", "source", "test", "time"}
    | {"times", "trap", "true", "type", "ulimit", "umask", "unset", "until", "wait", "while"}
)
"""What shells do themselves."""


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find images with ports and no check, checks turned off, and checks that cannot start."""
    kind, *command = image.settings.healthcheck or ("",)
    if not kind:
        if any(exposed(image)):
            yield RULE.finding("ports are exposed, but no health check is set")
    elif kind == "NONE":
        yield RULE.finding("the health check of the base is turned off")
    elif kind not in {"CMD", "CMD-SHELL"} or not command:
        yield RULE.finding(f"the health check has no command ({kind})")
    else:
        if kind == "CMD-SHELL":
            shell = (image.config.get("config") or {}).get("Shell") or ["/bin/sh", "-c"]
            command = [str(word) for word in shell] if isinstance(shell, list) else [str(shell)]
        who = identity(image)
        problem = unstartable(image, who, command[0])
        word = _FIRST.match(image.settings.healthcheck[1]) if kind == "CMD-SHELL" else None
        if not problem and word is not None and word[1] not in _BUILT_IN:
            problem = unstartable(image, who, word[1])
        if problem:
            yield RULE.finding(f"the health check cannot be started: {problem}")
