"""The sealer with a key: alone, and with witnesses."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from madeservices import MadeServices
from madesigstore import new_key

from imgforge.errors import EvidenceError
from imgforge.signing import dsse, statement
from imgforge.signing.bundle import Bundle
from imgforge.signing.proof import Witnesses
from imgforge.signing.sealer import (
    KeySealer,
    Witnessed,
    Witnessing,
    seal_all,
    together,
    verifier_of_key,
)
from imgforge.signing.signatory import ByKey
from imgforge.signing.signer import KeySigner

ABOUT = [statement.Subject("app", "sha256:" + "a" * 64)]
SAID = statement.about(ABOUT, statement.SIGNATURE, {}).to_bytes()


def sealer(services: MadeServices, *, log: bool, timestamp: bool) -> KeySealer:
    signer = KeySigner(new_key())
    trust = services.trust()
    witnessing = Witnessing(
        services.real, trust.log if log else None, trust.timestamps if timestamp else ()
    )
    return KeySealer(signer, Witnessed(signer.public_key, trust, witnessing))


def test_alone_it_repeats_itself_and_asks_nobody() -> None:
    own = KeySealer(KeySigner(new_key()))
    first, second = seal_all(own, [SAID, SAID])
    said, proof = own.signatory().statement(first)
    assert said.to_bytes() == SAID
    assert not proof.times
    # As openssl before 3.2 signs anew each time, compare what must be the same everywhere.
    assert Bundle.from_bytes(first).envelope.payload == Bundle.from_bytes(second).envelope.payload
    assert str(own) == f"the key {own.signer.public_key.fingerprint}"


@pytest.mark.parametrize(("log", "timestamp"), [(True, False), (False, True), (True, True)])
def test_the_witnesses_that_are_asked_are_in_the_bundle(log: bool, timestamp: bool) -> None:  # noqa: FBT001
    services = MadeServices()
    own = sealer(services, log=log, timestamp=timestamp)
    bundle = own.seal(SAID)
    assert (services.entries, services.stamps) == (int(log), int(timestamp))
    _, proof = own.signatory().statement(bundle)
    assert bool(proof.log) == log
    assert bool(proof.times) == timestamp
    root = services.sigstore.root()
    for more in (Witnesses(log=True), Witnesses(timestamp=True)):
        who = ByKey(own.signer.public_key, witnesses=more, root=root)
        if (more.log and not log) or (more.timestamp and not timestamp):
            with pytest.raises(ValueError, match=r"log|timestamp"):
                who.statement(bundle)
        else:
            who.statement(bundle)


def test_what_was_signed_earlier_is_borne_out_later_and_keeps_what_it_had() -> None:
    services = MadeServices()
    own = sealer(services, log=True, timestamp=False)
    assert own.witnessed is not None
    stamped = dataclasses.replace(
        own.witnessed, witnessing=Witnessing(services.real, None, ("https://tsa.test",))
    )
    envelope = dsse.sign(SAID, own.signer)
    first = json.loads(stamped.seal(envelope))
    second = json.loads(own.witnessed.seal(envelope, first["verificationMaterial"]))
    assert second["dsseEnvelope"] == first["dsseEnvelope"]
    kept = second["verificationMaterial"]
    assert len(kept["tlogEntries"]) == 1
    assert (
        kept["timestampVerificationData"]
        == (first["verificationMaterial"]["timestampVerificationData"])
    )


def test_who_has_borne_witness_is_not_asked_again() -> None:
    services = MadeServices()
    own = sealer(services, log=True, timestamp=True)
    assert own.witnessed is not None
    envelope = dsse.sign(SAID, own.signer)
    whole = json.loads(own.witnessed.seal(envelope))["verificationMaterial"]
    again = json.loads(own.witnessed.seal(envelope, whole))
    assert again["verificationMaterial"] == whole
    assert (services.entries, services.stamps) == (1, 1)
    foreign = MadeServices().sigstore.tiles.entry(b'{"kind":"x","apiVersion":"1"}')
    own.witnessed.seal(envelope, {**whole, "tlogEntries": [foreign]})
    assert (services.entries, services.stamps) == (2, 1)


def test_a_signature_by_another_key_gets_no_witness_into_a_bundle() -> None:
    own = sealer(MadeServices(), log=True, timestamp=False)
    assert own.witnessed is not None
    foreign = dsse.sign(SAID, KeySigner(new_key()))
    with pytest.raises(EvidenceError, match="was not attached"):
        own.witnessed.seal(foreign)


def test_a_signer_that_signs_wrongly_is_found_out() -> None:
    class Broken(KeySigner):
        def sign(self, data: bytes) -> bytes:
            return super().sign(data + b"x")

    with pytest.raises(EvidenceError, match="was not attached"):
        KeySealer(Broken(new_key())).seal(SAID)


def test_the_first_error_ends_it() -> None:
    def fails() -> bytes:
        raise EvidenceError("no")

    with pytest.raises(EvidenceError, match="no"):
        together([lambda: b"", fails, lambda: b""])
    assert together([]) == []


@pytest.mark.parametrize(
    ("bits", "details"), [(2048, "PKIX_RSA_PKCS1V15_2048_SHA256"), (2304, None)]
)
def test_rsa_keys_are_named_as_logs_name_them(bits: int, details: str | None) -> None:
    key = rsa.generate_private_key(65537, bits).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if details is None:
        with pytest.raises(EvidenceError, match="no RSA key of 2304 bits"):
            verifier_of_key(der, b"")
    else:
        assert verifier_of_key(der, b"").details == details


def test_the_bundle_is_as_cosign_keeps_it(tmp_path: Path) -> None:
    own = sealer(MadeServices(), log=True, timestamp=True)
    path = tmp_path / "bundle.json"
    path.write_bytes(own.seal(SAID))
    value = json.loads(path.read_bytes())
    assert value["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert set(value) == {"mediaType", "verificationMaterial", "dsseEnvelope"}
    assert value["verificationMaterial"]["publicKey"] == {"hint": own.signer.hint}
    assert base64.b64decode(value["dsseEnvelope"]["payload"]) == SAID
