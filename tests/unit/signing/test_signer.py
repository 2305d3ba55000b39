from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from imgforge.errors import EvidenceError, InvalidInputError, ToolMissingError
from imgforge.signing import key as keys
from imgforge.signing import remote
from imgforge.signing.named import open_signer, public_of
from imgforge.signing.remote import RemoteSigner
from imgforge.signing.signer import KeySigner

DATA = Path(__file__).parent / "data"
PUBLIC = keys.load_public(DATA / "cosign.pub")

PLUGIN = """\
#!{python}
import base64, json, os, sys
sys.path[:0] = {path!r}
from pathlib import Path
from imgforge.signing.signer import KeySigner
with open(os.environ["CALLS"], "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
call = json.loads(sys.argv[2])
signer = KeySigner.open(Path({key!r}), b"secret")
method = call["methodName"]
if "SAY" in os.environ:
    print(os.environ["SAY"])
elif method == "publicKey":
    pem = signer.public_key.to_pem()
    print(json.dumps({{"publicKey": {{"publicKeyPEM": base64.b64encode(pem).decode()}}}}))
else:
    signature = signer.sign(sys.stdin.buffer.read() + os.environ.get("SPOIL", "").encode())
    print(json.dumps({{"signMessage": {{"signature": base64.b64encode(signature).decode()}}}}))
print("talk", file=sys.stderr)
sys.exit(3)  # its exit code says nothing
"""


def secret() -> bytes:
    return b"secret"


def nobody() -> bytes:
    pytest.fail("no password is wanted")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put ``sigstore-kms-ours`` in PATH; return the file it notes its calls in."""
    program = tmp_path / "sigstore-kms-ours"
    text = PLUGIN.format(python=sys.executable, path=sys.path, key=str(DATA / "cosign.key"))
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def test_a_path_is_a_pair_of_files() -> None:
    signer = open_signer(str(DATA / "cosign.key"), secret)
    assert isinstance(signer, KeySigner)
    assert signer.public_key == PUBLIC
    assert public_of(str(DATA / "cosign.pub")) == PUBLIC


def test_a_pair_that_is_none_is_refused(tmp_path: Path) -> None:
    keys.generate(tmp_path / "other", b"secret")
    (tmp_path / "k.key").write_bytes((DATA / "cosign.key").read_bytes())
    (tmp_path / "k.pub").write_bytes((tmp_path / "other.pub").read_bytes())
    with pytest.raises(InvalidInputError, match="not the public half"):
        open_signer(str(tmp_path / "k.key"), secret)


def test_a_variable_holds_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING", (DATA / "cosign.key").read_text())
    assert open_signer("env://SIGNING", secret).public_key == PUBLIC
    with pytest.raises(EvidenceError, match=r"\$SIGNING is a private key"):
        public_of("env://SIGNING")
    monkeypatch.setenv("SIGNING", (DATA / "cosign.pub").read_text())
    assert public_of("env://SIGNING") == PUBLIC
    with pytest.raises(EvidenceError, match=r"\$SIGNING is a PEM PUBLIC KEY"):
        open_signer("env://SIGNING", secret)


@pytest.mark.parametrize("name", ["", "IMGFORGE_NO_SUCH"])
def test_a_variable_that_is_not_set_is_named(name: str) -> None:
    with pytest.raises(InvalidInputError, match="is not set"):
        open_signer(f"env://{name}", nobody)


def test_a_plugin_opens_what_nothing_else_does(plugin: Path) -> None:
    signer = open_signer("ours://some/key", nobody)
    assert signer.public_key == PUBLIC
    assert PUBLIC.verify(signer.sign(b"\x00data"), b"\x00data")
    version, call = json.loads(plugin.read_text().splitlines()[1])
    assert version == "v1"
    assert json.loads(call) == {
        "initOptions": {
            "protocolVersion": "v1",
            "keyResourceID": "some/key",
            "hashFunc": 5,
            "rpcOptions": {},
        },
        "methodName": "signMessage",
        "signMessage": {"signOptions": {"rpcOptions": {}, "messageOptions": {"hashFunc": 5}}},
    }


def test_a_wrong_signature_is_not_believed(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOIL", "!")
    signer = open_signer("ours://some/key", nobody)
    assert plugin.exists()
    with pytest.raises(EvidenceError, match="not its key's"):
        signer.sign(b"data")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('{"errorMessage": "no such key"}', "refuses publicKey: 'no such key'"),
        ("", "what is no answer"),
        ("[]", "what is no answer"),
        ("{}", "what is no answer"),
        ('{"publicKey": {"publicKeyPEM": 7}}', "what is no answer"),
        ('{"publicKey": {"publicKeyPEM": "!"}}', "what is no answer"),
        ('{"publicKey": {"publicKeyPEM": "AAAA"}}', "not one PEM block"),
    ],
)
def test_what_a_plugin_must_not_say(
    plugin: Path, monkeypatch: pytest.MonkeyPatch, said: str, told: str
) -> None:
    monkeypatch.setenv("SAY", said)
    with pytest.raises(EvidenceError, match=told) as caught:
        open_signer("ours://some/key", nobody)
    assert plugin.exists()
    assert "no answer" not in told or caught.value.details == ("talk",)


def test_a_scheme_that_nobody_opens_is_named() -> None:
    with pytest.raises(ToolMissingError, match="sigstore-kms-nosuch") as caught:
        open_signer("nosuch://key", nobody)
    assert "awskms://" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("key", "scheme"),
    [
        ("imgforge.key", None),
        ("/a/b:c", None),
        ("./pkcs11", None),
        ("pkcs11:token=a", "pkcs11"),
        ("awskms:///alias/a", "awskms"),
        ("env://A", "env"),
        ("my-kms://x", "my-kms"),
    ],
)
def test_what_is_a_uri(key: str, scheme: str | None) -> None:
    assert remote.scheme(key) == scheme


def test_a_pin_is_never_shown() -> None:
    uri = "pkcs11:token=a?pin-value=1234&module-path=/m.so"
    assert "1234" not in remote.shown(uri)
    signer = RemoteSigner(remote.shown(uri), PUBLIC, lambda data: data)
    assert "1234" not in repr(signer)


@pytest.mark.parametrize(
    ("uri", "blocked", "extra"),
    [
        ("awskms:///alias/a", "botocore", "aws"),
        ("gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k", "google.api_core", "gcp"),
        ("azurekms://v.vault.azure.net/k", "azure.identity", "azure"),
        ("pkcs11:object=a?module-path=/m.so", "pkcs11", "pkcs11"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, uri: str, blocked: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, blocked, None)
    with pytest.raises(ToolMissingError) as caught:
        open_signer(uri, nobody)
    assert caught.value.hint == f"pip install 'imgforge[{extra}]'"
