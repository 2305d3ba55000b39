"""Trusted roots: whose word counts in one Sigstore (protobuf-specs, sigstore_trustroot.proto).

A root names the certificate authorities (Fulcio), the logs of certificates and of signatures
(Rekor) and the timestamp authorities, each with its keys and the time in which they count. What a
root does not have cannot be demanded under it: GitHub's own Sigstore for private repositories has
neither logs of signatures nor of certificates.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from imgforge import strictjson
from imgforge.errors import EvidenceError, TransientError
from imgforge.signing.key import decode64

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
MAX_SIZE = 4 << 20
"""Bytes; the most that is read of a trusted root."""
_PUBLIC = "https://tuf-repo-cdn.sigstore.dev"
_FILE = "trusted_root.json"
_MOST = 64
"""The most logs or authorities of one kind; the public Sigstore has two."""
_RSA = frozenset(
    {
        "PKCS1_RSA_PKCS1V5",
        "PKIX_RSA_PKCS1V15_2048_SHA256",
        "PKIX_RSA_PKCS1V15_3072_SHA256",
        "PKIX_RSA_PKCS1V15_4096_SHA256",
    }
)
_CURVES = {
    "PKIX_ECDSA_P256_SHA_256": "secp256r1",
    "PKIX_ECDSA_P384_SHA_384": "secp384r1",
    "PKIX_ECDSA_P521_SHA_512": "secp521r1",
}
_ED25519 = "PKIX_ED25519"
_SCHEMES = frozenset({*_RSA, *_CURVES, _ED25519})


@dataclass(frozen=True, slots=True)
class Span:
    """The time in which a key counts: from ``start`` until before ``end``, if it ends at all."""

    start: dt.datetime
    end: dt.datetime | None

    def holds(self, moment: dt.datetime) -> bool:
        """Whether ``moment`` lies in it."""
        return self.start <= moment and (self.end is None or moment < self.end)


@dataclass(frozen=True, slots=True)
class Log:
    """A log: its URL, what it is called in entries, its key (SubjectPublicKeyInfo) and scheme.

    A log with a scheme that is not known here is one still, whose word cannot be judged: under a
    root that has certificate logs a certificate needs one, be they of such a kind.
    """

    url: str
    identifier: bytes
    key: bytes
    scheme: str
    span: Span

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` is the log's over ``data``."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        if self.scheme not in _SCHEMES:
            return False
        key = load_der_public_key(self.key)
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
            elif isinstance(key, ed25519.Ed25519PublicKey):
                key.verify(signature, data)
            elif isinstance(key, ec.EllipticCurvePublicKey):
                digests = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
                key.verify(signature, data, ec.ECDSA(digests[key.curve.key_size]))
            else:
                return False
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority's certificates, the one that signs first and the root last."""

    chain: tuple[Certificate, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """Everybody whose word counts: who issues certificates, and who bears witness."""

    issuers: tuple[Authority, ...]
    certificate_logs: tuple[Log, ...]
    logs: tuple[Log, ...]
    timestampers: tuple[Authority, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> TrustedRoot:
        """Read ``trusted_root.json``; ValueError saying what is wrong.

        Fields that are not known are passed over: they are added from time to time, and what they
        say can only be needed for what is not supported.
        """
        if len(data) > MAX_SIZE:
            raise ValueError(f"it is over {MAX_SIZE} bytes")
        value = strictjson.load_object(data)
        if value.get("mediaType") != MEDIA_TYPE:
            raise ValueError(f"its media type is {value.get('mediaType')!a}")
        return cls(
            tuple(_authority(each) for each in _list(value, "certificateAuthorities")),
            tuple(_log(each) for each in _list(value, "ctlogs")),
            tuple(_log(each) for each in _list(value, "tlogs")),
            tuple(_authority(each) for each in _list(value, "timestampAuthorities")),
        )


@functools.lru_cache(maxsize=8)
def trusted(data: bytes | None, offline: bool) -> TrustedRoot:  # noqa: FBT001 - a cache's key
    """Return the root in ``data``, or the public Sigstore's; read once for all bundles.

    The public one is refreshed by TUF, once per process. ``offline`` opens no socket and takes what
    the last refresh left, or what the sigstore package brings, however old: that TUF's metadata
    have expired means that keys added or revoked since are not known, not that one is false.
    EvidenceError if the root is none, TransientError if the public one cannot be reached.
    """
    if data is None:
        data, place = (_kept() if offline else _refreshed()), "the public Sigstore's root"
    else:
        place = "the trusted root"
    try:
        return TrustedRoot.from_bytes(data)
    except ValueError as error:
        raise EvidenceError(f"{place} cannot be read: {error}"[:400]) from error


def _refreshed() -> bytes:
    from sigstore._internal.tuf import TrustUpdater
    from sigstore.errors import TUFError
    from tuf.api.exceptions import DownloadError

    try:
        return _read(Path(TrustUpdater(_PUBLIC).get_trusted_root_path()))
    except (TUFError, OSError) as error:
        silent = isinstance(error.__cause__, DownloadError)
        raise (TransientError if silent else EvidenceError)(
            f"the public Sigstore's trusted root cannot be had: {error}"[:400],
            hint="run the same command again later, or name one: --trusted-root, or in the policy",
        ) from error


def _kept() -> bytes:
    """Read what sigstore-python's last refresh left for this user, or what the package brings.

    That is read where the library puts it; through the library it would take half a second.
    """
    import platformdirs

    name = quote(_PUBLIC, safe="")
    cache = Path(platformdirs.user_cache_dir("sigstore-python", "sigstore")) / "tuf"
    try:
        try:
            return _read(cache / name / _FILE)
        except FileNotFoundError:
            with as_file(files("sigstore._store").joinpath(name, _FILE)) as shipped:
                return _read(shipped)
    except OSError as error:
        raise EvidenceError(
            f"the public Sigstore's trusted root cannot be had offline: {error}",
            hint="run it once with the network, or name a trusted-root in the policy",
        ) from error


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_SIZE + 1)


def _list(value: Any, name: str) -> list[Any]:  # noqa: ANN401 - decoded JSON of unknown shape
    found = _object(value).get(name)
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > _MOST:
        raise ValueError(f"its {name} is no list of at most {_MOST}")
    return found


def _object(value: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    if not isinstance(value, dict):
        raise ValueError("something in it is not an object")  # noqa: TRY004 - one error
    return value


def _log(value: Any) -> Log:  # noqa: ANN401 - as above
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    public = _object(_object(value).get("publicKey"))
    scheme, url = public.get("keyDetails"), value.get("baseUrl", "")
    der, identifier = decode64(public.get("rawBytes")), _object(value.get("logId")).get("keyId")
    if not isinstance(scheme, str) or not isinstance(url, str):
        raise ValueError("a log's key has no scheme, or its URL is not a string")  # noqa: TRY004
    log = Log(url, decode64(identifier), der, scheme, _span(public.get("validFor")))
    if scheme not in _SCHEMES:
        return log
    try:
        key = load_der_public_key(der)
    except UnsupportedAlgorithm as error:
        raise ValueError(f"a log's key is of a kind not known: {error}") from error
    if not (
        (isinstance(key, rsa.RSAPublicKey) and scheme in _RSA)
        or (isinstance(key, ed25519.Ed25519PublicKey) and scheme == _ED25519)
        or (isinstance(key, ec.EllipticCurvePublicKey) and _CURVES.get(scheme) == key.curve.name)
    ):
        raise ValueError(f"a log's key is not of its scheme {scheme}")
    return log


def _authority(value: Any) -> Authority:  # noqa: ANN401 - as above
    from cryptography import x509

    chain = _list(_object(value).get("certChain"), "certificates")
    if not chain:
        raise ValueError("an authority has no certificate")
    return Authority(
        tuple(x509.load_der_x509_certificate(decode64(_object(c).get("rawBytes"))) for c in chain),
        _span(value.get("validFor")),
    )


def _span(value: Any) -> Span:  # noqa: ANN401 - as above
    given = _object({} if value is None else value)
    start, end = given.get("start"), given.get("end")
    always = dt.datetime.min.replace(tzinfo=dt.UTC)
    return Span(always if start is None else _moment(start), None if end is None else _moment(end))


def _moment(value: Any) -> dt.datetime:  # noqa: ANN401 - as above
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        raise ValueError("a time is not RFC 3339")
    return moment
