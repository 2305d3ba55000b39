"""What an image is compared with: plain data, read by :mod:`imgforge.expectation`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Expectation:
    """An image of one platform as a spec and its lock describe it.

    ``config`` is the ``config`` object of the image configuration, ``base`` what the base has,
    ``places`` the paths (no leading ``/``) into which the spec puts files, ``tools`` the kinds of
    programs it asks for.
    """

    spec: str
    platform: Platform
    config: Mapping[str, Any]
    base: ImageFacts
    places: tuple[str, ...]
    locked: tuple[Locked, ...] = ()
    tools: tuple[str, ...] = ()
