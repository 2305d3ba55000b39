"""The packages that a few named ones need: a small, deterministic dependency closure.

Pre-Depends and Depends are followed, Recommends are not. It never backtracks: a distribution's own
packages fit each other, and where they do not, an error is better than a guess.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from imgforge.bases.index import Candidate, Index, Relation
from imgforge.errors import InvalidInputError, RegistryError

_REQUESTED = "the base's definition"


def close(
    index: Index, wanted: Iterable[str], *, below: Iterable[Candidate], exclude: Collection[str]
) -> tuple[Candidate, ...]:
    """Return ``wanted`` and what they need, without what the layers ``below`` hold; by name.

    A name in ``exclude`` is taken only if it is wanted itself: alternatives are used in its place,
    and a dependency that leaves none is dropped. Raises InvalidInputError if a wanted package does
    not exist, RegistryError if a dependency cannot be satisfied or two packages conflict.
    """
    lower = {c.package.name: c for c in below}
    chosen = dict(lower)
    requested = sorted(set(wanted))
    barred = set(exclude) - set(requested)
    queue: deque[tuple[tuple[Relation, ...], str]] = deque(
        ((Relation(name),), _REQUESTED) for name in requested
    )
    while queue:
        alternatives, by = queue.popleft()
        if any(c.fulfils(relation) for relation in alternatives for c in chosen.values()):
            continue
        allowed = [r for r in alternatives if r.name not in barred]
        if not allowed:
            continue
        pick = next((p for r in allowed if (p := _pick(index, r, barred))), None)
        if pick is None:
            raise _unsatisfiable(alternatives, by)
        name = pick.package.name
        if name in chosen:
            raise RegistryError(
                f"{by} needs {_spell(alternatives)}, but {name} {chosen[name].package.version} "
                "was taken already"
            )
        chosen[name] = pick
        queue.extend((group, name) for group in pick.depends)
    _refuse_conflicts(chosen.values())
    return tuple(c for n, c in sorted(chosen.items()) if n not in lower)


def _pick(index: Index, relation: Relation, barred: Collection[str]) -> Candidate | None:
    for candidate in index.named(relation.name):
        if candidate.fulfils(relation):
            return candidate
    for candidate in index.providing(relation.name):
        if candidate.fulfils(relation) and candidate.package.name not in barred:
            return candidate
    return None


def _unsatisfiable(alternatives: tuple[Relation, ...], by: str) -> Exception:
    if by == _REQUESTED:
        return InvalidInputError(f"there is no package {alternatives[0].name}")
    return RegistryError(
        f"{by} needs {_spell(alternatives)}, which nothing in the archive satisfies"
    )


def _refuse_conflicts(chosen: Collection[Candidate]) -> None:
    for candidate in chosen:
        for relation in candidate.conflicts:
            for other in chosen:
                if other is not candidate and other.fulfils(relation):
                    raise RegistryError(
                        f"{candidate.package.name} conflicts with {other.package.name} ({relation})"
                    )


def _spell(alternatives: tuple[Relation, ...]) -> str:
    return " | ".join(map(str, alternatives))
