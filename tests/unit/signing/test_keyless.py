"""Certificates of a local Sigstore, recorded; and a made log for older signatures."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import madesigstore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from imgforge.errors import EvidenceError, TransientError
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
MADE = madesigstore.Log()


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
        (ByIdentity("https://github.com/acme/*", "http://127.0.0.1:5550/*x", ROOT), "workflow"),
        (ByIdentity("", GITHUB, ROOT), "workflow"),
        (ByIdentity("*", "", ROOT), "workflow"),
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


def test_what_is_believed_of_a_certificate_is_told() -> None:
    _, found = WORKFLOW.statement(bundle("workflow"))
    assert found.claims == {
        "identity": NAME,
        "issuer": GITHUB,
        "repository": "https://github.com/acme/base",
        "ref": "refs/heads/main",
        "commit": "0" * 40,
        "workflow": NAME,
        "workflow-commit": "0" * 40,
        "workflow-name": "release",
        "signer": NAME,
        "signer-commit": "0" * 40,
        "trigger": "push",
        "runner": "github-hosted",
        "run": "https://github.com/acme/base/actions/runs/3/attempts/1",
        "owner": "https://github.com/acme",
        "owner-id": "2",
        "repository-id": "1",
        "visibility": "public",
    }
    assert found.log == "http://127.0.0.1:5553"
    assert found.index == 2
    (when,) = found.times
    assert dt.datetime.fromtimestamp(when, dt.UTC).date() == dt.date(2026, 11, 25)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"repository": "acme/base", "ref": "refs/heads/*", "runner": "github-hosted"}, ""),
        ({"repository": "https://github.com/acme/base"}, ""),
        ({"owner": "acme", "trigger": "push"}, ""),
        ({"repository": "acme/bas"}, "its repository is"),
        ({"repository": "acme/base", "ref": "refs/tags/*"}, "its ref is 'refs/heads/main'"),
        ({"environment": "*"}, "does not say its environment"),
        ({"nonsense": "*"}, "does not say its nonsense"),
    ],
)
def test_claims_are_demanded(claims: dict[str, str], reason: str) -> None:
    who = ByIdentity("https://github.com/acme/*", GITHUB, ROOT, claims=claims)
    if not reason:
        assert who.statement(bundle("workflow"))[1].signer == f"{NAME} of {GITHUB}"
        return
    with pytest.raises(ValueError, match=reason):
        who.statement(bundle("workflow"))


@pytest.mark.parametrize("name", ["workflow", "email", "attestation"])
def test_sigstore_python_says_the_same(name: str) -> None:
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier, policy

    _, found = ByIdentity("*", "*", ROOT).statement(bundle(name))
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(DATA / "trusted_root.json")))
    exact = policy.Identity(identity=found.claims["identity"], issuer=found.claims["issuer"])
    verifier.verify_dsse(Bundle.from_json(bundle(name)), exact)


def older() -> SimpleSignature:
    """Return a recorded signature that waits for :data:`MADE` to log it."""
    made = json.loads((DATA / "simple.json").read_text())
    payload, signature = (base64.b64decode(made[part]) for part in ("payload", "signature"))
    certificate = made["certificate"].encode()
    der = x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER)
    body = madesigstore.hashedrekord(payload, signature, der)
    time = dt.datetime.fromtimestamp(made["time"], dt.UTC)
    return SimpleSignature(payload, signature, certificate, MADE.kept(body, time=time).encode())


def logging() -> ByIdentity:
    root = json.loads(ROOT)
    root["tlogs"].append(MADE.instance())
    return dataclasses.replace(WORKFLOW, root=json.dumps(root).encode(), offline=True)


def test_an_older_signature_is_proven_by_its_logs_promise() -> None:
    assert older().is_about(DIGEST)
    found = logging().payload(older())
    assert found.signer == f"{NAME} of {GITHUB}"
    assert (found.log, found.index) == (MADE.url, 1005)
    assert len(found.times) == 1


def test_an_older_signature_needs_its_log() -> None:
    with pytest.raises(ValueError, match="none that the trusted root knows"):
        WORKFLOW.payload(older())
    for kept, reason in (
        (None, "no entry"),
        (b"{}", "its log entry has"),
        (b'{"SignedEntryTimestamp":"AAAA","Payload":{}}', "Payload has"),
        (older().log.replace(b'"logID": "', b'"logID": "zz'), "hexadecimal"),  # type: ignore[union-attr]
        (older().log.replace(b"1005", b"1006"), "promise is not by the log"),  # type: ignore[union-attr]
    ):
        with pytest.raises(ValueError, match=reason):
            logging().payload(dataclasses.replace(older(), log=kept))
    with pytest.raises(ValueError, match="plain key"):
        logging().payload(dataclasses.replace(older(), certificate=None))


def test_another_payload_signature_or_certificate_is_not_the_logged_one() -> None:
    good = older()
    raw = json.loads(bundle("email"))["verificationMaterial"]["certificate"]["rawBytes"]
    other = madesigstore.pem(base64.b64decode(raw))
    assert good.certificate is not None
    for change in (
        {"payload": good.payload + b" "},
        {"signature": good.signature[:-1] + b"\0"},
        {"certificate": other},
        {"certificate": b"x"},
        {"certificate": good.certificate * 2},
    ):
        with pytest.raises(ValueError, match=r"\w"):
            logging().payload(dataclasses.replace(good, **change))
