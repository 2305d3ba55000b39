"""Logs and timestamps beside signatures: made by cosign and real services, and made here."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import madesigstore
import pytest
from madesigstore import NOW, Sigstore

from imgforge.oci.types import Descriptor
from imgforge.signing import simple, statement
from imgforge.signing.bundle import V01, V02, Bundle
from imgforge.signing.entry import Inclusion
from imgforge.signing.key import PublicKey, load_public
from imgforge.signing.keyless import ByIdentity
from imgforge.signing.proof import Proof, Witnesses
from imgforge.signing.rekor import _checkpoint
from imgforge.signing.root import trusted
from imgforge.signing.signatory import ByKey
from imgforge.signing.simple import OlderAttestation, SimpleSignature

DATA = Path(__file__).parent / "data/witnessed"
ROOT = (DATA / "trusted_root.json").read_bytes()
DIGEST = (DATA / "digest").read_text().strip()
PUBLIC = Path(__file__).parent / "data/public"
PUBLIC_ROOT = (PUBLIC / "trusted_root.json").read_bytes()
KEY = load_public(DATA.parent / "cosign.pub")
LOG, STAMP = Witnesses(log=True), Witnesses(timestamp=True)
BOTH = Witnesses(log=True, timestamp=True)
PAYLOAD = statement.about(
    [statement.Subject("web", "sha256:" + "a" * 64)], statement.SIGNATURE, {}
).to_bytes()
MADE = Sigstore()


def workflow(witnesses: Witnesses) -> ByIdentity:
    return ByIdentity(
        "https://github.com/acme/*", "http://127.0.0.1:5680/gh", ROOT, True, {}, witnesses
    )


@pytest.mark.parametrize(
    ("name", "witnesses", "log", "index"),
    [
        ("key-logged-stamped", Witnesses(), "http://127.0.0.1:5683", 0),
        ("key-logged-stamped", BOTH, "http://127.0.0.1:5683", 0),
        ("key-stamped", STAMP, "", None),
        ("key-stamped", Witnesses(), "", None),
    ],
)
def test_a_keys_witnesses_are_told(
    name: str, witnesses: Witnesses, log: str, index: int | None
) -> None:
    said, proof = ByKey(KEY, witnesses, ROOT).statement((DATA / f"{name}.json").read_bytes())
    assert said.is_about(DIGEST)
    assert (proof.log, proof.index, len(proof.times)) == (log, index, 1)
    assert proof.claims == {}


def test_a_witness_that_is_demanded_must_be_there() -> None:
    stamped = (DATA / "key-stamped.json").read_bytes()
    for witnesses in (LOG, BOTH):
        with pytest.raises(ValueError, match="no entry of a transparency log"):
            ByKey(KEY, witnesses, ROOT).statement(stamped)
    plain = (DATA.parent / "cosign-sign.json").read_bytes()
    with pytest.raises(ValueError, match="no timestamp of an authority"):
        ByKey(KEY, STAMP, ROOT).statement(plain)
    unknown = json.loads(ROOT) | {"tlogs": [], "timestampAuthorities": []}
    both = (DATA / "key-logged-stamped.json").read_bytes()
    other = json.dumps(unknown).encode()
    with pytest.raises(ValueError, match="none that the trusted root knows"):
        ByKey(KEY, LOG, other).statement(both)
    with pytest.raises(ValueError, match="none that counts"):
        ByKey(KEY, STAMP, other).statement(both)
    assert ByKey(KEY, root=other).statement(both)[1] == Proof(f"the key {KEY.fingerprint}")


def test_a_timestamp_does_for_a_certificate_where_the_log_is_waived() -> None:
    data = (DATA / "identity-stamped.json").read_bytes()
    for witnesses in (Witnesses(), STAMP):
        _, proof = workflow(witnesses).statement(data)
        assert (proof.log, proof.index, len(proof.times)) == ("", None, 1)
        assert proof.claims["repository"] == "https://github.com/acme/base"
    for witnesses in (LOG, BOTH):
        with pytest.raises(ValueError, match="no entry of a transparency log"):
            workflow(witnesses).statement(data)


def test_a_sigstore_without_logs_is_judged_by_its_timestamps() -> None:
    """As GitHub's for private repositories: neither logs nor promises of any (SCT)."""
    key = madesigstore.new_key()
    certificate = MADE.certificate(key, logged=False)
    made = MADE.bundle(PAYLOAD, key=key, certificate=certificate, stamped=NOW)
    made["verificationMaterial"].pop("tlogEntries")
    data = json.dumps(made).encode()
    bare = MADE.root(tlogs=[], ctlogs=[])
    who = ByIdentity("https://github.com/acme/*", "*", bare, witnesses=Witnesses())
    assert who.statement(data)[1].times == (int(NOW.timestamp()),)
    with pytest.raises(ValueError, match="no entry of a transparency log"):
        ByIdentity("*", "*", bare).statement(data)
    with pytest.raises(ValueError, match="no promise"):
        ByIdentity("*", "*", MADE.root(tlogs=[]), witnesses=Witnesses()).statement(data)


def test_older_signatures_in_the_public_log_hold_offline() -> None:
    by_key, by_identity = (SimpleSignature.from_layer(*each) for each in layers(PUBLIC))
    key = load_public(PUBLIC / "older.pub")
    proof = ByKey(key, LOG, PUBLIC_ROOT, offline=True).payload(by_key)
    assert (proof.index, proof.times) == (357097618, (1754488662,))
    wanted = {"repository": "salrashid123/go-bazel-github-workflow", "ref": "refs/tags/v*"}
    who = ByIdentity("*", "*", PUBLIC_ROOT, offline=True, claims=wanted)
    proof = who.payload(by_identity)
    assert (proof.index, proof.times) == (1004096555, (1772216446,))
    with pytest.raises(ValueError, match="with a certificate, not by a plain key"):
        ByKey(key, LOG, PUBLIC_ROOT).payload(by_identity)
    swapped = dataclasses.replace(by_identity, log=by_key.log)
    with pytest.raises(ValueError, match="about another signature"):
        who.payload(swapped)


def layers(folder: Path = DATA) -> list[tuple[Descriptor, bytes]]:
    listed = json.loads((folder / "older.json").read_text())
    return [(Descriptor.from_json(each), base64.b64decode(each["content"])) for each in listed]


def test_cosigns_older_signatures_and_attestations_are_read() -> None:
    by_key, by_identity, attested = layers()
    plain = SimpleSignature.from_layer(*by_key)
    named = SimpleSignature.from_layer(*by_identity)
    attestation = OlderAttestation.from_layer(*attested)
    key, who = ByKey(KEY, STAMP, ROOT, offline=True), workflow(STAMP)
    assert plain.is_about(DIGEST)
    assert len(key.payload(plain).times) == 1
    assert who.payload(named).claims["ref"] == "refs/heads/main"
    said, proof = key.envelope(attestation)
    assert said.is_about(DIGEST)
    assert said.predicate_type == statement.SPDX
    assert len(proof.times) == 1
    with pytest.raises(ValueError, match="by a plain key, not with a certificate"):
        who.payload(plain)
    with pytest.raises(ValueError, match="by a plain key, not with a certificate"):
        who.envelope(attestation)
    with pytest.raises(ValueError, match="with a certificate, not by a plain key"):
        key.payload(named)
    with pytest.raises(ValueError, match="media type"):
        OlderAttestation.from_layer(*by_key)
    with pytest.raises(ValueError, match="media type"):
        SimpleSignature.from_layer(*attested)


def older(kind: str, *, stamped: bool = False) -> tuple[OlderAttestation, PublicKey]:
    """Return an attestation by a key with a promise about an entry of ``kind``."""
    key = madesigstore.new_key()
    public = madesigstore.public(key)
    signature = madesigstore.ecdsa(key, madesigstore.pae(PAYLOAD))
    text = json.dumps(
        {
            "payloadType": "application/vnd.in-toto+json",
            "payload": madesigstore.b64(PAYLOAD),
            "signatures": [{"keyid": "", "sig": madesigstore.b64(signature)}],
        }
    ).encode()
    body = {
        "dsse": lambda: madesigstore.dsse(PAYLOAD, signature, public, text),
        "intoto": lambda: madesigstore.intoto(PAYLOAD, public, text),
        "intoto2": lambda: madesigstore.intoto2(PAYLOAD, signature, public, text),
        "hashedrekord": lambda: madesigstore.hashedrekord(
            madesigstore.pae(PAYLOAD), signature, public
        ),
    }[kind]()
    notes = {"dev.sigstore.cosign/bundle": MADE.rekor.kept(body)}
    if stamped:
        token = madesigstore.b64(madesigstore.timestamp(MADE.tsa, text))
        notes["dev.sigstore.cosign/rfc3161timestamp"] = json.dumps(
            {"SignedRFC3161Timestamp": token}
        )
    layer = Descriptor(simple.ATTESTATION, DIGEST, len(text), annotations=notes)
    return OlderAttestation.from_layer(layer, text), PublicKey(public)


@pytest.mark.parametrize("kind", ["dsse", "intoto", "intoto2", "hashedrekord"])
def test_older_attestations_are_proven_by_their_logs_promise(kind: str) -> None:
    attestation, key = older(kind)
    _, proof = ByKey(key, LOG, MADE.root(), offline=True).envelope(attestation)
    assert (proof.log, proof.index) == ("https://rekor.test", 1005)
    assert proof.times == (int(NOW.timestamp()),)
    with pytest.raises(ValueError, match="no timestamp"):
        ByKey(key, STAMP, MADE.root(), offline=True).envelope(attestation)
    both, other = older(kind, stamped=True)
    assert ByKey(other, BOTH, MADE.root()).envelope(both)[1].index == proof.index


@pytest.mark.parametrize("version", [V01, V02])
def test_older_bundles_are_read(version: str) -> None:
    made = MADE.bundle(PAYLOAD)
    made["mediaType"] = version
    material = made["verificationMaterial"]
    material["x509CertificateChain"] = {"certificates": [material.pop("certificate")]}
    who = ByIdentity("*", "*", MADE.root())
    assert who.statement(json.dumps(made).encode())[1].index == 1005
    # Only 0.1 knows entries that the log has promised, but not proven, to hold.
    material["tlogEntries"][0]["inclusionProof"].pop("checkpoint")
    if version == V01:
        assert who.statement(json.dumps(made).encode())[1].index == 1005
    else:
        with pytest.raises(ValueError, match="no proof of inclusion"):
            who.statement(json.dumps(made).encode())


def test_the_public_sigstores_attestations_hold() -> None:
    data = (PUBLIC / "dsse.json").read_bytes()
    issuer = "https://token.actions.githubusercontent.com/*"
    who = ByIdentity("https://github.com/too-legit/*", issuer, PUBLIC_ROOT)
    said, proof = who.statement(data)
    assert said.predicate_type == statement.PROVENANCE
    assert (proof.log, proof.index) == ("https://rekor.sigstore.dev", 129601213)
    assert proof.times == (1726082343,)
    assert proof.claims["issuer"].endswith("/hammer-time")
    with pytest.raises(ValueError, match="its issuer is"):
        ByIdentity("*", issuer.removesuffix("/*"), PUBLIC_ROOT).statement(data)
    # Proven, but about an npm package, which has a SHA-512.
    with pytest.raises(ValueError, match="no subject of the statement has a sha256 digest"):
        ByIdentity("*", "*", PUBLIC_ROOT).statement((PUBLIC / "intoto-v0.1.json").read_bytes())


def test_githubs_own_sigstore_is_judged_by_its_timestamps() -> None:
    data, root = (PUBLIC / "private.json").read_bytes(), (PUBLIC / "private_root.json").read_bytes()
    wanted = {"repository": "actions/attest-demo", "visibility": "private"}
    issuer = "https://token.actions.githubusercontent.com"
    who = ByIdentity("https://github.com/actions/*", issuer, root, claims=wanted, witnesses=STAMP)
    _, proof = who.statement(data)
    assert (proof.log, proof.index, proof.times) == ("", None, (1713807206,))
    with pytest.raises(ValueError, match="no entry of a transparency log"):
        ByIdentity("*", "*", root).statement(data)
    with pytest.raises(ValueError, match="no time is proven"):
        ByIdentity("*", "*", PUBLIC_ROOT, witnesses=Witnesses()).statement(data)


def test_the_public_log_of_version_2_signs_with_ed25519(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    log = next(each for each in trusted(None, True).logs if each.scheme == "PKIX_ED25519")
    root = "dA9mMr0smTXgo7nGsE01Zdc5KOOqTs2/zYfdSqxO+ks="
    note = (
        f"log2025-1.rekor.sigstore.dev\n34356369\n{root}\n\n"
        "\N{EM DASH} log2025-1.rekor.sigstore.dev zxGZFQZgTebN28s0D7vKP5gX8R+CsXCved700HCQAHgDHbdk"
        "aH3tfx7+DMPkccNhzsnSy7LijLzWMa+evZduylLs0wc=\n"
    )
    proof = Inclusion(0, 34356369, base64.b64decode(root), (), note)
    _checkpoint(proof, log, named=True)
    witnessed = note + "\N{EM DASH} witness.example/x AAAAAAAA\n"
    _checkpoint(dataclasses.replace(proof, checkpoint=witnessed), log, named=True)
    with pytest.raises(ValueError, match="not signed by the log"):
        _checkpoint(
            dataclasses.replace(proof, checkpoint=note.replace("zx", "ZX")), log, named=True
        )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 11])
def test_every_place_in_a_tree_is_proven(size: int) -> None:
    key = madesigstore.new_key()
    public = PublicKey(madesigstore.public(key))
    made = MADE.bundle(PAYLOAD, key=key, hint="")
    body = base64.b64decode(made["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"])
    for at in range(size):
        made["verificationMaterial"]["tlogEntries"] = [MADE.rekor.entry(body, at=at, size=size)]
        data = json.dumps(made).encode()
        assert ByKey(public, LOG, MADE.root()).statement(data)[1].index == at + 1000


@pytest.mark.parametrize("name", ["key-logged-stamped", "key-stamped", "identity-stamped"])
def test_what_was_read_is_written_alike(name: str) -> None:
    data = (DATA / f"{name}.json").read_bytes()
    ours, theirs = json.loads(Bundle.from_bytes(data).to_bytes()), json.loads(data)
    for entry in theirs["verificationMaterial"].get("tlogEntries", []):
        entry.setdefault("logIndex", "0")  # protobuf's JSON leaves zeros out
        entry["inclusionProof"].setdefault("logIndex", "0")
    for entry in ours["verificationMaterial"].get("tlogEntries", []):
        proof = entry["inclusionProof"]
        proof["hashes"] or proof.pop("hashes")
    assert ours == theirs


@pytest.mark.parametrize(
    ("witnesses", "imported"),
    [
        ("Witnesses()", set()),
        ("Witnesses(log=True, timestamp=True)", {"rfc3161_client"}),
    ],
)
def test_verifying_never_imports_the_signing_stack(witnesses: str, imported: set[str]) -> None:
    code = (
        "import sys, pathlib\n"
        "from imgforge.signing.key import load_public\n"
        "from imgforge.signing.proof import Witnesses\n"
        "from imgforge.signing.signatory import ByKey\n"
        f"data = pathlib.Path({str(DATA)!r})\n"
        "root = (data / 'trusted_root.json').read_bytes()\n"
        f"who = ByKey(load_public(data.parent / 'cosign.pub'), {witnesses}, root)\n"
        "if who.witnesses == Witnesses(): who = ByKey(who.key)\n"
        "who.statement((data / 'key-logged-stamped.json').read_bytes())\n"
        "dear = {'sigstore', 'pydantic', 'httpx', 'tuf', 'rfc3161_client'}\n"
        "print(*sorted(dear & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(found.stdout.split()) == imported


def test_a_log_without_a_clock_counts_only_where_a_timestamp_lies_in_its_time() -> None:
    """Of version 2: whoever has the key of a log that ended long ago may still sign with it."""
    made = MADE.bundle(PAYLOAD, log=MADE.tiles, time=None, stamped=NOW)
    data = json.dumps(made).encode()
    day = dt.timedelta(days=1)
    for span, counts in (
        (madesigstore.valid(NOW - day, NOW + day), True),
        (madesigstore.valid(NOW - day, NOW), False),
        (madesigstore.valid(NOW + day), False),
    ):
        root = MADE.root(tlogs=[MADE.tiles.instance(span)])
        who = ByIdentity("https://github.com/acme/*", "*", root)
        if counts:
            assert who.statement(data)[1].log == "https://tiles.test"
            continue
        with pytest.raises(ValueError, match="at which the log's key does not count"):
            who.statement(data)
