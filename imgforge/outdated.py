"""How far a lock is behind: updates that wait, bases that moved on, support that ends.

Package indexes and tags are read, and a newer version of a catalog's stack; nothing is made.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from imgforge import pins
from imgforge.bases import flaws
from imgforge.bases.changes import Changes, between, refuse_older

if TYPE_CHECKING:
    from imgforge.lock import Lock, LockedBase, LockedStack
    from imgforge.project import Project

Kind = Literal["any", "security", "eol"]
KINDS: tuple[Kind, ...] = ("any", "security", "eol")
"""What can be counted: everything, updates for security's sake, support that ends."""


@dataclass(frozen=True, slots=True)
class State:
    """One base of a lock against today; ``changes`` are what an upgrade would bring.

    ``stale`` says how the lock no longer is what this imgforge means by the base. ``moved`` is the
    digest that the locked tag names now, empty if it still is the locked one or there is no tag.
    ``end_of_life`` is None where nobody said it.
    """

    role: str
    name: str
    digest: str
    stale: tuple[str, ...]
    changes: Changes
    moved: str
    end_of_life: dt.date | None
    left: int
    """Days of support that are left; negative after the end, 0 where nobody said it."""
    near: bool
    """Whether the end is past, or no further off than was asked."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """What waits here; empty if nothing does."""
        found: set[Kind] = set()
        if self.stale or self.moved or self.changes or self.near:
            found.add("any")
        if self.changes.security:
            found.add("security")
        if self.near:
            found.add("eol")
        return frozenset(found)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--format json`` shows it."""
        return {
            "role": self.role,
            "name": self.name,
            "digest": self.digest,
            "waiting": sorted(self.kinds),
            "stale": list(self.stale),
            "movedTo": self.moved or None,
            "changes": self.changes.to_json(),
            "endOfLife": self.end_of_life.isoformat() if self.end_of_life else None,
            "daysLeft": self.left if self.end_of_life else None,
        }

    def lines(self) -> Iterator[str]:
        """Say in words what is to be said, a line each."""
        yield from self.stale
        if self.moved:
            yield f"its tag now names {self.moved}"
        if self.near:
            days = f"{abs(self.left)} day{'s' * (abs(self.left) != 1)}"
            when = f"ended {days} ago" if self.left < 0 else f"ends in {days}"
            yield f"support {when}, on {self.end_of_life}"
        yield from self.changes.lines()


@dataclass(frozen=True, slots=True)
class StackState:
    """The stack of a lock against its catalog of now; ``newest`` is what an upgrade would take.

    ``changes`` are the changelog's lines on the way there. ``beyond`` is a newer version that the
    spec's ``release`` keeps back, empty if there is none.
    """

    held: LockedStack
    newest: LockedStack
    changes: tuple[str, ...]
    beyond: str
    release: str

    @property
    def kinds(self) -> frozenset[Kind]:
        """What waits here; empty if nothing does."""
        same = (self.held.version, self.held.digest) == (self.newest.version, self.newest.digest)
        return frozenset() if same else frozenset({"any"})

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--format json`` shows it."""
        return {
            "name": self.held.name,
            "catalog": self.held.catalog,
            "version": self.held.version,
            "digest": self.held.digest,
            "waiting": sorted(self.kinds),
            "newest": {"version": self.newest.version, "digest": self.newest.digest},
            "changes": list(self.changes),
            "keptBack": self.beyond or None,
        }

    def lines(self) -> Iterator[str]:
        """Say in words what is to be said, a line each."""
        if self.kinds and self.newest.version == self.held.version:
            yield "the catalog has other files under this version"
        yield from self.changes
        if self.beyond:
            yield f"{self.beyond} is there, and the spec wants {self.release}"


def examine(
    project: Project, *, within: int, today: dt.date, say: Callable[[str], None]
) -> tuple[State, ...]:
    """Hold every base that ``project`` has locked against the archives and registries of now.

    ``within`` is how many days before its end of life a base begins to count. InvalidInputError if
    the lock is missing or was made for less than the spec asks; RegistryError or TransientError if
    an answer is not to be had or not to be believed: no answer never means that nothing waits.
    """
    lock = project.read_lock()
    return tuple(_examine(lock, wanted, within, today, say) for wanted in pins.asked(project))


def examine_stack(project: Project, *, say: Callable[[str], None]) -> StackState | None:
    """Hold the stack that ``project`` has locked against its catalog; a newer one is verified.

    None where nothing can wait: imgforge brings its own stacks, and what a folder has counts at
    once. Raises what :func:`imgforge.catalogs.opening.open_stack` raises.
    """
    from imgforge.catalogs import changelog, opening, releases
    from imgforge.catalogs.choosing import Wanted

    held, release = project.opened.pin, project.spec.stack.release
    if held.source in {"builtin", "directory"}:
        return None
    way = opening.How(resolve=True, upgrade=True, say=say)
    found = opening.open_stack(Wanted(held.name, held.catalog), lambda: held, way)
    beyond = ""
    if not releases.allows(release, releases.version(found.pin.version)):
        beyond, found = found.pin.version, project.opened
        if held.source == "registry":
            wanted = Wanted(held.name, held.catalog, release)
            found = opening.open_stack(wanted, lambda: held, way)
    changes = changelog.between(found.files, held.version, found.pin.version)
    return StackState(held, found.pin, changes, beyond, release)


def _examine(
    lock: Lock, wanted: pins.Wanted, within: int, today: dt.date, say: Callable[[str], None]
) -> State:
    from imgforge.bases import registry_reference

    base, moved = lock.base(wanted.role), ""
    stale = pins.reasons(lock, wanted)
    changes = Changes(base.digest, "")
    if base.source == "registry":
        moved = _moved(base, say)
    elif base.name == wanted.name and not registry_reference(base.name):
        changes = _waiting(base, wanted, say)
    ends = _end_of_life(base)
    left = (ends - today).days if ends else 0
    near = ends is not None and left <= within
    return State(wanted.role, base.name, base.digest, stale, changes, moved, ends, left, near=near)


def _waiting(base: LockedBase, wanted: pins.Wanted, say: Callable[[str], None]) -> Changes:
    from imgforge import bases

    offer = bases.look(
        *(wanted.name, wanted.platforms), packages=wanted.packages, against=wanted.against, say=say
    )
    refuse_older(base, offer.base)
    return between(base, offer.base, offer.fixes, flaws.mended(base, offer.base))


def _moved(base: LockedBase, say: Callable[[str], None]) -> str:
    from imgforge import bases

    if not base.tag:
        return ""
    now = bases.named_now(f"{base.reference}:{base.tag}", say=say)
    return "" if now == (base.upstream or base.digest) else now


def _end_of_life(base: LockedBase) -> dt.date | None:
    """Return when the first of the definitions that ``base`` stands on loses its support."""
    if "/" in base.name:
        return None
    from imgforge.bases.definitions import chain

    return min(definition.end_of_life for definition in chain(base.name))
