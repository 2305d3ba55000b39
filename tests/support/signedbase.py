"""A base image in a registry on loopback, signed or not, and policies that speak of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from fakeregistry import FakeRegistry

from imgforge import policy as policies
from imgforge import signing
from imgforge.oci.layer import Entry, write_layer
from imgforge.oci.layout import Layout, references
from imgforge.oci.types import CONFIG, INDEX, INDEXES, MANIFEST, Descriptor, Platform
from imgforge.policy import Policy
from imgforge.signing.signer import KeySigner

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
HELLO = (Entry("hello", 0o644, data=b"hello"),)


def make(layout: Layout, *layers: Iterable[Entry]) -> Descriptor:
    """Make an index of two images, linux/amd64 and linux/arm64/v8, of the same layers."""
    made = [write_layer(layout, entries) for entries in layers or (HELLO,)]
    images = []
    for platform in (AMD64, Platform("linux", "arm64", "v8")):
        config = {
            **platform.to_json(),
            "created": "2026-01-09T10:00:00Z",
            "config": {"Env": ["PATH=/usr/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in made]},
            "history": [{"created_by": "something"}],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": layout.add_json(config, CONFIG).to_json(),
            "layers": [layer.descriptor.to_json() for layer in made],
        }
        images.append(layout.add_json(manifest, MANIFEST, platform=platform))
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [i.to_json() for i in images]}
    return layout.add_json(index, INDEX)


def put(registry: FakeRegistry, layout: Layout, top: Descriptor, tag: str = "") -> None:
    """Give the registry ``top`` and all under it."""
    if top.media_type in INDEXES:
        for child in layout.children(top):
            put(registry, layout, child)
    else:
        for blob in references(layout.read_json(top)):
            registry.blobs[blob.digest] = layout.blob_path(blob.digest).read_bytes()
    registry.manifests[top.digest] = (top.media_type, layout.read(top))
    if tag:
        registry.tags[tag] = top.digest


def signer() -> KeySigner:
    """Return a signer with a key of its own."""
    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


def sign(registry: FakeRegistry, layout: Layout, top: Descriptor, by: KeySigner) -> list[str]:
    """Attach a signature to ``top``; return the digests of the referrers."""
    registry.referrers_api = True
    referrers = signing.sign_image(layout, top, signing.KeySealer(by), name="base", created=1)
    for referrer in referrers:
        put(registry, layout, referrer)
    return [referrer.digest for referrer in referrers]


def policy(folder: Path, text: str) -> Policy:
    """Read a policy of this text."""
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return policies.load(path)


def exempting(folder: Path, expires: str = "2999-01-01") -> Policy:
    """Return a policy that exempts every base until a day."""
    return policy(
        folder,
        f'[[bases.trust]]\nmatch = "*"\nexempt = "a test"\nowner = "us"\nexpires = {expires}\n',
    )


def by_key(folder: Path, key: KeySigner, match: str = "*") -> Policy:
    """Return a policy that trusts what ``key`` signed."""
    (folder / "base.pub").write_bytes(key.public_key.to_pem())
    return policy(folder, f'[[bases.trust]]\nmatch = "{match}"\nkey = "base.pub"\n')
