"""What tests demand of images: signatures of a key that lies in memory only, attestations."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Collection
from pathlib import Path

from imgforge.signing import PublicKey
from imgforge.signing.signer import KeySigner
from imgforge.verify import Demand, by_key

SPDX = b'{"packages":[{"name":"app"}],"spdxVersion":"SPDX-2.3"}'
"""The least that is an SBOM."""


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="imgforge-keys-")


def public(key: PublicKey) -> Path:
    """Return a file that holds ``key``, until the tests end."""
    path = Path(_folder().name) / f"{key.fingerprint.removeprefix('sha256:')}.pub"
    path.write_bytes(key.to_pem())
    return path


def by(signer: KeySigner | PublicKey, types: Collection[str] = ()) -> Demand:
    """Demand the signature of ``signer``, and attestations of these types."""
    key = signer if isinstance(signer, PublicKey) else signer.public_key
    return by_key(public(key), types)
