"""Whether an image could be built again from what its provenance says: what pins it, what not.

It is about what is said, and about this machine's imgforge; what is said may still be gone
(:mod:`imgforge.rebuild` tries).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from imgforge import __version__, bases, stack
from imgforge.errors import InvalidInputError
from imgforge.oci.layer import ENCODER
from imgforge.provenance.shared import BASE_BUILD_TYPE, BUILD_TYPE
from imgforge.provenance.told import Material, Told
from imgforge.verify.conditions.shown import at, shown

State = Literal["pinned", "open", "needs"]
PINNED: Final[State] = "pinned"
OPEN: Final[State] = "open"
"""Nothing says which it was: another build may take another."""
NEEDS: Final[State] = "needs"
"""It is known, and whoever builds again has to have it."""

_SHORT: Final = 19
_LOCAL: Final = "oci:imgforge/"


class Point(NamedTuple):
    """One thing that decides what is built, and whether it is said which it was."""

    state: State
    what: str
    said: str


def points(told: Told) -> list[Point]:
    """Return everything that decides the build, in the order in which it goes in."""
    if told.build_type == BUILD_TYPE:
        return [*_source(told), *_files(told), *_bases(told), *_how(told)]
    if told.build_type == BASE_BUILD_TYPE:
        return [*_all(told), *_definition(told), *_tools(told)]
    unknown = f"{shown(told.build_type)} is not imgforge's, and may depend on more than it says"
    return [*_all(told), Point(OPEN, "build type", unknown)]


def _source(told: Told) -> Iterator[Point]:
    sources = told.named("source")
    if len(sources) != 1:
        said = "no commit is recorded" if not sources else "there are several"
        yield Point(OPEN, "source", f"{said}: nothing says where its files are")
        return
    (source,) = sources
    dirty = source.annotations.get("dirty")
    if not source.digest:
        yield Point(OPEN, "source", "it names no commit")
    elif dirty is not False:
        what = "it was changed since" if dirty is True else "nobody knows whether it was changed"
        yield Point(OPEN, "source", f"commit {_bare(source)}, and {what}")
    elif not source.uri:
        said = f"commit {_bare(source)} of a repository that is not named: give --from"
        yield Point(NEEDS, "source", said)
    else:
        yield Point(PINNED, "source", f"commit {_bare(source)} of {shown(source.uri)}, unchanged")


def _files(told: Told) -> Iterator[Point]:
    for role in ("spec", "lock", "context"):
        found = told.named(role)
        if len(found) == 1 and found[0].digest:
            yield Point(PINNED, role, found[0].digest)
        else:
            yield Point(OPEN, role, "there is no digest of it")
    indexes = [m for m in told.materials if m.uri.startswith("file:dists/")]
    if indexes:
        said = f"{len(indexes)} suites by their InRelease; each package by the lock"
        yield _every(indexes, "package indexes", said)
    named = {"spec", "lock", "context", "policy", "source"}
    others = [
        m
        for m in told.materials
        if m.uri.startswith("file:") and m.name not in named and m not in indexes
    ]
    if others:
        yield _every(others, "files", ", ".join(shown(m.uri) for m in others))


def _bases(told: Told) -> Iterator[Point]:
    found = [m for m in told.materials if m.uri.startswith("oci:")]
    if not found:
        yield Point(OPEN, "base", "none is named")
    for base in found:
        what = f"base {base.name or shown(base.uri)}"
        flat = base.annotations.get("flattened")
        digest = flat if isinstance(flat, str) else base.digest
        if not base.digest:
            yield Point(OPEN, what, "there is no digest of it")
            continue
        yield Point(PINNED, what, base.digest)
        if not digest.startswith("sha256:") or bases.held(digest) is None:
            made = base.uri.startswith(_LOCAL)
            where = "made of the lock's packages" if made else "fetched from its registry"
            yield Point(NEEDS, what, f"it is not in the cache here: it is {where}")


def _how(told: Told) -> Iterator[Point]:
    yield from _stack(told)
    for what in ("plan", "dockerfile"):
        digest = f"sha256:{told.detail(what, 'sha256')}"
        state = PINNED if len(digest) == _WHOLE else OPEN
        yield Point(state, what, digest if state == PINNED else "there is no digest of it")
    if type(told.internal.get("sourceDateEpoch")) is int:
        yield Point(PINNED, "time", f"{told.internal['sourceDateEpoch']} seconds since 1970")
    else:
        yield Point(OPEN, "time", "it is not said")
    engine = told.detail("engine")
    if not engine:
        yield Point(OPEN, "engine", "it is not said")
    elif engine == "native":
        yield Point(PINNED, "engine", "native: nothing ran")
    else:
        said = f"{engine}: what its steps fetch is pinned only by the locks that they read"
        yield Point(NEEDS, "engine", said)
    yield from _tools(told)
    secrets = told.texts("secrets")
    if secrets:
        names = ", ".join(shown(name) for name in secrets)
        yield Point(NEEDS, "secrets", f"{names}: their values are nowhere recorded")


_WHOLE: Final = len("sha256:") + 64


def _stack(told: Told) -> Iterator[Point]:
    name = told.parameter("stack", "name")
    digest = f"sha256:{told.parameter('stack', 'digest', 'sha256')}"
    if not name or len(digest) != _WHOLE:
        yield Point(OPEN, "stack", "there is no digest of it")
        return
    yield Point(PINNED, "stack", f"{shown(name)} {digest}")
    if outside := told.named("stack"):
        catalog = shown(str(outside[0].annotations.get("catalog", "")))
        if not outside[0].uri:
            yield Point(NEEDS, "stack", f"a machine that has the catalog {catalog}")
        return
    try:
        here = stack.load(name.partition("@")[0]).digest
    except InvalidInputError:
        here = ""
    if here != digest:
        yield Point(NEEDS, "stack", f"the imgforge that built it: {_other(here)}")


def _other(here: str) -> str:
    return f"this one has {here[:_SHORT]}" if here else "this one has none of that name"


def _tools(told: Told) -> Iterator[Point]:
    version = told.versions.get("imgforge", "")
    if not version:
        yield Point(OPEN, "imgforge", "its version is not said")
        return
    others = ", ".join(f"{n} {v}" for n, v in told.versions.items() if n != "imgforge")
    said = f"{version}" + (f", with {others}" if others else "")
    yield Point(PINNED, "imgforge", shown(said).strip("'"))
    if version != __version__:
        yield Point(NEEDS, "imgforge", f"version {shown(version)}; this one is {__version__}")
    encoder = told.detail("encoder")
    if not encoder:
        yield Point(OPEN, "layers", "how they were compressed is not said")
    elif encoder != ENCODER:
        said = f"the encoder {shown(encoder)}; this imgforge has {ENCODER}"
        yield Point(NEEDS, "layers", said)
    else:
        yield Point(PINNED, "layers", encoder)


def _definition(told: Told) -> Iterator[Point]:
    digest = f"sha256:{at(told.internal, 'definition', 'sha256')}"
    state = PINNED if len(digest) == _WHOLE else OPEN
    yield Point(state, "definition", digest if state == PINNED else "there is no digest of it")


def _all(told: Told) -> Iterator[Point]:
    """Yield whether every material is pinned; that there is none says nothing of what went in."""
    if not told.materials:
        yield Point(OPEN, "materials", "none is named")
        return
    loose = [m for m in told.materials if not m.digest]
    for material in loose:
        yield Point(OPEN, shown(material.uri or material.name), "there is no digest of it")
    if not loose:
        yield Point(PINNED, "materials", f"all {len(told.materials)} by digest")


def _every(found: list[Material], what: str, said: str) -> Point:
    loose = [m for m in found if not m.digest]
    if loose:
        return Point(OPEN, what, f"there is no digest of {shown(loose[0].uri)}")
    return Point(PINNED, what, said)


def _bare(material: Material) -> str:
    return material.digest.partition(":")[2]
