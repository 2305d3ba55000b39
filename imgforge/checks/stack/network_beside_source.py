"""IF224: the application's own source in a step that reaches the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.subject import Subject

RULE: Final = Rule(
    "IF224",
    Severity.MEDIUM,
    "A step that builds the application reaches the network",
    why=(
        "What such a step builds depends on more than the lock pins: build scripts may fetch what "
        "they like, so the image is another one tomorrow, and code of a dependency that runs there "
        "may send the source and the build's secrets away. A stage that only installs what is "
        "locked needs the network; the one that builds with it does not."
    ),
    remedy=(
        "Install in a stage with network = true from the manifests alone, and copy the result "
        "into a stage without it that has the sources."
    ),
    example="""\
[[stages]]
name = "dependencies"
network = true
[[stages]]
name = "build" # copies the sources, and what dependencies has
""",
    references=("SLSA v1.0 isolated", "CWE-829", "imgforge docs/how-to/own-stack.md"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Look for COPY of the context's sources in stages that declare network."""
    for rendered, declared, step in subject.steps():
        if not declared.network or step.name != "COPY" or step.instruction.flag("from"):
            continue
        if any(word.strip("./") == "src" for word in step.args[:-1]):
            path, line = subject.place(rendered, step.line)
            text = subject.stack.templates[declared.template]
            if (at := text.rfind("copy_sources")) >= 0:  # the macro writes it
                path = subject.path(declared.template)
                line = text.count("\n", 0, at) + 1
            message = f"stage {declared.name} has network = true and copies the sources"
            yield RULE.finding(message, path=path, line=line, key=declared.name)
