"""Images in layouts with evidence by keys and by identities of a Sigstore in memory."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from madesigstore import CLAIMS, IDENTITY, ISSUER, Sigstore, new_key

from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor
from imgforge.signing import bundle, statement
from imgforge.verify import SignedBy

GITHUB = "https://github.com/acme/web/*"


@functools.cache
def sigstore() -> Sigstore:
    """Return this run's Sigstore."""
    return Sigstore()


@dataclass(frozen=True)
class Root:
    """The trusted root of :func:`sigstore` in a file."""

    path: Path

    def by(self, identity: str = GITHUB, issuer: str = ISSUER, **claims: str) -> SignedBy:
        """Name whom a certificate of it must be for."""
        return SignedBy(identity=identity, issuer=issuer, claims=claims, trusted_root=self.path)


def root(folder: Path) -> Root:
    """Write the trusted root into ``folder``."""
    path = folder / "root.json"
    path.write_bytes(sigstore().root())
    return Root(path)


def keyless(
    payload: bytes, identity: str = IDENTITY, repository: str = "https://github.com/acme/web"
) -> bytes:
    """Return a bundle of a certificate for ``identity``."""
    key = new_key()
    certificate = sigstore().certificate(
        key,
        names=(x509.UniformResourceIdentifier(identity),),
        claims={**CLAIMS, 12: repository},
    )
    made = sigstore().bundle(payload, key=key, certificate=certificate)
    return json.dumps(made).encode()


def about(image: Descriptor, kind: str, predicate: Any = None) -> bytes:  # noqa: ANN401 - JSON
    """Return a statement of ``kind`` about ``image``."""
    subject = statement.Subject("app", image.digest)
    return statement.about([subject], kind, predicate or {}).to_bytes()


def attach(
    layout: Layout, image: Descriptor, data: bytes, annotations: dict[str, str] | None = None
) -> Descriptor:
    """Attach a bundle to ``image``; the caller lists the returned referrer."""
    return layout.attach(image, data, bundle.MEDIA_TYPE, annotations or {})


def certified(
    layout: Layout,
    image: Descriptor,
    kind: str = statement.SIGNATURE,
    predicate: Any = None,  # noqa: ANN401 - JSON
    **who: str,
) -> Descriptor:
    """Attach a statement about ``image`` that an identity signed."""
    return attach(layout, image, keyless(about(image, kind, predicate), **who))
