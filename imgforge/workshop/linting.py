"""The story of a lint: read a stack, render every variant, judge all of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from imgforge import tomlfile
from imgforge.checks import Finding, judged
from imgforge.checks import dockerfile as rules
from imgforge.checks import stack as checks
from imgforge.checks.dockerfile import copied_image
from imgforge.checks.dockerfile.subject import subject as read_commands
from imgforge.checks.stack.subject import Rendered, Subject
from imgforge.dockerfile import hadolint
from imgforge.dockerfile.stages import parse
from imgforge.policy.bounds import Policy
from imgforge.prepared import CONTEXT
from imgforge.report import subject as reports
from imgforge.report.subject import Report
from imgforge.stack import FILE, LoadedStack
from imgforge.workshop import found, variants
from imgforge.workshop.variants import Failed, Variant

Say = Callable[[str], None]

_ROUND = 8
"""Variants after which progress is said: a second's work or two."""


def lint(folder: Path, policy: Policy, say: Say) -> Report:
    """Judge the stack in ``folder``; InvalidInputError if its stack.toml cannot be read."""
    stack = found.open_folder(folder)
    subject = read(stack, folder, say)
    findings = [*checks.run(subject), *_dockerfiles(subject, policy, say)]
    once = {(f.check, f.path, f.line, f.key or f.message): f for f in findings}
    ordered = sorted(once.values(), key=lambda f: (f.path, f.line, -f.severity, f.check))
    return reports.of(
        str(folder), policy, dockerfile=[judged(finding, policy) for finding in ordered]
    )


def read(stack: LoadedStack, folder: Path, say: Say) -> Subject:
    """Render every variant of ``stack`` and read what the rules look at."""
    import jinja2

    trees, broken = {}, {}
    for name, text in stack.templates.items():
        try:
            trees[name] = jinja2.Environment(autoescape=False).parse(text)  # noqa: S701 - as stages are
        except jinja2.TemplateSyntaxError as error:
            broken[name] = (error.lineno, error.message or "is no template")
        except RecursionError:
            broken[name] = (1, "is nested too deeply")
    data, _ = tomlfile.read(folder / FILE)
    rendered, failed = [], []
    for variant in variants.every(stack):
        if isinstance(variant, Failed):
            failed.append(variant)
        else:
            rendered.append(_rendered(variant))
    say(f"{len(rendered)} variants rendered")
    return Subject(
        stack,
        folder,
        str(folder),
        tomlfile.Lines(data),
        trees,
        broken,
        tuple(rendered),
        tuple(failed),
    )


def _rendered(variant: Variant) -> Rendered:
    file = parse(variant.dockerfile.encode(), variant.label)
    return Rendered(variant, read_commands(file, None))


def _of_the_house(finding: Finding) -> bool:
    """Whether a finding is about how imgforge itself writes steps, not about the stack.

    Each step is a shell of its own, which may change its folder (hadolint's DL3003); what imgforge
    prepares for a stage is a context, no image (IF123).
    """
    return finding.check == "DL3003" or (
        finding.check == copied_image.RULE.id and finding.key == CONTEXT
    )


def _dockerfiles(subject: Subject, policy: Policy, say: Say) -> Iterator[Finding]:
    """Judge every variant as any Dockerfile, with hadolint where it is installed."""
    asks = hadolint.installed()
    if not asks:
        say("hadolint is not installed: what it says of style is left out")
    with tempfile.TemporaryDirectory(prefix="imgforge-lint-") as scratch:
        path = Path(scratch) / "Dockerfile"
        for number, rendered in enumerate(subject.variants, 1):
            if number % _ROUND == 0:
                say(f"{number} of {len(subject.variants)} variants judged")
            data = rendered.variant.dockerfile.encode()
            ours = rules.run(rendered.file.file, policy)
            if asks:
                path.write_bytes(data)
                ours = hadolint.merged(ours, hadolint.run(path), rules.RULES, data)
            for finding in ours:
                # The runtime half is imgforge's, and what it lacks the spec says.
                if 0 < finding.line < rendered.last and not _of_the_house(finding):
                    place, line = subject.place(rendered, finding.line)
                    yield replace(
                        finding,
                        path=place,
                        line=line,
                        message=f"{finding.message} (with {rendered.variant.label})",
                        key=finding.key or finding.message,
                    )
