"""What a key's signatures prove about an image."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, Platform
from imgforge.signing.key import PublicKey


@dataclass(frozen=True, slots=True)
class Attestation:
    """One proven statement: its predicate's type, the decoded predicate, the bundle's digest."""

    predicate_type: str
    predicate: Any
    bundle: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was proven about ``digest`` by the key with fingerprint ``key`` (``sha256:<hex>``).

    ``attestations`` are all valid ones, the signature among them; ``platforms`` the images under
    a verified index.
    """

    digest: str
    key: str
    attestations: tuple[Attestation, ...]
    platforms: tuple[tuple[Platform | None, Verified], ...] = ()


def verify_layout(
    layout: Layout,
    image: Descriptor,
    key: PublicKey,
    *,
    require: Collection[str] = frozenset(),
    platforms: Collection[Platform] | None = None,
    deep: bool = False,
) -> Verified:
    """Demand ``key``'s signature over ``image`` and an attestation of each type in ``require``.

    An index must be signed itself, and so must each image in it (only those of ``platforms`` if
    given, all of which must be there); ``require`` then holds for each of these images. With
    ``deep`` every blob of the images is hashed. EvidenceError with the first reason otherwise.
    """
    raise NotImplementedError


def verify_registry(
    reference: str,
    key: PublicKey,
    *,
    require: Collection[str] = frozenset(),
    platforms: Collection[Platform] | None = None,
) -> Verified:
    """Resolve ``reference`` once to a digest and demand the same of what the registry has there.

    Further errors: InvalidInputError, RegistryError, TransientError.
    """
    raise NotImplementedError
