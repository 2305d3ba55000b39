"""All that is demanded, written as policies for clusters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.errors import InvalidInputError
from imgforge.verify import signatories

if TYPE_CHECKING:
    from imgforge.policy.bounds import Policy
    from imgforge.verify.demand import Demand
    from imgforge.verify.flags import Flags

_LONGEST = 60


def export(
    kind: str, policy: Policy, flags: Flags, globs: Sequence[str], *, partial: bool = False
) -> str:
    """Return YAML of the kind ``kind``, one policy for each demand.

    The demands are all of ``policy``'s, with what ``flags`` add; those of flags alone are for
    ``globs`` of repositories, at least one: a cluster runs images that nobody here signed. Of a
    policy's entries a cluster applies all that match, not only the first. Raises InvalidInputError
    as :class:`.flags.Flags` and the renderers do, EvidenceError if a file is not the pinned one.
    """
    from imgforge.verify.export import EXPORTS

    held = [demand for images in policy.images for demand in images.demands]
    demands = flags.on(held)
    own = demands[len(held) :]
    demands = (
        *demands[: len(held)],
        *(replace(each, match=glob) for each in own for glob in globs),
    )
    if own and not globs:
        raise InvalidInputError(
            "nothing says which images the flags are about",
            hint="name repositories, such as 'registry.example.com/acme/*'; '*' is every image "
            "that the cluster runs, its own included",
        )
    names: set[str] = set()
    texts = []
    for demand in demands:
        files: dict[Path, bytes] = {}
        for by in demand.signed_by:
            files |= signatories.files(by)
        texts.append(EXPORTS[kind](demand, _name(demand, names), files=files, partial=partial))
    return "---\n".join(text if text.endswith("\n") else f"{text}\n" for text in texts)


def _name(demand: Demand, taken: set[str]) -> str:
    """Return a name in Kubernetes that no other policy of this export has."""
    words = re.sub(r"[^a-z0-9]+", "-", demand.match.lower()).strip("-")[:_LONGEST].strip("-")
    stem = f"imgforge-{words}" if words else "imgforge"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name
