"""Keys where they really lie: on SoftHSM's tokens, in an OpenBao, in files of OpenSSL's.

The real cosign judges what each of them signs.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import tiny
from running import imgforge, run, tool

from imgforge import publish
from imgforge.errors import EvidenceError, InvalidInputError, ToolMissingError
from imgforge.oci.layout import Layout
from imgforge.oci.types import sha256
from imgforge.shipment import Shipment, Terms
from imgforge.signing import KeySealer, blob, load_public, sign_image, statement
from imgforge.signing.named import open_signer
from imgforge.signing.signatory import ByKey

PIN = b"1234"
DATA = b"what is signed\n" * 1000
TOKEN_MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")
OPENBAO_ROOT = "made-up-root"


def pin() -> bytes:
    return PIN


def nobody() -> bytes:
    pytest.fail("no password is wanted")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return SoftHSM's module with a token ``release`` of this test's own."""
    found = next((path for path in TOKEN_MODULES if Path(path).is_file()), None)
    if found is None:
        pytest.fail("SoftHSM is missing; dev/tools installs it")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    make_token("release")
    # SoftHSM reads where its tokens are when it is initialised, which is once a process.
    import pkcs11

    pkcs11.unload(found)
    return found


def make_token(label: str) -> None:
    pins = ("--pin", PIN.decode(), "--so-pin", "5678")
    run(tool("softhsm2-util"), "--init-token", "--free", "--label", label, *pins)


def make_key(module: str, kind: str, label: str, key_id: str, *more: str) -> None:
    """Have OpenSC make a key pair, not imgforge."""
    run(
        *(tool("pkcs11-tool"), "--module", module, "--token-label", "release"),
        *("--login", "--pin", PIN.decode(), "--keypairgen", "--key-type", kind),
        *("--label", label, "--id", key_id, *more),
    )


def uri(module: str, path: str, query: str = "") -> str:
    return f"pkcs11:{path}?module-path={module}{query}"


def accepts(folder: Path, public: bytes, signed: bytes) -> None:
    """Show that cosign accepts the signature over DATA."""
    (folder / "judge.pub").write_bytes(public)
    (folder / "data").write_bytes(DATA)
    (folder / "bundle").write_bytes(signed)
    run(
        *(tool("cosign"), "verify-blob", "--key", folder / "judge.pub"),
        *("--bundle", folder / "bundle", "--insecure-ignore-tlog", folder / "data"),
        env={"HOME": str(folder)},
    )


def test_cosign_accepts_an_image_that_a_token_signed(
    module: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = os.environ.get("IMGFORGE_TEST_REGISTRY") or request.getfixturevalue("registry")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    make_key(module, "EC:prime256v1", "k", "01")
    signer = open_signer(uri(module, "object=k"), pin)
    layout = Layout.create(tmp_path / "layout")
    image = tiny.image(layout, "amd64", str(tmp_path).encode())
    predicates = [(statement.SPDX, b'{"spdxVersion":"SPDX-2.3"}')]
    found = sign_image(
        layout, image, KeySealer(signer), name="app", predicates=predicates, created=1_700_000_000
    )
    repository = f"{place}/keys/{sha256(str(tmp_path).encode())[7:19]}"
    publish.publish(
        Shipment(layout, image, tuple(found)),
        publish.targets([repository], ["1"]),
        Terms((ByKey(signer.public_key),)),
        say=lambda _: None,
    )
    (tmp_path / "k.pub").write_bytes(signer.public_key.to_pem())
    for command in (("verify",), ("verify-attestation", "--type", "spdxjson")):
        run(
            *(tool("cosign"), *command, "--key", tmp_path / "k.pub", "--insecure-ignore-tlog"),
            f"{repository}:1",
            env={"HOME": str(tmp_path)},
        )


@pytest.mark.parametrize(
    ("kind", "said"), [("EC:prime256v1", "ECDSA P-256"), ("rsa:3072", "RSA 3072")]
)
def test_a_token_signs_what_cosign_accepts(
    module: str, tmp_path: Path, kind: str, said: str
) -> None:
    make_key(module, kind, "sign me", "0a0b")
    for path in ("token=release;object=sign%20me", "token=release;id=%0a%0b", "object=sign%20me"):
        signer = open_signer(uri(module, path), pin)
        assert signer.public_key.kind == said
        accepts(tmp_path, signer.public_key.to_pem(), blob.sign(DATA, signer))


def test_a_key_that_wants_its_pin_each_time(module: str, tmp_path: Path) -> None:
    make_key(module, "EC:prime256v1", "careful", "01", "--always-auth")
    signer = open_signer(uri(module, "object=careful"), pin)
    accepts(tmp_path, signer.public_key.to_pem(), blob.sign(DATA, signer))
    accepts(tmp_path, signer.public_key.to_pem(), blob.sign(DATA, signer))


def test_a_key_made_on_a_token_signs_and_is_shown(module: str, tmp_path: Path) -> None:
    key = uri(module, "token=release;object=made%20here")
    env = {"IMGFORGE_KEY_PASSWORD": PIN.decode()}
    made = imgforge("key", "generate", key, cwd=tmp_path, env=env).stdout
    assert imgforge("key", "public", key, cwd=tmp_path).stdout == made
    (tmp_path / "made.pub").write_text(made)
    shown = imgforge("key", "show", key, cwd=tmp_path).stdout
    assert load_public(tmp_path / "made.pub").fingerprint in shown
    signer = open_signer(key, pin)
    accepts(tmp_path, made.encode(), blob.sign(DATA, signer))
    again = imgforge("key", "generate", key, cwd=tmp_path, env=env, code=2)
    assert "never overwritten" in again.stderr
    found = run(
        *(tool("pkcs11-tool"), "--module", module, "--token-label", "release"),
        *("--login", "--pin", PIN.decode(), "--list-objects", "--type", "privkey"),
    ).stdout
    assert "never extractable" in found


def test_where_a_pin_comes_from(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_key(module, "EC:prime256v1", "k", "01")
    (tmp_path / "pin").write_bytes(PIN + b"\n")
    for query in ("&pin-value=1234", f"&pin-source=file:{tmp_path}/pin"):
        assert open_signer(uri(module, "object=k", query), nobody).sign(DATA)
    monkeypatch.setenv("COSIGN_PKCS11_PIN", PIN.decode())
    assert open_signer(uri(module, "object=k"), nobody).sign(DATA)
    # Who only wants the public half is asked for nothing.
    monkeypatch.delenv("COSIGN_PKCS11_PIN")
    assert open_signer(uri(module, "object=k"), nobody).hint


def test_several_threads_sign_with_one_token(module: str) -> None:
    make_key(module, "EC:prime256v1", "k", "01")
    signers = [open_signer(uri(module, "object=k"), pin) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        said = [str(number).encode() for number in range(40)]
        signed = list(pool.map(lambda data: signers[len(data) % 2].sign(data), said))
    public = signers[0].public_key
    assert all(public.verify(each, data) for each, data in zip(signed, said, strict=True))


def test_a_wrong_pin_is_tried_once(module: str) -> None:
    make_key(module, "EC:prime256v1", "k", "01")
    asked = []

    def wrong() -> bytes:
        asked.append(1)
        return b"9999"

    signer = open_signer(uri(module, "object=k"), wrong)
    with pytest.raises(EvidenceError, match="refuses this PIN") as caught:
        signer.sign(DATA)
    assert "9999" not in f"{caught.value}{caught.value.hint}"
    assert asked == [1]
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        open_signer(uri(module, "object=k"), lambda: b"\xff").sign(DATA)


def test_what_is_not_there_or_not_clear_is_named(module: str, tmp_path: Path) -> None:
    make_key(module, "EC:prime256v1", "k", "01")
    make_key(module, "EC:prime256v1", "k", "02")
    make_key(module, "EC:secp384r1", "large", "03")
    for path, told in (
        ("object=none", "no public key or certificate"),
        ("token=other;object=k", "no tokens of"),
        ("token=release;serial=0;object=k", "no tokens of"),
        ("slot-id=1;object=none", "no tokens of"),
        ("object=k", "2 keys of the token fit"),
        ("object=large", "of a kind"),
    ):
        with pytest.raises(EvidenceError, match=told):
            open_signer(uri(module, path), pin)
    assert open_signer(uri(module, "object=k;id=%02"), pin).sign(DATA)
    with pytest.raises(ToolMissingError, match="there is no PKCS #11 module"):
        open_signer(uri("/no/module.so", "object=k"), pin)
    (tmp_path / "text.so").write_text("text")
    with pytest.raises(ToolMissingError, match="cannot be used as a PKCS #11 module"):
        open_signer(uri(str(tmp_path / "text.so"), "object=k"), pin)


def test_two_tokens_that_fit_are_refused(module: str) -> None:
    make_token("second")
    import pkcs11

    pkcs11.unload(module)
    with pytest.raises(EvidenceError, match="2 tokens of") as caught:
        open_signer(uri(module, "object=k"), pin)
    assert "'second'" in str(caught.value.hint)


@pytest.fixture
def openbao(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Run an OpenBao with its transit engine; nothing is written."""
    program = tool("bao")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    env = {**os.environ, "HOME": str(tmp_path)}
    with (
        (tmp_path / "bao.log").open("wb") as log,
        subprocess.Popen(
            [
                *(program, "server", "-dev", f"-dev-root-token-id={OPENBAO_ROOT}"),
                *(f"-dev-listen-address={place}", "-dev-no-store-token"),
            ],
            env=env,
            stdout=log,
            stderr=log,
        ) as server,
    ):
        try:
            monkeypatch.setenv("BAO_ADDR", f"http://{place}")
            monkeypatch.setenv("BAO_TOKEN", OPENBAO_ROOT)
            monkeypatch.delenv("VAULT_ADDR", raising=False)
            monkeypatch.delenv("VAULT_TOKEN", raising=False)
            answers(f"http://{place}/v1/sys/health")
            run(program, "secrets", "enable", "transit")
            yield
        finally:
            server.terminate()


def answers(url: str) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            httpx.get(url, timeout=2)
        except httpx.HTTPError:
            if time.monotonic() > end:
                pytest.fail(f"{url} does not answer")
            time.sleep(0.1)
        else:
            return


@pytest.mark.usefixtures("openbao")
def test_openbao_signs_what_cosign_accepts(tmp_path: Path) -> None:
    for kind, said in (("ecdsa-p256", "ECDSA P-256"), ("rsa-3072", "RSA 3072")):
        run(tool("bao"), "write", "-f", f"transit/keys/{kind}", f"type={kind}")
        signer = open_signer(f"openbao://{kind}", nobody)
        assert signer.public_key.kind == said
        accepts(tmp_path, signer.public_key.to_pem(), blob.sign(DATA, signer))
        # What was opened signs with its own version when the key is rotated.
        run(tool("bao"), "write", "-f", f"transit/keys/{kind}/rotate")
        accepts(tmp_path, signer.public_key.to_pem(), blob.sign(DATA, signer))
        assert open_signer(f"openbao://{kind}", nobody).public_key != signer.public_key
    run(tool("bao"), "write", "-f", "transit/keys/aes", "type=aes256-gcm96")
    with pytest.raises(EvidenceError, match="no public half"):
        open_signer("openbao://aes", nobody)
    with pytest.raises(EvidenceError, match="status 404"):
        open_signer("openbao://none", nobody)


@pytest.mark.parametrize("form", ["PKCS8", "PKCS8-encrypted", "SEC1", "DER", "RSA"])
def test_keys_of_openssl_become_cosigns(tmp_path: Path, form: str) -> None:
    openssl = tool("openssl")
    env = {"COSIGN_PASSWORD": "new", "HOME": str(tmp_path)}
    more = ["--from-password-file", str(tmp_path / "old")] if "encrypted" in form else []
    (tmp_path / "old").write_text("old\n")
    algorithm = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    if form == "RSA":
        algorithm = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    protect = ["-aes256", "-pass", f"file:{tmp_path}/old"] if more else []
    out = ["-outform", "DER"] if form == "DER" else []
    if form == "SEC1":
        run(openssl, "ecparam", "-name", "prime256v1", "-genkey", "-out", tmp_path / "foreign")
    else:
        run(openssl, "genpkey", *algorithm, *protect, *out, "-out", tmp_path / "foreign")
    imgforge("key", "import", "foreign", "--prefix", "ours", *more, cwd=tmp_path, env=env)
    read = ["-passin", f"file:{tmp_path}/old"] if more else []
    read += ["-inform", "DER"] if form == "DER" else []
    public = run(openssl, "pkey", "-in", tmp_path / "foreign", *read, "-pubout").stdout
    assert (tmp_path / "ours.pub").read_text() == public
    # Cosign opens what we wrote, and we what it wrote.
    (tmp_path / "data").write_bytes(DATA)
    run(
        *(tool("cosign"), "sign-blob", "--key", "ours.key", "--use-signing-config=false"),
        *("--tlog-upload=false", "--yes", "--bundle", "theirs", "data"),
        cwd=tmp_path,
        env=env,
    )
    blob.verify((tmp_path / "theirs").read_bytes(), DATA, load_public(tmp_path / "ours.pub"))
    signer = open_signer(str(tmp_path / "ours.key"), lambda: b"new")
    accepts(tmp_path, public.encode(), blob.sign(DATA, signer))


def test_a_key_of_cosigns_signs_from_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {"COSIGN_PASSWORD": "theirs", "HOME": str(tmp_path)}
    run(tool("cosign"), "generate-key-pair", "--output-key-prefix", "c", cwd=tmp_path, env=env)
    monkeypatch.setenv("RELEASE_KEY", (tmp_path / "c.key").read_text())
    signer = open_signer("env://RELEASE_KEY", lambda: b"theirs")
    accepts(tmp_path, (tmp_path / "c.pub").read_bytes(), blob.sign(DATA, signer))
    shutil.copy(tmp_path / "c.key", tmp_path / "foreign.key")
    again = imgforge("key", "import", "foreign.key", cwd=tmp_path, env=env, code=2)
    assert "cosign's already" in again.stderr
