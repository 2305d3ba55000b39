"""What an image is compared with: plain data, read by :mod:`imgforge.expectation`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from imgforge.analysis.facts import ImageFacts
from imgforge.oci.types import Platform


@dataclass(frozen=True, slots=True)
class Locked:
    """What a lock file of the application lists, which the build installs below ``place``.

    ``versions`` has normalised name → version for this platform, ``optional`` the names whose
    markers exclude them here.
    """

    place: str
    ecosystem: str
    file: str
    versions: Mapping[str, str]
    optional: frozenset[str] = frozenset()


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
    image; ``tools`` the kinds of programs it asks for.
    """

    spec: str
    platform: Platform
    config: Mapping[str, Any]
    base: ImageFacts
    places: tuple[str, ...]
    locked: tuple[Locked, ...] = ()
    tools: tuple[str, ...] = ()
    sources: frozenset[str] = frozenset()
    application: Mapping[str, Own] = field(default_factory=dict)
