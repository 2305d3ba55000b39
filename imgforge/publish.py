"""Putting an image and its evidence into a registry so that a tag only ever names proven images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.types import Descriptor


def publish(
    layout: Layout,
    image: Descriptor,
    referrers: Sequence[Descriptor],
    target: Reference,
    tags: Collection[str],
    *,
    say: Callable[[str], None],
    unsigned: bool = False,
) -> str:
    """Push ``image`` by digest, then its ``referrers``, then name it ``tags``; return repo@digest.

    Killed at any moment and called again, it converges. Unless ``unsigned``, a cosign signature
    of ``image`` must be among ``referrers`` (EvidenceError). RegistryError, TransientError.
    """
    raise NotImplementedError
