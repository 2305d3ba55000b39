"""SLSA provenance v1 and v0.2 (slsa.dev/spec), whoever wrote it, as plain data.

A predicate may be hostile, signed or not: what is missing or of another type is left out, and
nothing that stands in one is believed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from imgforge.errors import EvidenceError
from imgforge.signing.statement import PROVENANCE, PROVENANCES
from imgforge.verify.conditions.shown import Unreadable, at, items, text, word

MAX_MATERIALS: Final = 20_000
_STRONG: Final = {
    "sha256": re.compile(r"[0-9a-f]{64}"),
    "sha384": re.compile(r"[0-9a-f]{96}"),
    "sha512": re.compile(r"[0-9a-f]{128}"),
    "gitCommit": re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?"),
}
"""Digests that pin something, in the spelling of in-toto's DigestSet."""


@dataclass(frozen=True, slots=True)
class Material:
    """Something that went in (or came of it): ``name`` and ``uri`` may be empty."""

    uri: str
    name: str
    digests: Mapping[str, str]
    annotations: Mapping[str, object]

    @property
    def digest(self) -> str:
        """The digest that pins it, with its algorithm (``sha256:…``), or empty.

        A ``sha1`` counts only beside a repository, where it is how v0.2 writes a commit.
        """
        for algorithm, form in _STRONG.items():
            found = self.digests.get(algorithm, "")
            if form.fullmatch(found):
                return f"{algorithm}:{found}"
        found = self.digests.get("sha1", "")
        is_commit = self.uri.startswith(("git+", "git:")) and _STRONG["gitCommit"].fullmatch(found)
        return f"gitCommit:{found}" if is_commit else ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a predicate says. ``versions`` are the builder's tools; times are as it writes them."""

    build_type: str
    builder: str
    versions: Mapping[str, str]
    invocation: str
    started: str
    finished: str
    parameters: Mapping[str, Any]
    internal: Mapping[str, Any]
    materials: tuple[Material, ...]
    byproducts: tuple[Material, ...] = ()

    def named(self, name: str) -> list[Material]:
        """Return the materials of this name."""
        return [material for material in self.materials if material.name == name]

    def parameter(self, *path: str) -> str:
        """Return a text among the external parameters, or an empty one."""
        return word(self.parameters, *path)

    def detail(self, *path: str) -> str:
        """Return a text among the internal parameters, or an empty one."""
        return word(self.internal, *path)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a list among the external parameters."""
        found = self.parameters.get(name)
        return tuple(t for t in found if isinstance(t, str)) if isinstance(found, list) else ()


def read(kind: str, predicate: object) -> Told:
    """Return what a predicate of the type ``kind`` says; EvidenceError if it is no provenance."""
    if kind not in PROVENANCES:
        raise EvidenceError(f"{kind[:200]!a} is no type of SLSA provenance that is read here")
    try:
        return _v1(predicate) if kind == PROVENANCE else _v02(predicate)
    except Unreadable as error:
        raise EvidenceError(f"the provenance is none: {error}") from error


def _v1(predicate: object) -> Told:
    definition, run = at(predicate, "buildDefinition"), at(predicate, "runDetails")
    return Told(
        build_type=text(predicate, "buildDefinition", "buildType"),
        builder=text(predicate, "runDetails", "builder", "id"),
        versions=_words(at(run, "builder", "version")),
        invocation=word(run, "metadata", "invocationId"),
        started=word(run, "metadata", "startedOn"),
        finished=word(run, "metadata", "finishedOn"),
        parameters=_table(at(definition, "externalParameters")),
        internal=_table(at(definition, "internalParameters")),
        materials=_materials(definition, "resolvedDependencies"),
        byproducts=_materials(run, "byproducts"),
    )


def _v02(predicate: object) -> Told:
    return Told(
        build_type=text(predicate, "buildType"),
        builder=text(predicate, "builder", "id"),
        versions={},
        invocation=word(predicate, "metadata", "buildInvocationId"),
        started=word(predicate, "metadata", "buildStartedOn"),
        finished=word(predicate, "metadata", "buildFinishedOn"),
        parameters=_table(at(predicate, "invocation")),
        internal=_table(at(predicate, "buildConfig")),
        materials=_materials(predicate, "materials"),
    )


def _materials(value: object, name: str) -> tuple[Material, ...]:
    if at(value, name) is None:
        return ()
    found: Sequence[object] = items(value, name)
    if len(found) > MAX_MATERIALS:
        raise Unreadable(f"{name}: there are over {MAX_MATERIALS}")
    return tuple(
        Material(
            word(each, "uri"),
            word(each, "name"),
            _words(at(each, "digest")),
            _table(at(each, "annotations")),
        )
        for each in found
    )


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(value: object) -> Mapping[str, str]:
    return {key: each for key, each in _table(value).items() if isinstance(each, str)}
