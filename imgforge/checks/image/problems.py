"""Turning the problems that analysis recorded into findings."""

from __future__ import annotations

from collections.abc import Iterator

from imgforge.analysis.facts import ImageFacts, Problem
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule


def findings(
    image: ImageFacts, rule: Rule, kinds: frozenset[str], severity: Severity | None = None
) -> Iterator[Finding]:
    """Yield a finding of ``rule`` for each problem of these kinds, of a layer or the image."""
    for digest, problem in _problems(image):
        if problem.kind in kinds:
            message = f"/{problem.path}: {problem.detail}" if problem.path else problem.detail
            key = f"{problem.kind}:{problem.detail}"
            yield rule.finding(message, path=problem.path, layer=digest, key=key, severity=severity)


def _problems(image: ImageFacts) -> Iterator[tuple[str, Problem]]:
    for layer in image.layers:
        for problem in layer.problems:
            yield layer.digest, problem
    for index, problem in image.problems:
        yield image.layers[index].digest if index >= 0 else "", problem
