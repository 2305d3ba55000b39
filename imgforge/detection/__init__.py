"""Detection: which stack a project may be built with, and what its spec would say.

Manifests are read as data; nothing of the project is run. To add a language, write a module with
``look(tree, folder)`` and name it in ``_LOOKS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from imgforge.detection import files, go, hints, java, node, pages, php, python, ruby, rust
from imgforge.detection.candidate import Candidate, Evidence
from imgforge.detection.tree import Folder, Tree, walk
from imgforge.errors import InvalidInputError
from imgforge.files import SPEC

_LOOKS: Final[tuple[Callable[[Tree, Folder], Candidate | None], ...]] = (
    *(python.look, node.look, java.look, go.look, rust.look, ruby.look, php.look, pages.look),
    *(files.site, files.program),
)
_MANIFESTS: Final = {
    "pyproject.toml": "python",
    "requirements.txt": "python",
    "package.json": "node",
    "pom.xml": "java",
    "build.gradle": "java",
    "build.gradle.kts": "java",
    "go.mod": "go",
    "Cargo.toml": "rust",
    "Gemfile": "ruby",
    "composer.json": "php",
}
"""What says that a folder below the one that was asked for is a project."""

_LONELY: Final = {
    ".py": "requirements.txt",
    ".js": "package.json",
    ".go": "go.mod",
    ".rs": "Cargo.toml",
    ".rb": "Gemfile",
}
"""What sources at the top lack if nothing else says that they are a project."""

_MOST: Final = 50


def candidates(root: Path) -> tuple[Tree, list[Candidate]]:
    """Return the files of ``root``, and what its top may be built with: the best first.

    InvalidInputError if it is no folder that can be read.
    """
    tree = walk(root)
    top = tree.folder("")
    found = [candidate for look in _LOOKS if (candidate := look(tree, top)) is not None]
    found.sort(key=lambda candidate: -candidate.weight)
    return tree, _preferred(tree, found)


def _preferred(tree: Tree, found: list[Candidate]) -> list[Candidate]:
    """Let the base of a Dockerfile decide between candidates that fit equally well."""
    if len(found) < 2 or len(ties(found)) < 2:  # noqa: PLR2004 - a choice
        return found
    from imgforge.importing.origin import guessed, origin

    image = hints.base(tree, "")
    said = (origin(image) or guessed(image)) if image else None
    first = next((c for c in ties(found) if said is not None and c.stack == said.stack), None)
    if first is None:
        return found
    seen = Evidence("Dockerfile", f"FROM {image}")
    first_ = replace(first, weight=first.weight + 1, evidence=(*first.evidence, seen))
    return [first_, *(c for c in found if c is not first)]


def elsewhere(tree: Tree) -> list[tuple[str, str]]:
    """Return folders below the top that are projects of their own, each with its stack."""
    found = {
        (path, _MANIFESTS[name])
        for path, folder in tree.folders.items()
        if path
        for name in folder.files & _MANIFESTS.keys()
    }
    return sorted(found)[:_MOST]


def best(tree: Tree, found: Sequence[Candidate], stack: str | None) -> Candidate:
    """Return the candidate for ``stack``, or the one that is clearly the best.

    InvalidInputError lists the choices if nothing fits, or several fit equally well.
    """
    if stack is not None:
        chosen = next((c for c in found if c.stack == stack), None)
        if chosen is None:
            raise InvalidInputError(
                f"nothing here speaks for the stack {stack!r}",
                details=[f"{c.stack}: {said(c)}" for c in found],
                hint=f"imgforge stack show {stack} prints an {SPEC} to begin with",
            )
        return chosen
    if not found:
        others = [f"imgforge init {tree.root / path}: {name}" for path, name in elsewhere(tree)]
        others += [
            f"{ending[1:]} files, but no {manifest}: make one (it may be empty of dependencies)"
            for ending, manifest in _LONELY.items()
            if any(name.endswith(ending) for name in tree.folder("").files)
        ]
        raise InvalidInputError(
            f"{tree.root} holds nothing that a stack is known for",
            details=others,
            hint="name one of these folders"
            if elsewhere(tree)
            else "make what is missing, then: imgforge init"
            if others
            else "a program, a jar or pages that must be made: make them first; or begin with "
            "imgforge stack list and imgforge stack show NAME",
        )
    if len(equal := ties(found)) > 1:
        raise InvalidInputError(
            f"{len(equal)} stacks fit equally well",
            details=[f"{c.stack}: {said(c)}" for c in equal],
            hint=f"choose one: --stack {equal[0].stack}",
        )
    return found[0]


def ties(found: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates for which as much speaks as for the first."""
    return [c for c in found if c.weight == found[0].weight]


def said(candidate: Candidate) -> str:
    """Return in a line what speaks for a candidate."""
    return "; ".join(f"{e.file} ({e.says})" for e in candidate.evidence)
