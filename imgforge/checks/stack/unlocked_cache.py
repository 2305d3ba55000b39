"""IF227: caches that several builds write at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.subject import Subject

RULE: Final = Rule(
    "IF227",
    Severity.MEDIUM,
    "A cache is shared without a lock",
    why=(
        "The default of a cache mount is that every build that runs at the same time writes to the "
        "same folder. Few package managers expect that: a half-written file of one build is what "
        "the other installs, and such a fault comes and goes with the load of the machine."
    ),
    remedy="Name the folder in the macro: run(cache=[...]), or write sharing=locked.",
    example="""\
RUN --mount=type=cache,target=/root/.m2 mvn package
# better
{% call run(cache=["/root/.m2"]) %}
mvn --offline package
{% endcall %}
""",
    references=("Dockerfile reference, RUN --mount=type=cache", "CWE-362"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Judge every cache mount of every variant."""
    for rendered, declared, step in subject.steps():
        for mount in step.instruction.values("mount") if step.name == "RUN" else ():
            fields = dict(part.partition("=")[::2] for part in mount.split(","))
            if fields.get("type") == "cache" and fields.get("sharing") != "locked":
                target = fields.get("target") or fields.get("dst") or "?"
                path, line = subject.place(rendered, step.line)
                message = f"the cache {target} of stage {declared.name} has no sharing=locked"
                yield RULE.finding(message, path=path, line=line, key=f"{declared.name}:{target}")
