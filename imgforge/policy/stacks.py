"""What a policy says of stacks: where they may come from, and what specs may change of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from imgforge.policy.trusted import Trust

if TYPE_CHECKING:
    from imgforge.tomlfile import Location, Problem

FLAGS = ("allow_steps", "allow_blocks")
"""The fields of :class:`Stacks` that permit something, and do if nothing is said."""


@dataclass(frozen=True, slots=True)
class Stacks:
    """Where stacks may come from, and what may be changed of them.

    ``catalogs`` and ``allow`` hold lists, each of which must have the stack's; none bounds nothing.
    Names of catalogs are exact, ``imgforge`` its own. ``allow`` has globs of
    ``CATALOG/NAME@VERSION``. Each group of ``trust`` demands that whom its first match names signed
    a registry's stack. The flags are None where nothing is said.
    """

    catalogs: tuple[tuple[str, ...], ...] = ()
    allow: tuple[tuple[str, ...], ...] = ()
    trust: tuple[tuple[Trust, ...], ...] = ()
    allow_steps: bool | None = None
    allow_blocks: bool | None = None

    @property
    def files(self) -> tuple[Trust, ...]:
        """Those of ``trust`` that a file decides."""
        return tuple(each for group in self.trust for each in group if each.file is not None)


UNBOUND: Final = Stacks()
"""What a policy says that says nothing of stacks."""


def read(
    value: object,
    folder: Path,
    above: Stacks,
    problems: list[Problem],
    read_trust: Callable[[dict[str, Any], Path, Location, list[Problem]], Trust],
) -> Stacks:
    """Read the table ``[stacks]``, whose files are relative to ``folder``.

    What it says nothing of is as ``above`` has it; its lists are its own. ``read_trust`` reads
    one of its tables ``[[stacks.trust]]``, as it does those of bases.
    """
    from imgforge.policy import reading
    from imgforge.policy.keys import STACKS
    from imgforge.tomlfile import Problem

    table: Any = dict(value) if isinstance(value, dict) else value
    trusts = table.pop("trust", []) if isinstance(table, dict) else []
    found = reading.table(table, STACKS, ("stacks",), problems, known=(*STACKS, "trust"))
    place = ("stacks", "trust")
    group = []
    for i, each in enumerate(reading.tables(trusts, place, problems)):
        if "exempt" in each:
            about = "a stack is signed, or it is not a registry's: nobody is exempt"
            problems.append(Problem((*place, i, "exempt"), about))
        group.append(read_trust(each, folder, (*place, i), problems))
    return Stacks(
        (found["catalogs"],) if "catalogs" in found else (),
        (found["allow"],) if "allow" in found else (),
        (tuple(group),) if group else (),
        found.get("allow-steps", above.allow_steps),
        found.get("allow-blocks", above.allow_blocks),
    )


def loosened(outer: Stacks, inner: Stacks) -> list[str]:
    """Return every wish of ``inner`` that ``outer`` does not grant, one line each."""
    return [
        f"stacks.{flag.replace('_', '-')}: not allowed"
        for flag in FLAGS
        if getattr(inner, flag) and getattr(outer, flag) is False
    ]


def tighten(outer: Stacks, inner: Stacks) -> Stacks:
    """Return what holds under both."""
    return Stacks(
        outer.catalogs + inner.catalogs,
        outer.allow + inner.allow,
        outer.trust + inner.trust,
        *(_both([getattr(each, flag) for each in (outer, inner)]) for flag in FLAGS),
    )


def shown(stacks: Stacks) -> dict[str, Any]:
    """Return what is said, by the keys of the file; lists of which each must have a stack."""
    flags = {f.replace("_", "-"): getattr(stacks, f) for f in FLAGS}
    return {
        "catalogs": [list(names) for names in stacks.catalogs],
        "allow": [list(globs) for globs in stacks.allow],
        **{key: value for key, value in flags.items() if value is not None},
    }


def _both(flags: list[bool | None]) -> bool | None:
    said = [flag for flag in flags if flag is not None]
    return all(said) if said else None
