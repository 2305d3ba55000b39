"""IF030: a shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.programs import found
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF030",
    Severity.HIGH,
    "The image has a shell",
    why="A shell turns a flaw that runs one command into one that runs any: it fetches, pipes,"
    " loops and hides. Exploits and worms are written for it, and so are most steps after a"
    " break-in. A program that starts others without a shell needs none, and neither does"
    " its health check.",
    remedy="Use a base without a shell; or allow it: allow-shell in the policy, and shell among the"
    " tools in the spec's [run].",
    example="""\
# Faulty: the base for building is the base for running.
FROM debian:13
COPY server /app/server
CMD /app/server

# Cured: build where there is a shell, run where there is none.
FROM debian:13 AS build
COPY . /src
RUN make -C /src
FROM gcr.io/distroless/cc-debian13@sha256:...
COPY --from=build /src/server /app/server
ENTRYPOINT ["/app/server"]
""",
    references=("CIS Docker Benchmark 4.3", "NIST SP 800-190 4.1.2"),
)

SHELLS: Final = frozenset(
    {"ash", "bash", "busybox", "csh", "dash", "elvish", "fish", "ksh", "ksh93", "lksh", "mksh"}
    | {"nu", "pwsh", "rbash", "rksh", "sh", "tcsh", "toybox", "yash", "zsh"}
)
IDENTITIES: Final = frozenset(
    {"busybox", "toybox", "bash", "dash", "zsh", "ksh", "mksh", "fish", "pwsh"}
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Find shells, the multi-call programs that contain one, and shells under other names."""
    if not policy.allow_shell:
        yield from found(image, RULE, "a shell", SHELLS, IDENTITIES)
