"""Of an image in a registry SBOM and VEX count if they are proven, and no layer moves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import demanded
import madescan as made
import pytest
import tiny
from cryptography.hazmat.primitives.asymmetric import ec
from fakeregistry import FakeRegistry, serve
from signedbase import put

from imgforge import signing
from imgforge.cli.main import main
from imgforge.oci.layout import Layout
from imgforge.sbom import spdx
from imgforge.signing.signer import KeySigner
from imgforge.signing.statement import SPDX
from imgforge.vulnerabilities.vex import OPENVEX

VEX = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "author": "web team",
    "timestamp": "2026-01-01T00:00:00Z",
    "statements": [
        {
            "vulnerability": {"name": "CVE-2024-35195"},
            "products": [{"@id": "pkg:pypi/requests"}],
            "status": "not_affected",
            "justification": "component_not_present",
        }
    ],
}


@pytest.fixture
def signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeySigner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGFORGE_DB", str(made.database(tmp_path)))
    found = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    shutil.copy(demanded.public(found.public_key), "imgforge.pub")
    return found


@pytest.fixture
def registry(tmp_path: Path, signer: KeySigner) -> Iterator[FakeRegistry]:
    """Serve an image whose SBOM ``signer`` attests, and a stranger a VEX document."""
    layout = Layout.create(tmp_path / "layout")
    image = tiny.image(layout)
    bom = spdx.render(made.inventory(digest=image.digest), name="acme/web", created=0)
    stranger = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    said = [(signer, SPDX, bom), (stranger, OPENVEX[1], json.dumps(VEX).encode())]
    with serve(FakeRegistry(referrers_api=True)) as found:
        put(found, layout, image, tag="1")
        for by, kind, predicate in said:
            attest(found, layout, by, kind, predicate)
        yield found


def attest(
    registry: FakeRegistry, layout: Layout, by: KeySigner, kind: str, predicate: bytes
) -> None:
    (image,) = (layout.images(d)[0] for d in [tiny.image(layout)])
    sealer = signing.KeySealer(by)
    for each in signing.sign_image(
        layout, image, sealer, name="web", predicates=[(kind, predicate)], created=0
    ):
        put(registry, layout, each)


def scan(registry: FakeRegistry, *flags: str) -> int:
    return main(["scan", f"{registry.place}/acme/web:1", *flags])


def test_the_attested_sbom_is_judged_and_no_layer_is_fetched(
    registry: FakeRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scan(registry, "--key", "imgforge.pub") == 10
    assert "CVE-2024-35195" in capsys.readouterr().out
    layer = Layout.open(tmp_path / "layout").read_json(tiny.image(Layout.open(tmp_path / "layout")))
    assert not registry.calls("GET", layer["layers"][0]["digest"])


def test_another_keys_sbom_is_none(registry: FakeRegistry) -> None:
    other = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    shutil.copy(demanded.public(other.public_key), "other.pub")
    assert scan(registry, "--key", "other.pub") == 5


def test_attested_vex_counts_only_from_who_is_demanded(
    registry: FakeRegistry,
    signer: KeySigner,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    demand = (
        f'[[images]]\nmatch = "{registry.place}/*"\n[[images.signed-by]]\nkey = "imgforge.pub"\n'
    )
    Path("policy.toml").write_text(f'{demand}[vulnerabilities]\nvex = ["attested"]\n')
    policy = ("--policy", "policy.toml")
    assert scan(registry, *policy) == 10
    attest(registry, Layout.open(tmp_path / "layout"), signer, OPENVEX[1], json.dumps(VEX).encode())
    assert scan(registry, "--key", "imgforge.pub") == 10
    capsys.readouterr()
    assert scan(registry, *policy) == 0
    said = capsys.readouterr().out
    assert "VEX not_affected: component_not_present, by web team, in attestation sha256:" in said
    assert "1 of 1 statements matched" in said
