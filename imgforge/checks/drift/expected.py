"""What an image is compared with: plain data, read by :mod:`imgforge.expectation`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from imgforge.analysis.facts import ImageFacts
from imgforge.inventory import Declared
from imgforge.oci.types import Platform


class Own(NamedTuple):
    """A file of the application: ``file``, ``directory`` or ``link``; its bytes; where it leads."""

    kind: str
    size: int = 0
    link: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """An image of one platform as a spec and its lock describe it.

    ``config`` is the ``config`` object of the image configuration, ``base`` what the base has,
    ``places`` the paths (no leading ``/``) into which the spec puts files, ``sources`` those of
    them that are copied from beside the spec, ``application`` what lies there, by its path in the
    image; ``filled`` are the layers, counted from the first above the base's, that a build stage
    filled, also where sources lie; ``tools`` the kinds of programs it asks for. ``declares`` says
    what the project's locks declare, given the ecosystems of the packages that the image has;
    ``listed`` are ecosystem and name of the packages of which the lock says that the base was made.
    """

    spec: str
    platform: Platform
    config: Mapping[str, Any]
    base: ImageFacts
    places: tuple[str, ...]
    tools: tuple[str, ...] = ()
    sources: frozenset[str] = frozenset()
    application: Mapping[str, Own] = field(default_factory=dict)
    filled: frozenset[int] = frozenset()
    declares: Callable[[Collection[str]], Declared] | None = None
    listed: frozenset[tuple[str, str]] = frozenset()
