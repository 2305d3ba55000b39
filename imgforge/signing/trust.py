"""Which Sigstore is used for signing: where its services are, and the root by which it is trusted.

Source: github.com/sigstore/protobuf-specs, sigstore_trustroot.proto (``ClientTrustConfig``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import strictjson
from imgforge.errors import EvidenceError, InvalidInputError, TransientError
from imgforge.oci.types import canonical_json, sha256
from imgforge.signing.identity_token import surroundings

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig

MAX_CONFIG = 8 << 20
"""Bytes; the most that is read of a trust configuration."""
PUBLIC = "public"
"""What stands for the public Sigstore where another has the digest of its configuration."""


@dataclass(frozen=True, slots=True)
class Log:
    """A transparency log: the URL of the service, and Rekor's major version (1 or 2)."""

    url: str
    version: int


@dataclass(frozen=True, slots=True)
class Trust:
    """One Sigstore. ``root`` is the text of its trusted root; None is the public one's.

    ``config`` is all of it, as the library reads it; ``issuer`` logs people in, ``timestamps`` are
    the URLs of the authorities that are asked, each of them. What it does not name is empty.
    """

    root: bytes | None
    config: ClientTrustConfig
    issuer: str
    log: Log | None
    timestamps: tuple[str, ...]


def load(file: Path | None) -> Trust:
    """Read a trust configuration; None is the public Sigstore's, refreshed over the network.

    InvalidInputError if the file is none or its services are past their time, TransientError or
    EvidenceError if the public one cannot be had.
    """
    if file is None:
        return _of(_public(), None)
    data = read(file)
    from sigstore.models import ClientTrustConfig

    try:
        value = strictjson.load_object(data)
        root = canonical_json(value["trustedRoot"])
        return _of(ClientTrustConfig.from_json(data.decode()), root)
    except Exception as error:  # whatever the library trips over is no configuration
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InvalidInputError(
            f"{file} is not a Sigstore trust configuration: {reason}",
            hint="it is a ClientTrustConfig: a trustedRoot and a signingConfig (v0.2) in one JSON",
        ) from error


def root_of(file: Path | None) -> bytes | None:
    """Return the text of the trusted root in a trust configuration; None is the public one's.

    InvalidInputError if there is none in it.
    """
    if file is None:
        return None
    try:
        return canonical_json(strictjson.load_object(read(file))["trustedRoot"])
    except (KeyError, ValueError) as error:
        raise InvalidInputError(f"{file} is not a Sigstore trust configuration") from error


def read(file: Path) -> bytes:
    """Return the bytes of a trust configuration; InvalidInputError if they cannot be read."""
    try:
        with file.open("rb") as source:
            data = source.read(MAX_CONFIG + 1)
    except OSError as error:
        raise InvalidInputError(
            f"cannot read the trust configuration {file}: {error.strerror}"
        ) from error
    if len(data) > MAX_CONFIG:
        raise InvalidInputError(f"the trust configuration {file} is over {MAX_CONFIG} bytes")
    return data


def name(file: Path | None) -> str:
    """Return what tells one Sigstore from another: its configuration's digest, or ``public``."""
    return PUBLIC if file is None else sha256(read(file))


def _public() -> ClientTrustConfig:
    from sigstore.models import ClientTrustConfig

    try:
        with surroundings():
            return ClientTrustConfig.production()
    except Exception as error:
        from tuf.api.exceptions import DownloadError

        silent = isinstance(error.__cause__, DownloadError)
        raise (TransientError if silent else EvidenceError)(
            f"the public Sigstore's trust configuration cannot be had: {error}"[:400],
            hint="run the same command again later, or name your own with --trust-config",
        ) from error


def _of(config: ClientTrustConfig, root: bytes | None) -> Trust:
    services = config.signing_config
    # The clients are the only public way to what the library chose among the services.
    logs = [_log(str(getattr(client, "url", ""))) for client in services.get_tlogs()]
    try:
        issuer = services.get_oidc_url()
    except Exception:  # noqa: BLE001 - its base class for "there is none"
        issuer = ""
    return Trust(
        root,
        config,
        issuer,
        logs[0] if logs else None,
        tuple(client.url for client in services.get_tsas()),
    )


def _log(url: str) -> Log:
    base, _, version = url.rpartition("/api/v")
    if not base or version not in {"1", "2"}:
        raise ValueError(f"its log {url!a} is of no known version")
    return Log(base, int(version))
