"""What a look at a project found: one way to build it, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pydantic is dear, and looking needs none of it
    from imgforge.fields import Parameter


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file, from the top of the project, and what it says."""

    file: str
    says: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stack that the folder ``folder`` ('' is the top) may be built with.

    ``weight`` orders candidates: 1 for each of manifest and lock, 2 for a known start. ``wanted``
    is a version or range as the project writes it, ``wanted_by`` the file that does. ``locks`` are
    the lock files that are there, the best first. ``doubts`` are what a person must check. Paths
    are relative to the folder.
    """

    stack: str
    folder: str
    weight: int
    evidence: tuple[Evidence, ...]
    wanted: str = ""
    wanted_by: str = ""
    locks: tuple[str, ...] = ()
    name: str = ""
    version: str = ""
    licence: str = ""
    source: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    packages: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    writable: tuple[str, ...] = ()
    parameters: dict[str, Parameter] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    starts_itself: bool = False
    """Whether the stack has an entrypoint of its own for it."""
