"""IF144: build tools in the image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.commands import Command
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.installs import SIGNED, use
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF144",
    Severity.MEDIUM,
    "Build tools are installed in the image itself",
    why=(
        "Compilers, headers and build systems are needed once and then only serve an "
        "intruder, who can make on the spot what no scanner has seen. They bring hundreds "
        "of packages whose flaws become the image's."
    ),
    remedy="Build in a stage of its own and copy the result, or remove the tools in the same RUN.",
    example="""\
FROM debian:13
RUN apt-get install -y gcc && gcc -o /app app.c
# better
FROM debian:13 AS build
RUN apt-get install -y gcc && gcc -o /app app.c
FROM debian:13
COPY --from=build /app /app
""",
    references=("CIS Docker Benchmark 4.3", "NIST SP 800-190 4.1.2"),
)

_TOOLS: Final = re.compile(
    r"build-essential|build-base|base-devel|@development(?:-tools)?|g?cc(?:-[0-9]+)?|[gc]\+\+"
    r"|g\+\+(?:-[0-9]+)?|gcc-c\+\+|clang(?:-[0-9]+)?|llvm(?:-[0-9]+)?|make|cmake|ninja-build|meson"
    r"|automake|autoconf|bison|flex|golang(?:-go)?|go|rustc|cargo|maven|gradle|.*-jdk(?:-headless)?"
    r"|openjdk[0-9]+|musl-dev|libc6?-dev|linux-headers(?:-.*)?|kernel-headers|python3?-dev(?:el)?"
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:
    """Find them in the stages that are shipped, unless the same step removes them."""
    if policy.allow_compiler:
        return
    for run in subject.runs:
        if not (run.built and run.shipped):
            continue
        commands = list(run.commands())
        if any(_removes(command) for command in commands):
            continue
        for command in commands:
            found = use(command)
            if found is None or not found.installs or found.manager.name not in SIGNED:
                continue
            names = {re.split("[=~<>]", package)[0] for package in found.packages}
            names |= {re.sub(r"-[0-9].*", "", name) for name in names}
            tools = sorted(name for name in names if _TOOLS.fullmatch(name))
            if tools:
                message = f"RUN in {run.stage.title} installs {', '.join(tools)} into the image"
                key = f"{run.stage.title}:{' '.join(tools)}"
                yield RULE.finding(message, path=subject.path, line=run.line(command), key=key)


def _removes(command: Command) -> bool:
    found = use(command)
    return found is not None and found.verb in {"purge", "remove", "autoremove", "del", "erase"}
