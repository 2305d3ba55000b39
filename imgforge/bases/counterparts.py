"""Build-time counterparts: what compiling against a library's package takes besides it.

Debian's rule (policy 8.4): the headers of ``libpq5`` are in a ``-dev`` package of the same source,
which depends on it. What depends on another such package only gathers it and is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from imgforge.bases.index import Candidate, Index
from imgforge.errors import InvalidInputError

_HINT = "name what the builder needs: [stack] build-packages"


def of(index: Index, libraries: Iterable[str], named: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of the ``-dev`` packages that belong to ``libraries``, sorted.

    Where one of the packages ``named`` needs a library, that is its counterpart, and no other is
    looked for. A package that is no library (its name does not begin with ``lib``) may have none.
    InvalidInputError if there is no such library, if it has no counterpart, or several that cannot
    be installed together.
    """
    found: set[str] = set()
    for library in libraries:
        runtime = _runtime(index, library)
        if any(_needs(c, runtime) for name in named for c in index.named(name)[:1]):
            continue
        picked = _topmost([c for c in index.needing(runtime.package.name) if _is(c, runtime)])
        if not picked and library.startswith("lib"):
            raise InvalidInputError(
                f"nothing in the archive says what compiling against {library} takes", hint=_HINT
            )
        names = [candidate.package.name for candidate in picked]
        if any(a.fulfils(r) for a in picked for b in picked if a is not b for r in b.conflicts):
            raise InvalidInputError(
                f"compiling against {library} takes one of {', '.join(names)}", hint=_HINT
            )
        found.update(names)
    return tuple(sorted(found))


def _runtime(index: Index, name: str) -> Candidate:
    """Return the newest package called ``name``, or that provides it."""
    candidates = index.named(name) or index.providing(name)
    if not candidates:
        raise InvalidInputError(f"there is no package {name}", hint="[stack] packages names it")
    return candidates[0]


def _is(candidate: Candidate, runtime: Candidate) -> bool:
    own = candidate.package
    return own.name.endswith("-dev") and own.source == runtime.package.source


def _needs(candidate: Candidate, runtime: Candidate) -> bool:
    return any(runtime.fulfils(r) for group in candidate.depends for r in group)


def _topmost(candidates: Collection[Candidate]) -> list[Candidate]:
    """Leave out those that need another one of them."""
    names = {c.package.name for c in candidates}

    def needs_another(candidate: Candidate) -> bool:
        others = names - {candidate.package.name}
        return any(r.name in others for group in candidate.depends for r in group)

    kept = [c for c in candidates if not needs_another(c)]
    return sorted(kept, key=lambda c: c.package.name)
