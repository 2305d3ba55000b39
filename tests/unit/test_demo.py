"""What ``make demo`` tells of a build is what imgforge proves of it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import demanded
import pytest
import tiny
from cryptography.hazmat.primitives.asymmetric import ec

from imgforge import signing
from imgforge.oci.layout import Layout
from imgforge.signing import statement
from imgforge.signing.signer import KeySigner

CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "components": [{"name": "app", "type": "application", "purl": "pkg:pypi/app@1"}],
}
ATTESTED = [
    (statement.SPDX, demanded.SPDX),
    (statement.CYCLONEDX, json.dumps(CYCLONEDX).encode()),
    (statement.PROVENANCE, b"{}"),
    (statement.FINDINGS, b"{}"),
]


@pytest.fixture
def demo() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "dev" / "demo.py"
    spec = importlib.util.spec_from_file_location("demo", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_says_who_signed_and_what_was_verified(
    demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signer = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    public = tmp_path / "demo.pub"
    public.write_bytes(signer.public_key.to_pem())
    layout = Layout.create(tmp_path / "image")
    image = tiny.image(layout)
    sealer = signing.KeySealer(signer)
    found = signing.sign_image(layout, image, sealer, name="app", predicates=ATTESTED, created=1)
    layout.write_index([image, *found])
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "findings.json").write_text('{"findings": []}')
    (tmp_path / "evidence" / "sbom.cdx.json").write_text(json.dumps(CYCLONEDX))
    demo.show({"output": str(tmp_path), "reference": f"app@{image.digest}"}, public)
    told = capsys.readouterr().out.splitlines()
    assert f"   signed by  the key {signer.public_key.fingerprint}" in told
    assert [line.split()[-1] for line in told if line.startswith("   verified")] == [
        statement.SIGNATURE,
        *(kind for kind, _ in ATTESTED),
    ]
