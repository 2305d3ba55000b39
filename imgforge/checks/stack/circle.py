"""IF232: templates that include each other in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.subject import Subject

RULE: Final = Rule(
    "IF232",
    Severity.HIGH,
    "Templates or blocks go round in a circle",
    why=(
        "A template that extends, includes or imports itself, over whichever others, never ends: "
        "rendering is stopped and the build fails. The same holds for a block that prints itself. "
        "Where the circle lies in a branch, only those are hit who choose it."
    ),
    remedy="Put what both need into a third template.",
    example="""\
{# a.j2 #}
{% include "b.j2" %}
{# b.j2 #}
{% include "a.j2" %}
""",
    references=("CWE-674", "CWE-835"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Follow extends, include and import from each template, and blocks that print themselves."""
    from jinja2 import nodes

    reported: set[frozenset[str]] = set()
    for name in sorted(subject.trees):
        ring = _ring(subject, name)
        if ring and frozenset(ring) not in reported:
            reported.add(frozenset(ring))
            message = f"{' → '.join(ring)}: this never ends".replace("→", "->")
            line = named(subject, name)[ring[1]]
            yield RULE.finding(message, path=subject.path(name), line=line, key=" ".join(ring))
        for block in subject.trees[name].find_all(nodes.Block):
            for call in block.find_all(nodes.Call):
                target = call.node
                if (
                    isinstance(target, nodes.Getattr)
                    and isinstance(target.node, nodes.Name)
                    and (target.node.name, target.attr) == ("self", block.name)
                ):
                    message = f"the block {block.name} prints itself"
                    yield RULE.finding(
                        message, path=subject.path(name), line=call.lineno, key=block.name
                    )


def named(subject: Subject, template: str) -> dict[str, int]:
    """Return the templates that one extends, includes or imports, with the line."""
    from jinja2 import nodes

    tree = subject.trees.get(template)
    if tree is None:
        return {}
    found: dict[str, int] = {}
    kinds = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)
    for node in tree.find_all(kinds):
        given = getattr(node, "template", None)
        if isinstance(given, nodes.Const):
            values = given.value if isinstance(given.value, tuple | list) else [given.value]
            found |= {str(v): node.lineno for v in values if v in subject.stack.templates}
    return found


def _ring(subject: Subject, start: str) -> list[str]:
    """Return the shortest way from a template back to itself, empty if there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for name in named(subject, way[-1]):
            if name == start:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
