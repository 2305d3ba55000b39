"""A Sigstore in memory, whose every key is at hand: what no real one would ever say can be made.

Its certificates, promises, log entries, checkpoints and timestamps are written after the same
documents that imgforge reads them by, with no code of imgforge's: RFC 5280, RFC 6962, RFC 3161 with
RFC 5652 and RFC 5035, and for the logs' entries github.com/sigstore/rekor and rekor-tiles.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey
NOW = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
IDENTITY = "https://github.com/acme/web/.github/workflows/release.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
CLAIMS = {
    8: ISSUER,
    9: IDENTITY,
    11: "github-hosted",
    12: "https://github.com/acme/web",
    13: "0" * 40,
    14: "refs/heads/main",
    16: "https://github.com/acme",
    18: IDENTITY,
    20: "push",
    21: "https://github.com/acme/web/actions/runs/3/attempts/1",
    22: "public",
}
_ARC = "1.3.6.1.4.1.57264.1."


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def public(key: Key | ed25519.Ed25519PrivateKey) -> bytes:
    """Return the key's SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def ecdsa(key: Key, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def pem(der: bytes) -> bytes:
    """Return a certificate or a public key as PEM."""
    label = b"PUBLIC KEY" if len(der) < 120 else b"CERTIFICATE"
    text = base64.b64encode(der)
    lines = b"\n".join(text[i : i + 64] for i in range(0, len(text), 64))
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label, lines, label)


def pae(payload: bytes, kind: str = "application/vnd.in-toto+json") -> bytes:
    return f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload


def valid(start: dt.datetime, end: dt.datetime | None = None) -> dict[str, str]:
    return {"start": start.isoformat()} | ({} if end is None else {"end": end.isoformat()})


# --- certificates


@dataclass
class Authority:
    """A root and the certificate below it that signs; ``purpose`` is what that is limited to."""

    name: str
    purpose: x509.ObjectIdentifier
    days: int = 3650
    timestamping: bool = False
    root_key: Key = field(default_factory=new_key)
    key: Key = field(default_factory=new_key)

    @functools.cached_property
    def root(self) -> x509.Certificate:
        return self._made(f"{self.name} root", f"{self.name} root", self.root_key, ca=True)

    @functools.cached_property
    def certificate(self) -> x509.Certificate:
        return self._made(self.name, f"{self.name} root", self.key, ca=not self.timestamping)

    def _made(self, name: str, issuer: str, key: Key, *, ca: bool) -> x509.Certificate:
        start = NOW - dt.timedelta(days=365)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(days=self.days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(_usage(ca=ca), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key()),
                critical=False,
            )
        )
        if name != issuer:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([self.purpose]), critical=self.timestamping
            )
        return builder.sign(self.root_key, hashes.SHA256())

    def instance(self, span: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the authority as a trusted root lists it."""
        return {
            "subject": {"organization": "test", "commonName": self.name},
            "uri": "https://authority.test",
            "certChain": {
                "certificates": [
                    {"rawBytes": b64(each.public_bytes(Encoding.DER))}
                    for each in (self.certificate, self.root)
                ]
            },
            "validFor": span or valid(NOW - dt.timedelta(days=365)),
        }


def _usage(*, ca: bool, signs: bool = True) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs and not ca,
        content_commitment=not signs,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


# --- logs


@dataclass
class Log:
    """A log of signatures (Rekor) or of certificates; version 1 or 2."""

    url: str = "https://rekor.test"
    version: int = 1
    key: Key = field(default_factory=new_key)

    @property
    def identifier(self) -> bytes:
        return hashlib.sha256(public(self.key)).digest()

    @property
    def origin(self) -> str:
        host = self.url.removeprefix("https://")
        return f"{host} - 4242" if self.version == 1 else host

    def instance(self, span: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the log as a trusted root lists it."""
        return {
            "baseUrl": self.url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": b64(public(self.key)),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": span or valid(NOW - dt.timedelta(days=365)),
            },
            "logId": {"keyId": b64(self.identifier)},
        }

    def entry(
        self, body: bytes, *, time: dt.datetime | None = NOW, at: int = 5, size: int = 11
    ) -> dict[str, Any]:
        """Return the entry at ``at`` in a tree of ``size``; version 1 promises it at ``time``."""
        said = json.loads(body)
        leaves = [b"%d" % n for n in range(size)]
        leaves[at] = body
        root = tree(leaves)
        entry: dict[str, Any] = {
            "logIndex": str(at if self.version == 2 else at + 1000),
            "logId": {"keyId": b64(self.identifier)},
            "kindVersion": {"kind": said["kind"], "version": said["apiVersion"]},
            "canonicalizedBody": b64(body),
            "inclusionProof": {
                "logIndex": str(at),
                "treeSize": str(size),
                "rootHash": b64(root),
                "hashes": [b64(each) for each in path(leaves, at)],
                "checkpoint": {"envelope": self.checkpoint(size, root)},
            },
        }
        if self.version == 1 and time is not None:
            seconds = int(time.timestamp())
            entry["integratedTime"] = str(seconds)
            entry["inclusionPromise"] = {
                "signedEntryTimestamp": b64(self.promise(body, at + 1000, seconds))
            }
        return entry

    def answer(self, body: bytes, time: dt.datetime = NOW) -> tuple[bytes, dict[str, Any]]:
        """Return an answer of Rekor v1, and the entry as a bundle holds it."""
        entry = self.entry(body, time=time)
        proof = entry["inclusionProof"]

        def digits(text: str) -> str:
            return base64.b64decode(text).hex()

        value = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logID": digits(entry["logId"]["keyId"]),
            "logIndex": int(entry["logIndex"]),
            "verification": {
                "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
                "inclusionProof": {
                    "logIndex": int(proof["logIndex"]),
                    "treeSize": int(proof["treeSize"]),
                    "rootHash": digits(proof["rootHash"]),
                    "hashes": [digits(each) for each in proof["hashes"]],
                    "checkpoint": proof["checkpoint"]["envelope"],
                },
            },
        }
        return json.dumps({"uuid": value}).encode(), entry

    def kept(self, body: bytes, *, time: dt.datetime = NOW, index: int = 1005) -> str:
        """Return what cosign keeps of an entry beside an older signature."""
        seconds = int(time.timestamp())
        return json.dumps(
            {
                "SignedEntryTimestamp": b64(self.promise(body, index, seconds)),
                "Payload": {
                    "body": b64(body),
                    "integratedTime": seconds,
                    "logIndex": index,
                    "logID": self.identifier.hex(),
                },
            }
        )

    def promise(self, body: bytes, index: int, seconds: int) -> bytes:
        said = {
            "body": b64(body),
            "integratedTime": seconds,
            "logID": self.identifier.hex(),
            "logIndex": index,
        }
        return ecdsa(self.key, canonical(said))

    def checkpoint(self, size: int, root: bytes, origin: str = "") -> str:
        note = f"{origin or self.origin}\n{size}\n{b64(root)}\n"
        mark = b64(self.identifier[:4] + ecdsa(self.key, note.encode()))
        name = (origin or self.origin).split(" ")[0]
        return f"{note}\n\N{EM DASH} {name} {mark}\n"


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def tree(leaves: Sequence[bytes]) -> bytes:
    """Return the root (RFC 6962, section 2.1)."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = _split(len(leaves))
    return hashlib.sha256(b"\1" + tree(leaves[:k]) + tree(leaves[k:])).digest()


def path(leaves: Sequence[bytes], at: int) -> list[bytes]:
    """Return the audit path of leaf ``at`` (RFC 6962, section 2.1.1)."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if at < k:
        return [*path(leaves[:k], at), tree(leaves[k:])]
    return [*path(leaves[k:], at - k), tree(leaves[:k])]


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def _hash(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def hashedrekord(signed: bytes, signature: bytes, verifier: bytes) -> bytes:
    spec = {
        "data": {"hash": _hash(signed)},
        "signature": {"content": b64(signature), "publicKey": {"content": b64(pem(verifier))}},
    }
    return canonical({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec})


def hashedrekord2(
    signed: bytes, signature: bytes, verifier: bytes, *, digest: bytes | None = None
) -> bytes:
    name = "publicKey" if len(verifier) < 120 else "x509Certificate"
    spec = {
        "data": {"algorithm": "SHA2_256", "digest": b64(digest or hashlib.sha256(signed).digest())},
        "signature": {
            "content": b64(signature),
            "verifier": {
                name: {"rawBytes": b64(verifier)},
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            },
        },
    }
    whole = {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": spec}}
    return canonical(whole)


def dsse(payload: bytes, signature: bytes, verifier: bytes, text: bytes = b"?") -> bytes:
    spec = {
        "envelopeHash": _hash(text),
        "payloadHash": _hash(payload),
        "signatures": [{"signature": b64(signature), "verifier": b64(pem(verifier))}],
    }
    return canonical({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})


def intoto(payload: bytes, verifier: bytes, text: bytes) -> bytes:
    spec = {
        "content": {"hash": _hash(text), "payloadHash": _hash(payload)},
        "publicKey": b64(pem(verifier)),
    }
    return canonical({"apiVersion": "0.0.1", "kind": "intoto", "spec": spec})


def intoto2(payload: bytes, signature: bytes, verifier: bytes, text: bytes = b"?") -> bytes:
    signed = {"publicKey": b64(pem(verifier)), "sig": b64(b64(signature).encode())}
    envelope = {"payloadType": "application/vnd.in-toto+json", "signatures": [signed]}
    content = {"envelope": envelope, "hash": _hash(text), "payloadHash": _hash(payload)}
    return canonical({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": content}})


# --- timestamps


def _tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def utf8(text: str) -> bytes:
    """Return a DER UTF8String."""
    return _tlv(0x0C, text.encode())


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    body = bytes([first * 40 + second])
    for arc in rest:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        body += bytes(reversed(digits))
    return _tlv(6, body)


def _integer(number: int) -> bytes:
    return _tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, *parts)


_SHA256 = _sequence(_oid("2.16.840.1.101.3.4.2.1"))
_TST = _oid("1.2.840.113549.1.9.16.1.4")


def timestamp(authority: Authority, stamped: bytes, moment: dt.datetime = NOW) -> bytes:
    """Return the authority's response: it saw ``stamped`` at ``moment``."""
    leaf = authority.certificate.public_bytes(Encoding.DER)
    info = _sequence(
        _integer(1),
        _oid("1.3.6.1.4.1.57264.2"),
        _sequence(_SHA256, _tlv(4, hashlib.sha256(stamped).digest())),
        _integer(7),
        _tlv(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode()),
    )
    names = (
        (_oid("1.2.840.113549.1.9.3"), _TST),
        (_oid("1.2.840.113549.1.9.4"), _tlv(4, hashlib.sha256(info).digest())),
        (
            _oid("1.2.840.113549.1.9.16.2.47"),
            _sequence(_sequence(_sequence(_tlv(4, hashlib.sha256(leaf).digest())))),
        ),
    )
    attributes = b"".join(sorted(_sequence(name, _tlv(0x31, value)) for name, value in names))
    signer = _sequence(
        _integer(1),
        _sequence(
            authority.certificate.issuer.public_bytes(),
            _integer(authority.certificate.serial_number),
        ),
        _SHA256,
        _tlv(0xA0, attributes),
        _sequence(_oid("1.2.840.10045.4.3.2")),
        _tlv(4, ecdsa(authority.key, _tlv(0x31, attributes))),
    )
    signed = _sequence(
        _integer(3),
        _tlv(0x31, _SHA256),
        _sequence(_TST, _tlv(0xA0, _tlv(4, info))),
        _tlv(0xA0, leaf),
        _tlv(0x31, signer),
    )
    token = _sequence(_oid("1.2.840.113549.1.7.2"), _tlv(0xA0, signed))
    return _sequence(_sequence(_integer(0)), token)


# --- all of it


@dataclass
class Sigstore:
    """The services of one Sigstore: ``rekor`` is of version 1, ``tiles`` of version 2."""

    fulcio: Authority = field(
        default_factory=lambda: Authority("fulcio", ExtendedKeyUsageOID.CODE_SIGNING)
    )
    tsa: Authority = field(
        default_factory=lambda: Authority(
            "tsa", ExtendedKeyUsageOID.TIME_STAMPING, timestamping=True
        )
    )
    ct: Log = field(default_factory=lambda: Log("https://ct.test"))
    rekor: Log = field(default_factory=Log)
    tiles: Log = field(default_factory=lambda: Log("https://tiles.test", version=2))

    def root(self, **instead: object) -> bytes:
        """Return the trusted root, with fields of it ``instead`` of its own."""
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [self.rekor.instance(), self.tiles.instance()],
                "certificateAuthorities": [self.fulcio.instance()],
                "ctlogs": [self.ct.instance()],
                "timestampAuthorities": [self.tsa.instance()],
                **instead,
            }
        ).encode()

    def certificate(
        self,
        key: Key,
        *,
        names: Sequence[x509.GeneralName] = (x509.UniformResourceIdentifier(IDENTITY),),
        claims: Mapping[int, str] = CLAIMS,
        raw: Mapping[int, bytes] | None = None,
        start: dt.datetime = NOW - dt.timedelta(minutes=1),
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
        signs: bool = True,
        ct: Log | None = None,
        logged: bool = True,
    ) -> bytes:
        """Return a certificate (DER) for ten minutes; ``raw`` are extensions as they stand."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.fulcio.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(minutes=10))
            .add_extension(_usage(ca=False, signs=signs), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.fulcio.key.public_key()),
                critical=False,
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        texts = {arc: utf8(text) for arc, text in claims.items()} | dict(raw or {})
        for arc, value in texts.items():
            oid = x509.ObjectIdentifier(f"{_ARC}{arc}")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        if not logged:
            return builder.sign(self.fulcio.key, hashes.SHA256()).public_bytes(Encoding.DER)
        log = ct or self.ct
        draft = _with_sct(builder, self._sct(log, b"", start)).sign(
            self.fulcio.key, hashes.SHA256()
        )
        done = _with_sct(builder, self._sct(log, draft.tbs_precertificate_bytes, start))
        return done.sign(self.fulcio.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def _sct(self, log: Log, tbs: bytes, moment: dt.datetime) -> bytes:
        time = (int(moment.timestamp()) * 1000).to_bytes(8, "big")
        issuer = hashlib.sha256(public(self.fulcio.key)).digest()
        said = b"\0\0" + time + b"\0\1" + issuer + len(tbs).to_bytes(3, "big") + tbs + b"\0\0"
        signature = ecdsa(log.key, said)
        sized = len(signature).to_bytes(2, "big") + signature
        return b"\0" + log.identifier + time + b"\0\0" + b"\4\3" + sized

    def bundle(
        self,
        payload: bytes,
        *,
        key: Key | None = None,
        certificate: bytes | None = None,
        log: Log | None = None,
        time: dt.datetime | None = NOW,
        stamped: dt.datetime | None = None,
        hint: str | None = None,
    ) -> dict[str, Any]:
        """Return a bundle v0.3 as JSON, of a key if ``hint`` is given, else of a certificate.

        ``log`` (the one of version 1 unless told) gets an entry, with a promise at ``time``;
        ``stamped`` is when the timestamp authority saw it, if it did.
        """
        key = key or new_key()
        signature = ecdsa(key, pae(payload))
        if hint is None:
            verifier = certificate or self.certificate(key)
            material: dict[str, Any] = {"certificate": {"rawBytes": b64(verifier)}}
        else:
            verifier = public(key)
            material = {"publicKey": {"hint": hint}}
        chosen = log or self.rekor
        body = (
            dsse(payload, signature, verifier)
            if chosen.version == 1
            else hashedrekord2(pae(payload), signature, verifier)
        )
        material["tlogEntries"] = [chosen.entry(body, time=time)]
        if stamped is not None:
            token = timestamp(self.tsa, signature, stamped)
            material["timestampVerificationData"] = {
                "rfc3161Timestamps": [{"signedTimestamp": b64(token)}]
            }
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            "dsseEnvelope": {
                "payload": b64(payload),
                "payloadType": "application/vnd.in-toto+json",
                "signatures": [{"sig": b64(signature)}],
            },
        }


def _with_sct(builder: x509.CertificateBuilder, sct: bytes) -> x509.CertificateBuilder:
    listed = len(sct).to_bytes(2, "big") + sct
    value = _tlv(4, len(listed).to_bytes(2, "big") + listed)
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
    return builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
