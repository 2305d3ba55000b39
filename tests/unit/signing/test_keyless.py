"""Certificates of a local Sigstore, recorded; and a log of our own for older signatures."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rekorlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from imgforge.errors import EvidenceError, TransientError
from imgforge.signing import keyless
from imgforge.signing.keyless import ByIdentity, check_root
from imgforge.signing.simple import SimpleSignature
from imgforge.signing.statement import SIGNATURE

DATA = Path(__file__).parent / "data/keyless"
ROOT = (DATA / "trusted_root.json").read_bytes()
DIGEST = (DATA / "digest").read_text().strip()
GITHUB = "http://127.0.0.1:5550/gh"
NAME = "https://github.com/acme/base/.github/workflows/release.yml@refs/heads/main"
WORKFLOW = ByIdentity("https://github.com/acme/*", GITHUB, ROOT)
Edit = Callable[[dict[str, Any]], object]


def bundle(name: str) -> bytes:
    return (DATA / f"{name}.json").read_bytes()


@pytest.mark.parametrize(
    ("who", "name", "signer"),
    [
        (WORKFLOW, "workflow", f"{NAME} of {GITHUB}"),
        (ByIdentity(NAME, GITHUB, ROOT), "workflow", f"{NAME} of {GITHUB}"),
        (
            ByIdentity("*@example.com", "http://127.0.0.1:5550", ROOT),
            "email",
            "dev@example.com of http://127.0.0.1:5550",
        ),
    ],
)
def test_cosigns_bundles_prove_who_signed(who: ByIdentity, name: str, signer: str) -> None:
    statement, found = who.statement(bundle(name))
    assert found.signer == signer
    assert statement.is_about(DIGEST)
    assert statement.predicate_type == SIGNATURE


@pytest.mark.parametrize(
    ("who", "name"),
    [
        (WORKFLOW, "email"),
        (ByIdentity("https://github.com/acme", GITHUB, ROOT), "workflow"),
        (ByIdentity("https://github.com/acme/*", "http://127.0.0.1:5550", ROOT), "workflow"),
        (ByIdentity("https://github.com/acme/*", "http://127.0.0.1:5550/*", ROOT), "workflow"),
        (ByIdentity("HTTPS://github.com/acme/*", GITHUB, ROOT), "workflow"),
    ],
)
def test_another_name_or_issuer_is_not_it(who: ByIdentity, name: str) -> None:
    with pytest.raises(ValueError, match="does not prove it"):
        who.statement(bundle(name))


def test_the_public_sigstore_is_the_root_where_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    public = ByIdentity("https://github.com/acme/*", GITHUB, offline=True)
    with pytest.raises(ValueError, match="does not prove it"):
        public.statement(bundle("workflow"))


def test_a_public_root_out_of_reach_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    public = ByIdentity("https://github.com/acme/*", GITHUB)
    with pytest.raises(TransientError, match="trusted root cannot be had: Failed to refresh"):
        public.statement(bundle("workflow"))


def _envelope(value: dict[str, Any], field: str, text: bytes) -> None:
    value["dsseEnvelope"][field] = base64.b64encode(text).decode()


@pytest.mark.parametrize(
    "edit",
    [
        lambda v: v.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"),
        lambda v: v.pop("verificationMaterial"),
        lambda v: v.pop("dsseEnvelope"),
        lambda v: _envelope(v, "payload", b"{}"),
        lambda v: v["dsseEnvelope"].update(payloadType="text/plain"),
        lambda v: v["dsseEnvelope"].update(signatures=[]),
        lambda v: v["dsseEnvelope"]["signatures"].append(v["dsseEnvelope"]["signatures"][0]),
        lambda v: v["verificationMaterial"].pop("certificate"),
        lambda v: v["verificationMaterial"].update(publicKey={"hint": "x"}),
        lambda v: v["verificationMaterial"].update(tlogEntries=[]),
        lambda v: v["verificationMaterial"].pop("timestampVerificationData"),
        lambda v: v["verificationMaterial"]["tlogEntries"][0]["inclusionProof"].update(
            logIndex="999"
        ),
        lambda v: v["verificationMaterial"]["tlogEntries"][0].pop("inclusionProof"),
        lambda v: v["verificationMaterial"]["tlogEntries"][0].update(canonicalizedBody="e30="),
        lambda v: v["verificationMaterial"].update(
            certificate=json.loads(bundle("email"))["verificationMaterial"]["certificate"]
        ),
        lambda v: v.update(dsseEnvelope=json.loads(bundle("attestation"))["dsseEnvelope"]),
    ],
)
def test_a_tampered_bundle_proves_nothing(edit: Edit) -> None:
    value = json.loads(bundle("workflow"))
    edit(value)
    with pytest.raises(ValueError, match=r"\w"):
        WORKFLOW.statement(json.dumps(value).encode())


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"a":1,"a":2}', b"\xff"])
def test_what_is_no_bundle_proves_nothing(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        WORKFLOW.statement(data)


@pytest.mark.parametrize("root", [b"", b"{}", b"x", b'{"mediaType":"x"}', b" " * (5 << 20)])
def test_what_is_no_trusted_root_is_refused(root: bytes) -> None:
    with pytest.raises(EvidenceError, match=r"root\.json is"):
        check_root(root, "root.json")


@pytest.mark.parametrize("length", [5, 200, 300])
def test_fulcios_own_names_are_read(length: int) -> None:
    name = "u" * length
    size = bytes([length]) if length < 128 else b"\x81\xc8" if length == 200 else b"\x82\x01\x2c"
    value = b"\x0c" + size + name.encode()
    fulcio, other = (x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{n}") for n in (7, 9))
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.OtherName(fulcio, value), x509.OtherName(other, b"\x0c\x01x")]
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now)
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
        .sign(key, hashes.SHA256())
    )
    assert keyless._names(certificate) == [name]


@pytest.fixture
def log() -> Iterator[rekorlog.Log]:
    made = json.loads((DATA / "simple.json").read_text())
    with rekorlog.serve(
        rekorlog.Log(
            base64.b64decode(made["payload"]),
            base64.b64decode(made["signature"]),
            made["certificate"],
            made["time"],
        )
    ) as log:
        yield log


def who(log: rekorlog.Log, *, offline: bool = False) -> ByIdentity:
    root = json.loads(ROOT)
    root["tlogs"].append(log.instance())
    return ByIdentity("https://github.com/acme/*", GITHUB, json.dumps(root).encode(), offline)


def older(log: rekorlog.Log) -> SimpleSignature:
    return SimpleSignature(
        log.payload, log.signature, log.certificate.encode(), log.kept().encode()
    )


def test_an_older_signature_is_proven_by_its_log(log: rekorlog.Log) -> None:
    assert older(log).is_about(DIGEST)
    assert who(log).payload(older(log)).signer == f"{NAME} of {GITHUB}"
    assert log.asked == [f"/api/v1/log/entries?logIndex={rekorlog.INDEX}"]


def test_an_older_signature_needs_its_log(log: rekorlog.Log) -> None:
    with pytest.raises(TransientError, match="has to be asked"):
        who(log, offline=True).payload(older(log))
    with pytest.raises(ValueError, match="none that the trusted root knows"):
        WORKFLOW.payload(older(log))
    for kept, reason in (
        (None, "no entry"),
        (b"{}", "no Payload"),
        (b'{"Payload":{}}', "names no log"),
        (b'{"Payload":{"logID":"zz","logIndex":1}}', "hexadecimal"),
    ):
        signature = SimpleSignature(log.payload, log.signature, log.certificate.encode(), kept)
        with pytest.raises(ValueError, match=reason):
            who(log).payload(signature)
    signature = SimpleSignature(log.payload, log.signature, None, log.kept().encode())
    with pytest.raises(ValueError, match="plain key"):
        who(log).payload(signature)
    elsewhere = log.kept().replace(f'"logIndex": {rekorlog.INDEX}', '"logIndex": 8')
    signature = SimpleSignature(
        log.payload, log.signature, log.certificate.encode(), elsewhere.encode()
    )
    with pytest.raises(ValueError, match="no entry 8"):
        who(log).payload(signature)


def _later(entry: dict[str, Any]) -> None:
    entry["integratedTime"] += 3600


def _proof(entry: dict[str, Any], **changes: object) -> None:
    entry["verification"]["inclusionProof"].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        _later,
        lambda e: e.clear(),
        lambda e: e.update(body="e30="),
        lambda e: e.update(logID="00" * 32),
        lambda e: e["verification"].update(signedEntryTimestamp="AAAA"),
        lambda e: e["verification"].pop("inclusionProof"),
        lambda e: _proof(e, treeSize=2),
        lambda e: _proof(e, rootHash="00" * 32),
        lambda e: _proof(e, hashes=["00" * 32]),
        lambda e: _proof(e, checkpoint="x"),
        lambda e: _proof(e, checkpoint=e["verification"]["inclusionProof"]["checkpoint"].upper()),
    ],
)
def test_a_log_that_lies_proves_nothing(log: rekorlog.Log, change: Edit) -> None:
    log.change = change
    with pytest.raises(ValueError, match=r"\w"):
        who(log).payload(older(log))


def test_another_payload_signature_or_certificate_is_not_the_logged_one(log: rekorlog.Log) -> None:
    pem, kept = log.certificate.encode(), log.kept().encode()
    raw = json.loads(bundle("email"))["verificationMaterial"]["certificate"]["rawBytes"]
    other = f"-----BEGIN CERTIFICATE-----\n{raw}\n-----END CERTIFICATE-----\n".encode()
    for signature in (
        SimpleSignature(log.payload + b" ", log.signature, pem, kept),
        SimpleSignature(log.payload, log.signature[:-1] + b"\0", pem, kept),
        SimpleSignature(log.payload, log.signature, other, kept),
        SimpleSignature(log.payload, log.signature, b"x", kept),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            who(log).payload(signature)
