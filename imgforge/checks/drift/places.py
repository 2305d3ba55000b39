"""IF081: files where the spec puts none, and places that stayed empty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import DIRECTORY, FileFact, ImageFacts
from imgforge.checks.drift.expected import Expectation
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule

RULE: Final = Rule(
    "IF081",
    Severity.HIGH,
    "Files are not where the spec puts them",
    why="A spec says into which places files are copied; all else comes from the pinned base. A "
    "file elsewhere, or one of the base that was replaced or deleted, was put there by something "
    "that nobody reviewed: a step by hand, a changed base, or an intruder.",
    remedy="Build the image again from its spec; put what is really needed into the spec's places.",
    example="# in the image, but copied by nothing in the spec:\n/usr/local/bin/helper",
    references=("NIST SP 800-190 4.2.2", "NIST SP 800-53 CM-3"),
)


def check(image: ImageFacts, expected: Expectation) -> Iterator[Finding]:
    """Compare the final file system with the base's outside the places, and the reverse."""
    base, places = expected.base, expected.places
    if "" not in places:
        strays = _strays(image, expected)
        folders = {parent for path in strays for parent in _parents(path)}
        for path in sorted(strays - folders):
            said = (
                "is not the base's own" if path in base.files else "is not in the spec or its base"
            )
            layer = image.layers[image.files[path].layer].digest
            yield RULE.finding(f"/{path} {said}", path=path, layer=layer)
        for path in sorted(base.files.keys() - image.files.keys()):
            message = f"/{path} of the base was deleted"
            yield RULE.finding(message, path=path, key="deleted", severity=Severity.MEDIUM)
    for place in places:
        if place and place not in image.files:
            message = f"/{place}, into which the spec copies, does not exist"
            yield RULE.finding(message, path=place, key="missing")


def _strays(image: ImageFacts, expected: Expectation) -> set[str]:
    """Return the paths that are neither in a place nor as the base has them."""
    base, places = expected.base, frozenset(expected.places)
    inside = tuple(f"{place}/" for place in places)
    above = {"", *(parent for place in places for parent in _parents(place))}
    shared = len(base.layers) if _built_on(image, base) else 0
    strays = set()
    for path, fact in image.files.items():
        if fact.layer < shared or path in places or path.startswith(inside):
            continue
        was = base.files.get(path)
        folder = path in above and fact.kind == DIRECTORY
        if not folder and (was is None or shared or not _alike(was, fact)):
            strays.add(path)
    return strays


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _built_on(image: ImageFacts, base: ImageFacts) -> bool:
    own = [layer.diff_id for layer in image.layers]
    below = [layer.diff_id for layer in base.layers]
    return own[: len(below)] == below


def _alike(one: FileFact, other: FileFact) -> bool:
    """Whether two files agree in all that is known of them but their layer."""
    return one._replace(layer=0, origin="") == other._replace(layer=0, origin="")
