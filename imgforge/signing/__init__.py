"""Signatures and attestations that cosign reads: keys, DSSE, statements, Sigstore bundles.

The signed thing is always an in-toto statement in a DSSE envelope in a Sigstore bundle, attached
to the image as a referrer. A signer is anything that fulfils :class:`signer.Signer`.
"""

from __future__ import annotations

from imgforge.signing.image import sign_image
from imgforge.signing.key import PublicKey, generate, load_private, load_public
from imgforge.signing.signer import KeySigner, Signer

__all__ = [
    "KeySigner",
    "PublicKey",
    "Signer",
    "generate",
    "load_private",
    "load_public",
    "sign_image",
]
