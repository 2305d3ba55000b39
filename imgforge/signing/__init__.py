"""Signatures and attestations that cosign reads: keys, DSSE, statements, Sigstore bundles.

The signed thing is always an in-toto statement in a DSSE envelope in a Sigstore bundle, attached
to the image as a referrer. What signs bytes is a :class:`signer.Signer`, what makes a bundle of a
statement a :class:`sealer.Sealer`.
"""

from __future__ import annotations

from imgforge.signing.image import sign_image
from imgforge.signing.key import PublicKey, generate, load_private, load_public
from imgforge.signing.sealer import KeySealer, Sealer
from imgforge.signing.signer import KeySigner, Signer

__all__ = [
    "KeySealer",
    "KeySigner",
    "PublicKey",
    "Sealer",
    "Signer",
    "generate",
    "load_private",
    "load_public",
    "sign_image",
]
