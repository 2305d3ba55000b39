"""IF084: the application's files are others than those beside the spec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import DIRECTORY, FILE, SYMLINK, FileFact, ImageFacts
from imgforge.checks.drift.expected import Expectation, Own
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule

RULE: Final = Rule(
    "IF084",
    Severity.HIGH,
    "The application's files are not those beside the spec",
    why="The files that a spec copies are known: they lie beside it and were reviewed with it. One"
    " that only the image has was put in afterwards. One that is missing or of another size means"
    " that the image was built from another state of the sources.",
    remedy="Check out the sources that the image was built from, or build it again from these.",
    example="# in the image, but not in the folder that app.source names:\n/app/notes/debug.py",
    references=("NIST SP 800-190 4.2.2", "NIST SP 800-53 CM-3", "SLSA v1 source track"),
)

_KINDS: Final = {FILE: "file", DIRECTORY: "directory", SYMLINK: "link"}


def check(image: ImageFacts, expected: Expectation) -> Iterator[Finding]:
    """Compare names, kinds, sizes and links below every place that is copied from the context.

    Contents of the same size are not told apart; the digest of a signed image does that.
    """
    own, base = expected.application, len(expected.base.layers)
    for path, fact in image.files.items():
        if path in own or path in expected.places or not _inside(path, expected):
            continue
        if fact.layer - base in expected.filled:
            continue  # made from the sources, such as bytecode beside them
        layer = image.layers[fact.layer].digest
        message = f"/{path} is not among the files that {expected.spec} copies"
        yield RULE.finding(message, path=path, layer=layer)
    for path, wanted in own.items():
        found = image.files.get(path)
        if found is None:
            message = f"/{path} is beside {expected.spec}, but not in the image"
            yield RULE.finding(message, path=path, key="missing", severity=Severity.MEDIUM)
        elif said := _difference(found, wanted):
            message = f"/{path} {said} beside {expected.spec}"
            layer = image.layers[found.layer].digest
            yield RULE.finding(message, path=path, layer=layer, key="differs")


def _inside(path: str, expected: Expectation) -> bool:
    """Whether the nearest of the places above ``path`` is one that is copied from the context."""
    while "/" in path:
        path = path.rpartition("/")[0]
        if path in expected.places:
            return path in expected.sources
    return False


def _difference(found: FileFact, wanted: Own) -> str:
    kind = _KINDS.get(found.kind, "special file")
    if kind != wanted.kind:
        return f"is a {kind} in the image, a {wanted.kind}"
    if kind == "file" and found.size != wanted.size:
        return f"has {found.size} bytes in the image, {wanted.size}"
    if kind == "link" and found.link != wanted.link:
        return f"leads to {found.link} in the image, to {wanted.link}"
    return ""
