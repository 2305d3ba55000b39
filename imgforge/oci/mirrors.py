"""Mirrors of registries: places that are asked first for what lies in another registry.

A mirror decides where bytes come from, never which bytes are right: what it gives under a digest
is hashed as the original's would be, and names in locks and images stay the original's. It may
lack a thing or be out of reach, and the original is asked then; an answer that is wrong is an
error. Only reading goes through mirrors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TypeVar

from imgforge.errors import InvalidInputError, TransientError
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.transport import MissingError

VARIABLE = "IMGFORGE_REGISTRY_MIRRORS"
"""Pairs ``registry=mirror/prefix`` with spaces between; they replace those of the settings."""

T = TypeVar("T")


def places(reference: Reference) -> tuple[Reference, ...]:
    """Return where ``reference`` may be found, in the order to be asked; itself last.

    InvalidInputError if the settings name a mirror that is none.
    """
    prefix = _mirrors().get(reference.registry)
    if prefix is None:
        return (reference,)
    named = prefix.rstrip("/")
    first = Reference.parse(f"{named}/{reference.repository}")
    if not named.startswith(first.registry):
        raise InvalidInputError(
            f"the mirror {prefix!a} of {reference.registry} names no registry",
            hint="write it as registry.example.com/prefix",
        )
    mirror = Reference(first.registry, first.repository, reference.tag, reference.digest)
    return (mirror, reference)


def ask(
    reference: Reference, question: Callable[[Registry], T], say: Callable[[str], None]
) -> tuple[T, Reference]:
    """Return the first answer to ``question`` and the place that gave it.

    A mirror is passed over if it raises MissingError or TransientError; whatever the original
    raises, and any other error of a mirror's, stands.
    """
    *before, last = places(reference)
    for place in before:
        try:
            with Registry(place) as registry:
                return question(registry), place
        except (MissingError, TransientError) as error:
            say(f"{place.registry} is passed over: {error.message}")
    with Registry(last) as registry:
        return question(registry), last


def _mirrors() -> Mapping[str, str]:
    given = os.environ.get(VARIABLE)
    if given is None:
        from imgforge import settings

        return settings.load().registry.mirrors
    found = {}
    for word in given.split():
        registry, equals, prefix = word.partition("=")
        if not registry or not equals or not prefix:
            raise InvalidInputError(
                f"{VARIABLE}: {word!a} is no mirror",
                hint="write docker.io=registry.example.com/hub",
            )
        found[registry] = prefix
    return found
