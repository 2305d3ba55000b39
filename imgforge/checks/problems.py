"""Turning the problems that analysis recorded into findings."""

from __future__ import annotations

from collections.abc import Iterator

from imgforge.analysis.facts import ImageFacts, Problem


def problems(image: ImageFacts, kinds: frozenset[str]) -> Iterator[tuple[str, str, Problem]]:
    """Yield (layer digest or empty, key, problem) for each problem of these kinds."""
    for layer in image.layers:
        for problem in layer.problems:
            if problem.kind in kinds:
                yield layer.digest, f"{problem.kind}:{problem.detail}", problem
    for index, problem in image.problems:
        if problem.kind in kinds:
            layer_digest = image.layers[index].digest if index >= 0 else ""
            yield layer_digest, f"{problem.kind}:{problem.detail}", problem
