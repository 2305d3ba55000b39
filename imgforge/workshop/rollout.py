"""What another version of a stack would do to each spec that uses it, before anybody has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imgforge import spec as specs
from imgforge.catalogs.choosing import Wanted
from imgforge.errors import ImgforgeError
from imgforge.stack import LoadedStack
from imgforge.workshop import census, difference, found
from imgforge.workshop.census import How, Shelf, Use
from imgforge.workshop.difference import RefusedError


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of a spec; at most one of these is not empty.

    ``diff`` is the unified diff of its Dockerfiles, ``breaks`` why the other version cannot build
    it, ``unknown`` why the two cannot be compared.
    """

    diff: str = ""
    breaks: str = ""
    unknown: str = ""


def to_json(effect: Effect | None) -> dict[str, Any]:
    """Return an effect as ``--format json`` shows it; None where nothing was compared."""
    effect = effect or Effect()
    return {
        "diff": effect.diff or None,
        "breaks": effect.breaks or None,
        "uncompared": effect.unknown or None,
    }


def effects(uses: Sequence[Use], how: How, instead: str | None) -> dict[str, Effect]:
    """Return what becomes of each spec, by path: none of those that are broken already.

    With the newest version of its stack, or with the one that ``instead`` names, of whose users
    alone something is said then. Raises what opening ``instead`` raises.
    """
    shelf = Shelf(how)
    whole = [use for use in uses if not use.problem]
    if instead is None:
        return {str(use.spec): _effect(use, shelf, None) for use in whole}
    with found.opened(instead, how.say) as (other, _, _):
        name = other.definition.name
        return {str(use.spec): _effect(use, shelf, other) for use in whole if use.stack == name}


def _effect(use: Use, shelf: Shelf, new: LoadedStack | None) -> Effect:
    try:
        _, read = specs.load(use.spec)
        wanted = Wanted(read.stack.name, read.stack.catalog or "", read.stack.release)
        old = shelf.pinned(wanted, census.pins(use.spec).get("stack", {})).stack
        new = new or shelf.newest(use.stack, use.catalog).stack
        origin = difference.origin_of(use.catalog)
        before = difference.dockerfile(use.spec, old, origin)
    except RefusedError as error:
        return Effect(unknown=str(error))
    except ImgforgeError as error:
        return Effect(unknown=census.words(error))
    try:
        after = difference.dockerfile(use.spec, new, origin)
    except RefusedError as error:
        return Effect(breaks=str(error))
    return Effect(difference.unified(before, after, old, new))


def lines(effects: Mapping[str, Effect]) -> Iterator[str]:
    """Yield the report for people: what is the same for several specs is said once, below them."""
    grouped: dict[Effect, list[str]] = {}
    for name, effect in effects.items():
        grouped.setdefault(effect, []).append(name)
    for effect, names in grouped.items():
        yield from ("", *names)
        text = f"cannot be compared: {effect.unknown}" if effect.unknown else effect.breaks
        yield from (text or effect.diff or "the same").splitlines()
