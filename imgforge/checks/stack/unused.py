"""IF230: what a stack declares and never uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack import expressions
from imgforge.checks.stack.circle import named
from imgforge.checks.stack.subject import Subject
from imgforge.stack import alternatives

RULE: Final = Rule(
    "IF230",
    Severity.MEDIUM,
    "The stack declares what it never uses",
    why=(
        "A parameter that changes nothing is a promise that is not kept: a spec sets it, nobody "
        "complains, and the image is as before. A template or a variable that nothing uses is read "
        "and changed by the next one who mends the stack, without any effect."
    ),
    remedy="Use it, or remove it (and say so in the changelog: removing a parameter breaks specs).",
    example="""\
[parameters.minify] # no template and no `when` names it
type = "boolean"
""",
    references=("CWE-1164", "imgforge docs/how-to/own-stack.md"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Compare what is declared with what templates, conditions and one-line texts name."""
    if subject.broken:
        return  # what is used cannot be told
    yield from _parameters(subject)
    yield from _variables(subject)
    used = {stage.template for _, stage in subject.stages()}
    used |= {name for _, stage in subject.stages() for name in stage.files.values()}
    while more := {n for t in used for n in named(subject, t)} - used:
        used |= more
    for name in sorted(subject.stack.templates.keys() - used):
        message = f"no stage uses the template {name}"
        yield RULE.finding(message, path=subject.path(name), line=1, key=name)


def _parameters(subject: Subject) -> Iterator[Finding]:
    if any(stage.prepared for _, stage in subject.stages()):
        return  # what prepares is given them all
    used: set[str] = set()
    for tree in subject.trees.values():
        found, others = expressions.members(tree, "parameters")
        used |= {name for name, _ in found}
        if others:
            return
    definition = subject.stack.definition
    whens = [when for stage in definition.stages for when in alternatives(stage)]
    whens += [stage.native.when for stage in definition.stages if stage.native]
    whens += [s.compiles for s in definition.stages if isinstance(s.compiles, dict)]
    whens += [variant.when for variant in definition.variants]
    used |= {name for when in whens for name in when}
    used |= {n for s in definition.stages for n in (*s.inputs_from, *s.sources_from)}
    # One-line texts: entrypoint, command, environment, health check.
    texts = str([definition.runtime, *definition.variants, *definition.stages])
    for name in definition.parameters.keys() - used:
        if re.search(rf"parameters(?:\.|\[.?['\"]){re.escape(name)}\b", texts):
            continue
        path, line = subject.toml("parameters", name)
        yield RULE.finding(f"nothing uses the parameter {name}", path=path, line=line, key=name)


def _variables(subject: Subject) -> Iterator[Finding]:
    definition = subject.stack.definition
    if any(stage.native for stage in definition.stages):
        return  # the native engine is given them all
    used: set[str] = set()
    for tree in subject.trees.values():
        found, others = expressions.members(tree, "variables")
        used |= {name for name, _ in found}
        if others:
            return
    texts = str([definition.runtime, *definition.variants, *definition.stages])
    names = {n: v for v, offer in definition.versions.items() for n in offer.variables}
    for name, version in sorted(names.items()):
        if name not in used and f"variables.{name}" not in texts:
            path, line = subject.toml("versions", version, "variables")
            yield RULE.finding(f"nothing uses the variable {name}", path=path, line=line, key=name)
