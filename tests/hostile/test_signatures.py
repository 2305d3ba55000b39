"""Signatures whose proof was tampered with, swapped, expired or made up by whoever could.

Everything is made by :mod:`madesigstore`, whose keys are at hand: a real Sigstore would refuse to
say most of what is said here.
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import madesigstore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from madesigstore import IDENTITY, NOW, Authority, Log, Sigstore, b64, valid

from imgforge.oci.types import Descriptor
from imgforge.signing import simple, statement
from imgforge.signing.entry import Inclusion
from imgforge.signing.key import PublicKey, load_public
from imgforge.signing.keyless import ByIdentity
from imgforge.signing.proof import Witnesses
from imgforge.signing.rekor import _inclusion
from imgforge.signing.signatory import ByKey, Signatory
from imgforge.signing.simple import OlderAttestation, SimpleSignature

Json = dict[str, Any]
Edit = Callable[[Json], object]
LOG, STAMP, BOTH = (
    Witnesses(log=True),
    Witnesses(timestamp=True),
    Witnesses(log=True, timestamp=True),
)
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
MADE = Sigstore()
ROOT = MADE.root()
KEY = madesigstore.new_key()
OURS = PublicKey(madesigstore.public(KEY))
PAYLOAD = statement.about(
    [statement.Subject("web", "sha256:" + "a" * 64)], statement.SIGNATURE, {}
).to_bytes()
OTHER = statement.about(
    [statement.Subject("web", "sha256:" + "b" * 64)], statement.SIGNATURE, {}
).to_bytes()
WHO = ByIdentity("https://github.com/acme/*", madesigstore.ISSUER, ROOT, witnesses=BOTH)
BY_KEY = ByKey(OURS, BOTH, ROOT)


def encoded(value: Json) -> bytes:
    return json.dumps(value).encode()


def refused(who: Signatory, value: Json, reason: str = r"\w") -> None:
    with pytest.raises(ValueError, match=reason):
        who.statement(encoded(value))


def by_identity(**given: Any) -> Json:  # noqa: ANN401 - passed on
    return MADE.bundle(PAYLOAD, stamped=NOW, **given)


def by_key(**given: Any) -> Json:  # noqa: ANN401 - passed on
    return MADE.bundle(PAYLOAD, key=KEY, hint=OURS.hint, stamped=NOW, **given)


@pytest.fixture(params=["identity", "key"])
def signed(request: pytest.FixtureRequest) -> tuple[Signatory, Json]:
    return (WHO, by_identity()) if request.param == "identity" else (BY_KEY, by_key())


@pytest.mark.parametrize("log", [MADE.rekor, MADE.tiles])
def test_what_is_in_order_counts_and_sigstore_python_says_so_too(log: Log) -> None:
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier, policy
    from sigstore_models.trustroot.v1 import TrustedRoot as Message

    certificate = MADE.certificate(KEY, raw={1: madesigstore.ISSUER.encode()})
    made = by_identity(key=KEY, certificate=certificate, log=log)
    _, proof = WHO.statement(encoded(made))
    assert (proof.log, proof.times) == (log.url, (int(NOW.timestamp()),))
    verifier = Verifier(trusted_root=TrustedRoot(Message.from_json(ROOT)))
    exact = policy.Identity(identity=IDENTITY, issuer=madesigstore.ISSUER)
    verifier.verify_dsse(Bundle.from_json(encoded(made)), exact)
    _, proof = BY_KEY.statement(encoded(by_key(log=log)))
    assert (proof.log, proof.times) == (log.url, (int(NOW.timestamp()),))


# --- log entries


def entry_of(value: Json) -> Json:
    found: Json = value["verificationMaterial"]["tlogEntries"][0]
    return found


def flip(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[-1] ^= 1
    return b64(bytes(data))


def note(entry: Json, edit: Callable[[str], str]) -> None:
    checkpoint = entry["inclusionProof"]["checkpoint"]
    assert edit(checkpoint["envelope"]) != checkpoint["envelope"]
    checkpoint["envelope"] = edit(checkpoint["envelope"])


def proof(entry: Json, **changes: object) -> None:
    entry["inclusionProof"].update(changes)


STRANGER = Log()
ENTRIES: dict[str, Edit] = {
    "index": lambda e: e.update(logIndex="1006"),
    "index below zero": lambda e: e.update(logIndex="-1"),
    "index with a sign": lambda e: e.update(logIndex="+1005"),
    "index far off": lambda e: e.update(logIndex=1 << 70),
    "index in digits of another script": lambda e: e.update(logIndex="\u0661\u0660\u0660\u0665"),
    "no log": lambda e: e.pop("logId"),
    "another log": lambda e: e["logId"].update(keyId=b64(STRANGER.identifier)),
    "the other log": lambda e: e["logId"].update(keyId=b64(MADE.tiles.identifier)),
    "kind": lambda e: e["kindVersion"].update(kind="hashedrekord"),
    "version": lambda e: e["kindVersion"].update(version="0.0.2"),
    "no kind": lambda e: e.pop("kindVersion"),
    "time": lambda e: e.update(integratedTime=str(int(e["integratedTime"]) + 1)),
    "time after all times": lambda e: e.update(integratedTime="9" * 18),
    "no time": lambda e: e.pop("integratedTime"),
    "promise": lambda e: e["inclusionPromise"].update(
        signedEntryTimestamp=flip(e["inclusionPromise"]["signedEntryTimestamp"])
    ),
    "empty promise": lambda e: e["inclusionPromise"].update(signedEntryTimestamp=""),
    "promise of another": lambda e: e["inclusionPromise"].update(
        signedEntryTimestamp=entry_of(by_identity())["inclusionPromise"]["signedEntryTimestamp"]
    ),
    "body": lambda e: e.update(canonicalizedBody=flip(e["canonicalizedBody"])),
    "body of spaces": lambda e: e.update(
        canonicalizedBody=b64(base64.b64decode(e["canonicalizedBody"]) + b" ")
    ),
    "empty body": lambda e: e.update(canonicalizedBody="e30="),
    "no body": lambda e: e.pop("canonicalizedBody"),
    "no proof": lambda e: e.pop("inclusionProof"),
    "place in the tree": lambda e: proof(e, logIndex="4"),
    "place beyond the tree": lambda e: proof(e, logIndex="11"),
    "size": lambda e: proof(e, treeSize="12"),
    "root": lambda e: proof(e, rootHash=flip(e["inclusionProof"]["rootHash"])),
    "short root": lambda e: proof(e, rootHash="AAAA"),
    "hash": lambda e: e["inclusionProof"]["hashes"].reverse(),
    "hash missing": lambda e: e["inclusionProof"]["hashes"].pop(),
    "hash too many": lambda e: e["inclusionProof"]["hashes"].append(b64(b"\0" * 32)),
    "hashes without end": lambda e: proof(e, hashes=[b64(b"\0" * 32)] * 10_000),
    "no checkpoint": lambda e: e["inclusionProof"].pop("checkpoint"),
    "checkpoint's origin": lambda e: note(e, lambda n: "x" + n),
    "checkpoint's size": lambda e: note(e, lambda n: n.replace("\n11\n", "\n12\n")),
    "checkpoint's root": lambda e: note(e, lambda n: n.replace(n.split("\n")[2], b64(b"\0" * 32))),
    "checkpoint without marks": lambda e: note(e, lambda n: n.partition("\n\n")[0] + "\n\n"),
    "checkpoint's mark": lambda e: note(e, lambda n: n.replace(n.split()[-1], flip(n.split()[-1]))),
    "checkpoint's name": lambda e: note(
        e, lambda n: n.replace("\N{EM DASH} rekor", "\N{EM DASH} x")
    ),
    "checkpoint's line": lambda e: note(e, lambda n: n.replace("\n\n", "\nmore\n\n")),
    "checkpoint's end": lambda e: note(e, str.rstrip),
    "checkpoint by another log": lambda e: proof(
        e,
        checkpoint={
            "envelope": STRANGER.checkpoint(11, base64.b64decode(e["inclusionProof"]["rootHash"]))
        },
    ),
    "checkpoint of another size": lambda e: proof(
        e,
        checkpoint={
            "envelope": MADE.rekor.checkpoint(12, base64.b64decode(e["inclusionProof"]["rootHash"]))
        },
    ),
    "unknown field": lambda e: e.update(more=1),
    "unknown field of the proof": lambda e: proof(e, more=1),
    "spelt another way": lambda e: e.update(log_index=e.pop("logIndex")),
}


@pytest.mark.parametrize("edit", ENTRIES)
def test_a_tampered_log_entry_is_no_witness(signed: tuple[Signatory, Json], edit: str) -> None:
    who, value = signed
    ENTRIES[edit](entry_of(value))
    refused(who, value)


def test_a_proof_of_a_place_that_looks_alike_is_none() -> None:
    """A path may lead to the same root from another place in a tree of another size."""
    body, leaf = b"entry", madesigstore.tree([b"entry"])
    above = madesigstore.tree([b"0", b"1"])
    root = madesigstore.tree([b"0", b"1", body])
    good = Inclusion(2, 3, root, (above,), "")
    _inclusion(body, good)
    _inclusion(body, dataclasses.replace(good, index=4, size=5))  # as in the tree that is claimed
    made = by_key()
    made["verificationMaterial"]["tlogEntries"] = [
        MADE.rekor.entry(base64.b64decode(entry_of(made)["canonicalizedBody"]), at=2, size=3)
    ]
    BY_KEY.statement(encoded(made))
    proof(entry_of(made), logIndex="4", treeSize="5")
    refused(BY_KEY, made, "checkpoint is of another tree")
    assert leaf != root


def bodies(value: Json, verifier: bytes, payload: bytes = PAYLOAD) -> Iterator[bytes]:
    """Entries that are about something else, one thing at a time."""
    signature = base64.b64decode(value["dsseEnvelope"]["signatures"][0]["sig"])
    other = madesigstore.public(madesigstore.new_key())
    pae = madesigstore.pae
    yield madesigstore.dsse(OTHER, signature, verifier)
    yield madesigstore.dsse(payload, signature[:-1], verifier)
    yield madesigstore.dsse(payload, signature, other)
    yield madesigstore.hashedrekord(pae(OTHER), signature, verifier)
    yield madesigstore.hashedrekord(payload, signature, verifier)
    yield madesigstore.hashedrekord(pae(payload), signature[:-1], verifier)
    yield madesigstore.hashedrekord(pae(payload), signature, other)
    yield madesigstore.hashedrekord2(pae(OTHER), signature, verifier)
    yield madesigstore.hashedrekord2(pae(payload), signature[:-1], verifier)
    yield madesigstore.hashedrekord2(pae(payload), signature, other)
    yield madesigstore.intoto2(OTHER, signature, verifier)
    yield madesigstore.intoto2(payload, signature[:-1], verifier)
    yield madesigstore.intoto2(payload, signature, other)
    # That kind names no signature, and the text that it names is not known of a bundle.
    yield madesigstore.intoto(payload, verifier, b"?")


@pytest.mark.parametrize("log", [MADE.rekor, MADE.tiles])
def test_an_entry_of_something_else_is_no_witness_however_well_proven(log: Log) -> None:
    """CVE-2022-36056."""
    value = by_key()
    for body in bodies(value, OURS.der):
        value["verificationMaterial"]["tlogEntries"] = [log.entry(body)]
        refused(BY_KEY, value, "is about another signature or another key")
    certificate = MADE.certificate(KEY)
    value = by_identity(key=KEY, certificate=certificate)
    for body in bodies(value, certificate):
        value["verificationMaterial"]["tlogEntries"] = [log.entry(body)]
        refused(WHO, value, "is about another signature or another key")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"kind":"dsse","kind":"dsse","apiVersion":"0.0.1","spec":{}}',
        b'{"kind":"dsse","apiVersion":"0.0.1","spec":[]}',
        b'{"kind":"dsse","apiVersion":"0.0.1","spec":{"signatures":[]}}',
        b'{"kind":"dsse","apiVersion":"0.0.1","spec":{"signatures":5}}',
        b'{"kind":"rekord","apiVersion":"0.0.1","spec":{}}',
        b'{"kind":"hashedrekord","apiVersion":"0.0.1","spec":{"data":[],"signature":""}}',
        b'{"kind":"hashedrekord","apiVersion":"0.0.2","spec":{"hashedRekordV002":null}}',
        b'{"kind":"intoto","apiVersion":"0.0.2","spec":{"content":{"envelope":1}}}',
        b'{"kind":"dsse","apiVersion":"0.0.1","spec":' + b"[" * 100_000,
    ],
)
def test_a_log_may_hold_anything(body: bytes) -> None:
    value = by_key()
    entry = entry_of(value)
    for kind, version in (("dsse", "0.0.1"), ("hashedrekord", "0.0.2"), ("intoto", "0.0.2")):
        entry |= {
            "canonicalizedBody": b64(body),
            "kindVersion": {"kind": kind, "version": version},
        }
        refused(BY_KEY, value)


def test_a_logs_key_counts_in_its_time_only() -> None:
    past = MADE.root(
        tlogs=[MADE.rekor.instance(valid(NOW - 9 * DAY, NOW - DAY)), MADE.tiles.instance()]
    )
    refused(dataclasses.replace(WHO, root=past), by_identity(), "key does not count")
    future = MADE.root(tlogs=[MADE.rekor.instance(valid(NOW + DAY))])
    refused(dataclasses.replace(BY_KEY, root=future), by_key(), "key does not count")


def test_a_log_of_a_kind_not_known_proves_nothing_and_waives_nothing() -> None:
    def unknown(log: Log) -> Json:
        given = log.instance()
        given["publicKey"] |= {"keyDetails": "ML_DSA_87", "rawBytes": "AAAA"}
        return given

    root = MADE.root(tlogs=[unknown(MADE.rekor)])
    refused(dataclasses.replace(BY_KEY, root=root), by_key(), "promise is not by the log")
    root = MADE.root(ctlogs=[unknown(MADE.ct)])
    refused(dataclasses.replace(WHO, root=root), by_identity(), "no log that the trusted root")


def test_a_log_is_called_by_its_host_where_it_is_of_version_2() -> None:
    value = by_key(log=MADE.tiles)
    elsewhere = dataclasses.replace(MADE.tiles, url="https://elsewhere.test")
    root = MADE.root(tlogs=[elsewhere.instance()])
    refused(dataclasses.replace(BY_KEY, root=root), value, "not signed by the log")


# --- swapped between two valid bundles


def swapped(first: Json, second: Json) -> Iterator[Json]:
    for name in ("certificate", "tlogEntries", "timestampVerificationData"):
        if name in first["verificationMaterial"]:
            value = copy.deepcopy(first)
            value["verificationMaterial"][name] = second["verificationMaterial"][name]
            yield value
    for name in ("payload", "signatures"):
        value = copy.deepcopy(first)
        value["dsseEnvelope"][name] = second["dsseEnvelope"][name]
        yield value
    value = copy.deepcopy(first)
    value["dsseEnvelope"] = second["dsseEnvelope"]
    yield value


def test_no_part_of_a_valid_bundle_serves_another() -> None:
    for key in (None, KEY):  # with keys of their own, and with the same
        first = by_identity(key=key)
        second = MADE.bundle(OTHER, key=key, stamped=NOW)
        for who, value in ((WHO, first), (WHO, second)):
            who.statement(encoded(value))
        for value in (*swapped(first, second), *swapped(second, first)):
            refused(WHO, value)
    first = by_key()
    second = MADE.bundle(OTHER, key=KEY, hint=OURS.hint, stamped=NOW)
    for value in (*swapped(first, second), *swapped(second, first)):
        refused(BY_KEY, value)


# --- times


def stamp(value: Json, token: bytes) -> Json:
    value["verificationMaterial"]["timestampVerificationData"] = {
        "rfc3161Timestamps": [{"signedTimestamp": b64(token)}]
    }
    return value


def signature_of(value: Json) -> bytes:
    return base64.b64decode(value["dsseEnvelope"]["signatures"][0]["sig"])


def test_a_certificate_is_valid_for_ten_minutes() -> None:
    late = MADE.bundle(PAYLOAD, time=NOW + 20 * MINUTE)
    refused(dataclasses.replace(WHO, witnesses=LOG), late, "was not valid at 2026-01-02 12:20:00")
    early = MADE.bundle(PAYLOAD, time=NOW - 20 * MINUTE)
    refused(dataclasses.replace(WHO, witnesses=LOG), early, "was not valid at 2026-01-02 11:40:00")
    # One proven time within does not help against another without.
    refused(WHO, MADE.bundle(PAYLOAD, stamped=NOW + 20 * MINUTE), "was not valid at")
    refused(WHO, MADE.bundle(PAYLOAD, time=NOW + 20 * MINUTE, stamped=NOW), "was not valid at")


def test_without_a_proven_time_nothing_is() -> None:
    bare = MADE.bundle(PAYLOAD, log=MADE.tiles)
    for witnesses in (LOG, Witnesses()):
        who = dataclasses.replace(WHO, witnesses=witnesses)
        refused(who, bare, "no time is proven")
    claimed = copy.deepcopy(bare)
    entry_of(claimed)["integratedTime"] = str(int(NOW.timestamp()))
    refused(dataclasses.replace(WHO, witnesses=LOG), claimed, "no time is proven")
    # The time stands in the entry, but nobody promised it.
    unpromised = MADE.bundle(PAYLOAD)
    entry_of(unpromised).pop("inclusionPromise")
    entry_of(unpromised)["logIndex"] = "5"
    refused(dataclasses.replace(WHO, witnesses=LOG), unpromised, "no time is proven")


def test_a_timestamp_is_an_authoritys_over_this_signature_in_its_time() -> None:
    value = by_key()
    who = dataclasses.replace(BY_KEY, witnesses=STAMP)
    stranger = Authority("tsa", ExtendedKeyUsageOID.TIME_STAMPING, timestamping=True)
    signing = Authority("tsa", ExtendedKeyUsageOID.CODE_SIGNING, timestamping=True)
    short = Authority("tsa", ExtendedKeyUsageOID.TIME_STAMPING, timestamping=True, days=30)
    good = madesigstore.timestamp(MADE.tsa, signature_of(value))
    who.statement(encoded(stamp(value, good)))
    for token in (
        b"",
        b"x",
        good[:-1],
        good + b"\0",
        b"\x30\x82\xff\xff",
        b"\x30\x84\xff\xff\xff\xff",
        madesigstore.timestamp(MADE.tsa, PAYLOAD),
        madesigstore.timestamp(MADE.tsa, b""),
        madesigstore.timestamp(stranger, signature_of(value)),
    ):
        refused(who, stamp(value, token))
    for authority, reason in ((signing, "none that counts"), (short, "none that counts")):
        root = MADE.root(timestampAuthorities=[authority.instance()])
        token = madesigstore.timestamp(authority, signature_of(value))
        refused(dataclasses.replace(who, root=root), stamp(value, token), reason)
    for start, end in ((NOW - 9 * DAY, NOW - DAY), (NOW + DAY, None), (NOW - DAY, NOW)):
        root = MADE.root(timestampAuthorities=[MADE.tsa.instance(valid(start, end))])
        refused(dataclasses.replace(who, root=root), stamp(value, good), "no authority")


STAMPED = encoded(by_key())
TOKEN = base64.b64decode(
    json.loads(STAMPED)["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][
        0
    ]["signedTimestamp"]
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_changed_byte_of_a_timestamp_proves_another_time(data: st.DataObject) -> None:
    value = json.loads(STAMPED)
    token = bytearray(TOKEN)
    token[data.draw(st.integers(0, len(token) - 1))] = data.draw(st.integers(0, 255))
    try:
        _, found = BY_KEY.statement(encoded(stamp(value, bytes(token))))
    except ValueError:
        return
    assert found.times == (int(NOW.timestamp()),)


# --- certificates


def with_certificate(**given: Any) -> Json:  # noqa: ANN401 - passed on
    return by_identity(key=KEY, certificate=MADE.certificate(KEY, **given))


URI = x509.UniformResourceIdentifier
OWN = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"logged": False}, "no promise"),
        ({"ct": Log("https://ct.test")}, "no log that the trusted root knows"),
        ({"purpose": ExtendedKeyUsageOID.SERVER_AUTH}, "not for signing"),
        ({"purpose": ExtendedKeyUsageOID.TIME_STAMPING}, "not for signing"),
        ({"signs": False}, "not for signing"),
        ({"names": []}, "names no subject"),
        ({"names": [URI(IDENTITY), URI("https://github.com/evil/x")]}, "names 2 subjects"),
        ({"names": [URI("https://github.com/evil/x"), URI(IDENTITY)]}, "names 2 subjects"),
        ({"names": [x509.DNSName("github.com")]}, "neither a mail address nor a URI"),
        ({"names": [x509.RFC822Name("dev@github.com")]}, "issued to 'dev@github.com'"),
        ({"names": [URI(IDENTITY.replace("acme", "acme2"))]}, "it was issued to"),
        ({"names": [URI(IDENTITY.replace("acme/", "acme%2F"))]}, "it was issued to"),
        ({"names": [URI(IDENTITY.replace("github.com", "github.com.evil.org"))]}, "issued to"),
        ({"names": [URI(IDENTITY.replace("https", "HTTPS"))]}, "it was issued to"),
        ({"names": [URI(IDENTITY + "\0")]}, "subject is"),
        ({"names": [URI(IDENTITY + "\n")]}, "subject is"),
        ({"names": [URI(IDENTITY.replace("/web", "/web\nhttps://x"))]}, "subject is"),
        ({"names": [URI(" " + IDENTITY)]}, "subject is"),
        (
            {"names": [x509.OtherName(OWN, madesigstore.utf8(IDENTITY.replace("a", "\u0430")))]},
            "subject is",
        ),
        ({"names": [x509.OtherName(OWN, b"\x0c\x02\xff\xff")]}, "decode"),
        ({"names": [x509.OtherName(OWN, b"\x13\x01x")]}, "something else than a UTF8String"),
        (
            {"names": [x509.OtherName(x509.ObjectIdentifier("1.2.3"), madesigstore.utf8("x"))]},
            "neither a mail address nor a URI",
        ),
        ({"claims": {}}, "does not say who issued"),
        ({"claims": {8: "https://evil.org"}}, "its issuer is"),
        ({"claims": {8: madesigstore.ISSUER + "\n"}}, "does not say who issued"),
        ({"raw": {1: b"https://evil.org"}}, "names two issuers"),
        ({"claims": {8: madesigstore.ISSUER.replace("o", "\u043e")}}, "does not say who issued"),
        ({"raw": {14: b"\x0c\x05x"}}, "another length"),
        ({"raw": {14: b""}}, "something else than a UTF8String"),
        ({"raw": {4: b"\xff"}}, "decode"),
    ],
)
def test_a_certificate_that_says_something_else_does_not_prove_it(
    given: dict[str, Any], reason: str
) -> None:
    refused(WHO, with_certificate(**given), reason)


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/main\0",
        "refs/heads/main\n",
        " refs/heads/main",
        "\u202eniam/sdaeh/sfer",
        "refs/heads/main\u200b",
        "x" * 5000,
    ],
)
def test_a_claim_that_could_mislead_is_not_told_and_not_met(ref: str) -> None:
    raw = {6: b"refs/heads/main"}  # nor does the older one stand in
    value = with_certificate(claims=madesigstore.CLAIMS | {14: ref}, raw=raw)
    assert "ref" not in WHO.statement(encoded(value))[1].claims
    for glob in ("*", "refs/heads/main", ref):
        who = dataclasses.replace(WHO, claims={"ref": glob})
        refused(who, value, "does not say its ref")


def test_only_the_roots_authorities_issue_certificates() -> None:
    lookalike = Sigstore(ct=MADE.ct, rekor=MADE.rekor, tsa=MADE.tsa)
    made = lookalike.bundle(PAYLOAD, stamped=NOW)
    dataclasses.replace(WHO, root=lookalike.root()).statement(encoded(made))
    refused(WHO, made, "by no authority of the trusted root")
    refused(dataclasses.replace(WHO, root=MADE.root(certificateAuthorities=[])), by_identity())
    stampers = MADE.root(certificateAuthorities=[MADE.tsa.instance()])
    refused(dataclasses.replace(WHO, root=stampers), by_identity(), "no authority")
    for start, end in ((NOW - 9 * DAY, NOW - DAY), (NOW + DAY, None)):
        root = MADE.root(certificateAuthorities=[MADE.fulcio.instance(valid(start, end))])
        refused(dataclasses.replace(WHO, root=root), by_identity(), "no authority")
    expired = Sigstore(
        fulcio=Authority("fulcio", ExtendedKeyUsageOID.CODE_SIGNING, days=30),
        ct=MADE.ct,
        rekor=MADE.rekor,
        tsa=MADE.tsa,
    )
    gone = dataclasses.replace(WHO, root=expired.root())
    refused(gone, expired.bundle(PAYLOAD, stamped=NOW), "no authority")


def test_a_certificate_logs_key_counts_in_its_time_only() -> None:
    root = MADE.root(ctlogs=[MADE.ct.instance(valid(NOW - 9 * DAY, NOW - DAY))])
    refused(dataclasses.replace(WHO, root=root), by_identity(), "no log that the trusted root")


def test_a_certificate_is_for_the_key_that_signed() -> None:
    for other in (MADE.certificate(madesigstore.new_key()), MADE.fulcio.certificate):
        der = other if isinstance(other, bytes) else other.public_bytes(Encoding.DER)
        refused(WHO, by_identity(key=KEY, certificate=der))


def twisted(offset: int, byte: int) -> bytes:
    """Return a certificate with one byte changed, counted from where its version stands."""
    der = bytearray(MADE.certificate(KEY))
    der[der.index(b"\xa0\x03\x02\x01\x02") + offset] = byte
    return bytes(der)


NO_VERSION, BELOW_ZERO = twisted(4, 97), twisted(7, 0xFF)


@pytest.mark.parametrize(
    "der", [b"", b"x", b"\x30\x80", b"\x30\x03\x02\x01\x01", NO_VERSION, BELOW_ZERO]
)
def test_what_is_no_certificate_proves_nothing(der: bytes) -> None:
    value = by_identity()
    value["verificationMaterial"]["certificate"]["rawBytes"] = b64(der)
    refused(WHO, value, "certificate cannot be read")


def test_a_certificate_never_stands_in_for_a_key_nor_the_reverse() -> None:
    certified = by_identity(key=KEY)
    refused(BY_KEY, certified, "not signed by a plain key")
    refused(dataclasses.replace(BY_KEY, witnesses=Witnesses()), certified, "plain key")
    refused(WHO, by_key(), "signed by a plain key")
    both = by_identity(key=KEY)
    both["verificationMaterial"]["publicKey"] = {"hint": OURS.hint}
    refused(BY_KEY, both, "plain key")
    refused(WHO, both, "plain key")
    # An entry that names the certificate is no entry about the key.
    hinted = by_key()
    hinted["verificationMaterial"]["tlogEntries"] = certified["verificationMaterial"]["tlogEntries"]
    refused(BY_KEY, hinted, "another key")


def test_a_hint_that_lies_changes_nothing() -> None:
    other = madesigstore.new_key()
    lying = MADE.bundle(PAYLOAD, key=other, hint=OURS.hint, stamped=NOW)
    refused(BY_KEY, lying, "not by this key")
    misnamed = MADE.bundle(PAYLOAD, key=KEY, hint="somebody else", stamped=NOW)
    assert BY_KEY.statement(encoded(misnamed))[1].signer == f"the key {OURS.fingerprint}"


# --- shapes


def deep(levels: int) -> Any:  # noqa: ANN401 - JSON
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "edit",
    [
        lambda v: v["verificationMaterial"].update(tlogEntries=[entry_of(v)] * 9),
        lambda v: v["verificationMaterial"].update(tlogEntries={}),
        lambda v: v["verificationMaterial"].update(tlogEntries=[None]),
        lambda v: v["verificationMaterial"]["timestampVerificationData"].update(more=[]),
        lambda v: v["verificationMaterial"]["timestampVerificationData"].update(
            rfc3161Timestamps=v["verificationMaterial"]["timestampVerificationData"][
                "rfc3161Timestamps"
            ]
            * 9
        ),
        lambda v: v["verificationMaterial"].update(timestampVerificationData=[]),
        lambda v: v["verificationMaterial"].update(more=1),
        lambda v: v.update(more=1),
        lambda v: v.update(verificationMaterial=deep(900)),
        lambda v: v["dsseEnvelope"]["signatures"][0].update(more=1),
        lambda v: v["dsseEnvelope"].update(payload=v["dsseEnvelope"]["payload"].rstrip("=") + "\n"),
        lambda v: entry_of(v)["logId"].update(keyId=entry_of(v)["logId"]["keyId"].rstrip("=")),
        lambda v: entry_of(v).update(canonicalizedBody=b64(b"{" + b" " * (1 << 20) + b"}")),
        lambda v: proof(entry_of(v), checkpoint={"envelope": "x" * (65 << 10)}),
    ],
)
def test_another_shape_is_no_bundle(signed: tuple[Signatory, Json], edit: Edit) -> None:
    who, value = signed
    edit(value)
    refused(who, value)


def test_json_has_one_meaning(signed: tuple[Signatory, Json]) -> None:
    who, value = signed
    good = encoded(value)
    who.statement(good)
    for old, new in (
        (b'"logIndex": "1005"', b'"logIndex": "1005", "logIndex": "1005"'),
        (b'"payloadType"', b'"payload": "e30=", "payloadType"'),
        (b'"mediaType"', b'"mediaType": "x", "mediaType"'),
    ):
        assert old in good
        with pytest.raises(ValueError, match="repeats a key"):
            who.statement(good.replace(old, new))
    with pytest.raises(ValueError, match="too deeply"):
        who.statement(good.replace(b'"1005"', b"[" * 8_000))


def test_work_is_capped() -> None:
    """Eight of each witness at most, and each of them is cheap."""
    value = by_key()
    bad = copy.deepcopy(entry_of(value))
    bad["inclusionProof"]["hashes"] = [b64(b"\0" * 32)] * 64
    value["verificationMaterial"]["tlogEntries"] = [bad] * 8
    token = value["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    value["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] = token * 8
    start = time.process_time()
    refused(BY_KEY, value)
    assert time.process_time() - start < 2


def test_a_statement_of_thousands_of_subjects_is_refused() -> None:
    subject = {"name": "x", "digest": {"sha256": "c" * 64, "gitCommit": "d" * 40}}
    said = json.loads(PAYLOAD)
    for subjects, good in (([subject] * 4096, True), ([subject] * 4097, False)):
        payload = json.dumps(said | {"subject": subjects}).encode()
        value = MADE.bundle(payload, key=KEY, hint="")
        if good:
            assert BY_KEY.key.verify(signature_of(value), madesigstore.pae(payload))
            ByKey(OURS).statement(encoded(value))
        else:
            refused(ByKey(OURS), value, "over 4096 subjects")


# --- any byte

GOLDEN = Path(__file__).parents[1] / "unit/signing/data"
RECORDED: dict[str, tuple[bytes, Signatory]] = {
    "key": (
        (GOLDEN / "witnessed/key-logged-stamped.json").read_bytes(),
        ByKey(
            load_public(GOLDEN / "cosign.pub"),
            BOTH,
            (GOLDEN / "witnessed/trusted_root.json").read_bytes(),
        ),
    ),
    "identity": (
        (GOLDEN / "keyless/workflow.json").read_bytes(),
        ByIdentity("*", "*", (GOLDEN / "keyless/trusted_root.json").read_bytes(), witnesses=BOTH),
    ),
    "stamped": (
        (GOLDEN / "witnessed/identity-stamped.json").read_bytes(),
        ByIdentity(
            "*", "*", (GOLDEN / "witnessed/trusted_root.json").read_bytes(), witnesses=STAMP
        ),
    ),
    "made": (encoded(by_identity()), WHO),
}


@pytest.mark.parametrize("name", RECORDED)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_changed_byte_of_a_bundle_proves_anything_else(name: str, data: st.DataObject) -> None:
    good, who = RECORDED[name]
    position = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(list(b'"{}[]:,0A='))))
    changed = good[:position] + bytes([byte]) + good[position + 1 :]
    try:
        found = who.statement(changed)
    except ValueError:
        return
    assert found == who.statement(good)


@pytest.mark.parametrize("name", RECORDED)
@settings(max_examples=75, deadline=None)
@given(data=st.data())
def test_no_part_can_be_left_out_or_replaced(name: str, data: st.DataObject) -> None:
    good, who = RECORDED[name]
    value = json.loads(good)
    paths = list(_paths(value))
    *above, last = data.draw(st.sampled_from(paths))
    spot = value
    for step in above:
        spot = spot[step]
    junk: st.SearchStrategy[Any] = st.one_of(
        st.none(), st.integers(), st.text(max_size=8), st.just([]), st.just({})
    )
    if data.draw(st.booleans()):
        del spot[last]
    else:
        spot[last] = data.draw(junk)
    try:
        found = who.statement(encoded(value))
    except ValueError:
        return
    assert found == who.statement(good)


def _paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    keys: Any = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield (*above, key)
        if isinstance(value[key], dict | list):
            yield from _paths(value[key], (*above, key))


# --- older signatures


def noted(media_type: str, notes: dict[str, str]) -> Descriptor:
    return Descriptor(media_type, "sha256:" + "0" * 64, 2, annotations=notes)


def test_megabytes_of_annotations_are_refused() -> None:
    for name in ("signature", "certificate", "bundle", "rfc3161timestamp"):
        prefix = "dev.cosignproject" if name == "signature" else "dev.sigstore"
        notes = {f"{prefix}.cosign/{name}": "A" * (3 << 20)}
        with pytest.raises(ValueError, match="is over"):
            SimpleSignature.from_layer(noted(simple.MEDIA_TYPE, notes), b"{}")
        with pytest.raises(ValueError, match="is over"):
            OlderAttestation.from_layer(noted(simple.ATTESTATION, notes), b"{}")


def plain(**changes: Any) -> SimpleSignature:  # noqa: ANN401 - passed on
    """Return an older signature by the key, with a promise and a timestamp."""
    signature = madesigstore.ecdsa(KEY, b"{}")
    body = madesigstore.hashedrekord(b"{}", signature, OURS.der)
    token = madesigstore.timestamp(MADE.tsa, signature)
    made = SimpleSignature(b"{}", signature, None, MADE.rekor.kept(body).encode(), token)
    return dataclasses.replace(made, **changes)


def test_an_older_signatures_witnesses_must_be_about_it() -> None:
    good = plain()
    found = BY_KEY.payload(good)
    assert (found.index, found.times) == (1005, (int(NOW.timestamp()),))
    another = madesigstore.ecdsa(KEY, b"{ }")
    stranger = Log()
    same = madesigstore.hashedrekord(b"{}", good.signature, OURS.der)
    certified = madesigstore.hashedrekord(b"{}", good.signature, MADE.certificate(KEY))
    for changes, reason in (
        ({"payload": b"{ }", "signature": another}, "another signature"),
        ({"log": plain(signature=another).log, "signature": another}, "not by this key"),
        ({"log": None}, "no entry"),
        ({"log": MADE.rekor.kept(certified).encode()}, "another signature or another key"),
        ({"log": stranger.kept(same).encode()}, "none that the trusted root knows"),
        ({"log": MADE.tiles.kept(same).replace("2", "3").encode()}, r"\w"),
        ({"log": b"x" * (3 << 20)}, "is over"),
        ({"log": b'{"SignedEntryTimestamp":"AA==","Payload":"x"}'}, "Payload has"),
        ({"timestamp": None}, "no timestamp"),
        ({"timestamp": madesigstore.timestamp(MADE.tsa, b"{}")}, "over something else"),
        ({"timestamp": b"x"}, r"\w"),
    ):
        with pytest.raises(ValueError, match=reason):
            BY_KEY.payload(plain(**changes))


def test_an_entry_of_another_text_is_no_witness_of_an_older_attestation() -> None:
    """An envelope may be written in many ways; its log knows one, by a hash over all of it."""
    signature = madesigstore.ecdsa(KEY, madesigstore.pae(PAYLOAD))
    envelope = {
        "payloadType": "application/vnd.in-toto+json",
        "payload": b64(PAYLOAD),
        "signatures": [{"sig": b64(signature)}],
    }
    text = encoded(envelope)
    who = dataclasses.replace(BY_KEY, witnesses=LOG)
    for body in (
        madesigstore.intoto(PAYLOAD, OURS.der, text),
        madesigstore.intoto2(PAYLOAD, signature, OURS.der, text),
        madesigstore.dsse(PAYLOAD, signature, OURS.der, text),
    ):
        notes = {"dev.sigstore.cosign/bundle": MADE.rekor.kept(body)}
        layer = noted(simple.ATTESTATION, notes)
        who.envelope(OlderAttestation.from_layer(layer, text))
        with pytest.raises(ValueError, match="about another signature"):
            who.envelope(OlderAttestation.from_layer(layer, text + b"\n"))
