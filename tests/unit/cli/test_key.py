from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from imgforge.cli.main import main
from imgforge.signing import load_private, load_public

KEYS = Path(__file__).parents[1] / "signing" / "data"


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGFORGE_KEY_PASSWORD", "secret")


def foreign(path: Path, password: bytes | None = None) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    protect = (
        serialization.BestAvailableEncryption(password)
        if password is not None
        else serialization.NoEncryption()
    )
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, protect))
    return key


def test_generate_public_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "generate", "release"]) == 0
    assert capsys.readouterr().out == "release.pub\n"
    pem = Path("release.pub").read_text()
    for key in ("release.key", "release.pub"):
        assert main(["key", "public", key]) == 0
        assert capsys.readouterr().out == pem
        assert main(["key", "show", key, "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out) == {
            "key": key,
            "kind": "ECDSA P-256",
            "fingerprint": load_public(Path("release.pub")).fingerprint,
            "hint": load_public(Path("release.pub")).hint,
            "publicKey": pem,
        }


def test_the_default_pair_is_the_default_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "generate", "--format", "json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made == {"private": "imgforge.key", "public": "imgforge.pub"}
    assert main(["key", "show"]) == 0
    assert load_public(Path("imgforge.pub")).fingerprint in capsys.readouterr().out


def test_a_key_in_a_variable_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELEASE", (KEYS / "cosign.key").read_text())
    assert main(["key", "public", "env://RELEASE"]) == 0
    assert capsys.readouterr().out == (KEYS / "cosign.pub").read_text()


@pytest.mark.parametrize("password", [None, b"old"])
def test_import(password: bytes | None, capsys: pytest.CaptureFixture[str]) -> None:
    key = foreign(Path("foreign.pem"), password)
    Path("old").write_bytes(b"old\n")
    command = ["key", "import", "foreign.pem", "--prefix", "ours", "--from-password-file", "old"]
    assert main(command) == 0
    assert capsys.readouterr().out == "ours.pub\n"
    held = load_private(Path("ours.key"), b"secret")
    assert held.private_numbers() == key.private_numbers()
    assert Path("ours.key").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_imported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["key", "import"]) == 2
    assert main(["key", "import", "none"]) == 2
    assert main(["key", "import", str(KEYS / "cosign.key")]) == 2
    assert "cosign's already" in capsys.readouterr().err
    foreign(Path("locked.pem"), b"old")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    assert main(["key", "import", "locked.pem"]) == 2
    assert "--from-password-file" in capsys.readouterr().err
    Path("wrong").write_bytes(b"wrong")
    assert main(["key", "import", "locked.pem", "--from-password-file", "wrong"]) == 5
    Path("text").write_bytes(b"-----BEGIN text")
    assert main(["key", "import", "text"]) == 5
    odd = ed25519.Ed25519PrivateKey.generate()
    Path("odd").write_bytes(
        odd.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    capsys.readouterr()
    assert main(["key", "import", "odd"]) == 5
    assert "of a kind" in capsys.readouterr().err
    assert not Path("imgforge.key").exists()


def test_keys_of_services_are_made_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "generate", "awskms:///alias/release"]) == 2
    assert "docs/how-to/keys.md" in capsys.readouterr().err
