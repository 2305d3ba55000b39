"""What was proven about an image, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imgforge.oci.types import Platform
from imgforge.signing.proof import Proof


@dataclass(frozen=True, slots=True)
class Attestation:
    """One proven statement: its predicate's type, the decoded predicate, and what proves it.

    ``bundle`` is the digest of the Sigstore bundle that holds it, or of the signed payload where it
    is of cosign's older kinds.
    """

    predicate_type: str
    predicate: Any
    bundle: str
    proof: Proof


@dataclass(frozen=True, slots=True)
class Verified:
    """What was proven about ``digest``.

    ``attestations`` are all valid ones of the types that were demanded, the signature among them;
    ``platforms`` the images under a verified index.
    """

    digest: str
    attestations: tuple[Attestation, ...]
    platforms: tuple[tuple[Platform | None, Verified], ...] = ()

    @property
    def signers(self) -> tuple[str, ...]:
        """Who signed what was proven of it and the images under it, each once."""
        mine = [each.proof.signer for each in self.attestations]
        below = [signer for _, image in self.platforms for signer in image.signers]
        return tuple(dict.fromkeys(mine + below))
