"""IF229: names that templates use and nobody gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack import expressions
from imgforge.checks.stack.subject import Subject

RULE: Final = Rule(
    "IF229",
    Severity.HIGH,
    "A template uses a name that is not defined",
    why=(
        "Rendering stops at such a name, but only where the line is reached: a fault in a branch "
        "that no default takes waits for the first application that needs it. A parameter or a "
        "variable of a version that was renamed in one place and not in another is the usual case."
    ),
    remedy="Declare the parameter or the variable (in every version), or mend the name.",
    example="""\
{{ parameters.instaler }}
# better: as [parameters] calls it
{{ parameters.installer }}
""",
    references=("CWE-457", "imgforge docs/how-to/own-stack.md"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Look up every name, parameter and variable of every template."""
    from jinja2 import nodes
    from jinja2.defaults import DEFAULT_NAMESPACE

    definition = subject.stack.definition
    known = expressions.KNOWN | DEFAULT_NAMESPACE.keys() | {"caller", "super", "self", "loop"}
    # What one template of the folder imports or sets, its blocks and those that extend it see.
    known |= {name for tree in subject.trees.values() for name in expressions.bound(tree)}
    for name, tree in subject.trees.items():
        used = {n.name: n.lineno for n in tree.find_all(nodes.Name) if n.ctx == "load"}
        for unknown in sorted(used.keys() - known):
            message = f"{unknown} is not defined"
            line = used[unknown]
            yield RULE.finding(message, path=subject.path(name), line=line, key=unknown)
        for taken, line in expressions.members(tree, "parameters")[0]:
            if taken not in definition.parameters and taken not in {"get", "items", "keys"}:
                message = f"there is no parameter {taken}"
                yield RULE.finding(message, path=subject.path(name), line=line, key=taken)
        for taken, line in expressions.members(tree, "variables")[0]:
            lacking = [v for v, o in definition.versions.items() if taken not in o.variables]
            if lacking and taken not in {"get", "items", "keys"}:
                message = f"there is no variable {taken} in version {', '.join(lacking)}"
                yield RULE.finding(message, path=subject.path(name), line=line, key=taken)
