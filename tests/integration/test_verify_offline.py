"""Verification with the network really out of reach: in a namespace with no interface up."""

from __future__ import annotations

import sys
from pathlib import Path

import demanded
import madeproof
import pytest
import tiny
from cryptography.hazmat.primitives.asymmetric import ec
from madesigstore import ISSUER
from running import run, tool

from imgforge import signing
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor
from imgforge.signing.signer import KeySigner

IMGFORGE = Path(sys.executable).with_name("imgforge")
BY_NAME: tuple[str, ...] = ("--identity", "https://github.com/acme/web/*", "--issuer", ISSUER)


@pytest.fixture
def image(tmp_path: Path) -> Descriptor:
    """Make a layout with an image that a key and an identity signed, and write key and root."""
    layout = Layout.create(tmp_path / "layout")
    made = tiny.image(layout)
    signer = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    (tmp_path / "a.pub").write_bytes(signer.public_key.to_pem())
    sealer = signing.KeySealer(signer)
    predicates = [("https://spdx.dev/Document", demanded.SPDX)]
    found = signing.sign_image(layout, made, sealer, name="app", predicates=predicates, created=1)
    madeproof.root(tmp_path)
    layout.write_index([made, *found, madeproof.certified(layout, made)])
    return made


@pytest.fixture
def alone(tmp_path: Path) -> tuple[str, ...]:
    """Return what starts a program without a network, shown to be so."""
    unshare = (tool("unshare"), "--net", "--map-root-user")
    probe = "import socket; socket.create_connection(('127.0.0.1', 1), 1)"
    done = run(*unshare, sys.executable, "-c", probe, cwd=tmp_path, code=1)
    assert "Network is unreachable" in done.stderr
    return unshare


@pytest.mark.parametrize(
    "flags",
    [
        ("--key", "a.pub", "--require", "spdx"),
        (*BY_NAME, "--trusted-root", "root.json"),
        ("--key", "a.pub", "--require", "signature", "--trusted-root", "root.json"),
    ],
)
def test_a_layout_is_proven_without_a_network(
    image: Descriptor, alone: tuple[str, ...], tmp_path: Path, flags: tuple[str, ...]
) -> None:
    done = run(*alone, IMGFORGE, "verify", "--offline", *flags, "layout", cwd=tmp_path)
    assert done.stdout == f"{image.digest}\n"


def test_the_public_root_is_at_hand_without_a_network(
    image: Descriptor, alone: tuple[str, ...], tmp_path: Path
) -> None:
    # Its certificate is another Sigstore's: judged, and found wanting.
    env = {"HOME": str(tmp_path / "home")}
    argv: tuple[str | Path, ...] = (*alone, IMGFORGE, "verify", "--offline", *BY_NAME, "layout")
    done = run(*argv, cwd=tmp_path, env=env, code=5)
    assert f"{image.digest} has no valid signature by" in done.stderr
