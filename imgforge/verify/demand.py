"""What an image must prove, as plain data: who signed it, and what is attested of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgforge.errors import EvidenceError
from imgforge.signing.proof import Witnesses

if TYPE_CHECKING:
    from imgforge.severity import Level


class UnattestedError(EvidenceError):
    """The image is signed as demanded, but nothing of a type that must be attested is there."""


OURS: Final = ("spdx", "cyclonedx", "provenance", "findings")
"""What every build here has attested."""


_USUAL: Final = Witnesses()


@dataclass(frozen=True, slots=True)
class SignedBy:
    """One signatory that counts; it has a key, or an identity and its issuer, never both.

    ``key`` is a public key's file. ``identity`` and ``issuer`` are globs (matched whole, ``*``
    crosses ``/``), and so is each of ``claims``: what the certificate must say further, by the
    names of :mod:`imgforge.signing.claims` (``repository``, ``ref``, ``workflow`` …).
    ``trusted_root`` is the file of the Sigstore that counts; None is the public one. ``digest``
    (``sha256:<hex>``) is that of the key's file, or without a key of the root's, if it is pinned;
    ``root_digest`` that of the root beside a key. If nothing is said of ``witnesses``, a
    log must bear witness for an identity, and nobody for a key.
    """

    key: Path | None = None
    identity: str = ""
    issuer: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)
    trusted_root: Path | None = None
    digest: str = ""
    root_digest: str = ""
    witnesses: Witnesses = field(default_factory=lambda: _USUAL)

    def __post_init__(self) -> None:
        """For an identity a log must bear witness, if nothing else is said."""
        if self.witnesses is _USUAL:
            object.__setattr__(self, "witnesses", Witnesses(log=self.key is None))

    @property
    def pins(self) -> tuple[tuple[Path, str], ...]:
        """The files that decide who it is, each with the digest that is demanded of it, or none."""
        if self.key is None:
            return () if self.trusted_root is None else ((self.trusted_root, self.digest),)
        root = () if self.trusted_root is None else ((self.trusted_root, self.root_digest),)
        return ((self.key, self.digest), *root)


@dataclass(frozen=True, slots=True)
class Attested:
    """An attestation of ``type`` (a predicate type's URI) that must be there, and hold.

    Conditions that are empty, None or False demand nothing. ``builder``, ``source``, ``ref`` and
    ``build_type`` are globs of what a SLSA provenance says: who built, from which repository, at
    which ref, how. ``locked`` is an ``imgforge.lock``: every base in the provenance must be in it.
    ``true``: an SBOM lists just what the image's layers have. ``below``: no finding or
    vulnerability of this severity or a worse one. ``max_age`` is in days since the scan.
    ``where`` maps JSON pointers (RFC 6901) into the predicate to globs of the texts, numbers or
    booleans that must stand there.
    """

    type: str
    builder: str = ""
    source: str = ""
    ref: str = ""
    build_type: str = ""
    locked: Path | None = None
    true: bool = False
    below: Level | None = None
    max_age: int | None = None
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Demand:
    """What images that ``match`` (a glob of repositories) must prove.

    Their signature and every attestation must be by one of ``signed_by``, the same for all or not.
    Of an index each image must prove it by itself; with ``through_index`` what is proven of the
    index holds for those in it, too, since it names them by digest.
    """

    signed_by: tuple[SignedBy, ...]
    attested: tuple[Attested, ...] = ()
    match: str = "*"
    through_index: bool = False


def by_key(public: Path, types: Collection[str] = ()) -> Demand:
    """Demand the signature of the key in the file ``public``, and attestations of these types."""
    return Demand((SignedBy(key=public),), tuple(Attested(type=kind) for kind in types))
