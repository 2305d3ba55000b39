"""A registry client (distribution-spec 1.1) that believes no byte before it was hashed."""

from __future__ import annotations

from collections.abc import Collection

from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, Platform


def resolve(reference: str) -> Descriptor:
    """Return what ``reference`` names now; the tag is ``latest`` if neither tag nor digest is named.

    RegistryError if it is not there, TransientError if the registry does not answer.
    """
    raise NotImplementedError


def pull(
    reference: str,
    digest: str,
    layout: Layout,
    *,
    platforms: Collection[Platform] | None = None,
) -> Descriptor:
    """Bring ``digest`` of the reference's repository, and all under it, into ``layout``.

    Of an index only the images of ``platforms`` are brought, if given; RegistryError if one is
    missing. The layout's index is left alone: the caller lists the returned descriptor.
    """
    raise NotImplementedError


def push(layout: Layout, top: Descriptor, reference: str) -> str:
    """Put ``top`` (manifest or index) and all under it into the repository, by digest, untagged.

    Returns ``registry/repository@digest``.
    """
    raise NotImplementedError


def referrers(reference: str, digest: str) -> list[Descriptor]:
    """Return what the registry lists as referrers of ``digest`` (claims, not yet checked)."""
    raise NotImplementedError
