"""A tiny signed image in a layout, with a key pair that signed it, for tests of publishing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import tiny
from cryptography.hazmat.primitives.asymmetric import ec

from imgforge import signing
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor
from imgforge.shipment import Shipment, Terms
from imgforge.signing.signatory import ByKey
from imgforge.signing.signer import KeySigner

PREDICATE = ("https://spdx.dev/Document", b'{"spdxVersion":"SPDX-2.3"}')


@dataclass(frozen=True, slots=True)
class Signed:
    """An image in ``layout``, all of it signed by ``signer``; ``public`` is the key's file."""

    layout: Layout
    top: Descriptor
    referrers: tuple[Descriptor, ...]
    signer: KeySigner
    public: Path

    @property
    def shipment(self) -> Shipment:
        """The image with its evidence."""
        return Shipment(self.layout, self.top, self.referrers)

    @property
    def terms(self) -> Terms:
        """That the key signed all of it."""
        return Terms((ByKey(self.signer.public_key),))


def make(
    folder: Path,
    tags: Collection[str] = ("1", "latest"),
    salt: bytes = b"",
    platforms: Sequence[str] = ("amd64", "arm64"),
) -> Signed:
    """Make a key and an image, sign it, and list it in the layout's index by ``tags``.

    For one platform it is no index but that image.
    """
    signer, public = KeySigner(ec.generate_private_key(ec.SECP256R1())), folder / "key.pub"
    public.write_bytes(signer.public_key.to_pem())
    layout = Layout.create(folder / "layout")
    images = [tiny.image(layout, name, name.encode() + salt) for name in platforms]
    top = tiny.index(layout, *images) if len(images) > 1 else images[0]
    each = [top, *images] if len(images) > 1 else images
    referrers = tuple(
        referrer for one in each for referrer in sign(layout, one, signer, described=one in images)
    )
    note = "org.opencontainers.image.ref.name"
    named = [Descriptor(top.media_type, top.digest, top.size, {note: tag}) for tag in tags]
    layout.write_index([*(named or [top]), *referrers])
    return Signed(layout, top, referrers, signer, public)


def sign(
    layout: Layout, image: Descriptor, signer: KeySigner, *, described: bool = True
) -> list[Descriptor]:
    """Sign one image; an SBOM is attested of it, too, if it is ``described``."""
    return signing.sign_image(
        layout,
        image,
        signing.KeySealer(signer),
        name="app",
        predicates=[PREDICATE] if described else [],
        created=0,
    )


def start(*arguments: str) -> subprocess.Popen[bytes]:
    """Start the ``imgforge`` command of this environment; nothing of what it says is kept."""
    return subprocess.Popen(
        [Path(sys.executable).with_name("imgforge"), *arguments],
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
