"""TLS with one registry: further authorities, and the certificate that a client shows.

They stand in the settings (``[registry.tls."host:port"]``) or, where those say nothing of a place,
in a folder of docker's or podman's: ``certs.d/HOST[:PORT]`` with ``*.crt`` (authorities),
``*.cert`` and ``*.key`` (docs.docker.com/engine/security/certificates, containers-certs.d(5)).
Authorities count beside the system's, for that place alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.errors import InvalidInputError
from imgforge.oci.origin import fresh_context

if TYPE_CHECKING:
    import ssl

SYSTEM = (Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d"))
"""Folders that every user of the machine has."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files (PEM) for TLS with one place; ``key`` may be in the certificate's own file."""

    place: str
    authorities: tuple[Path, ...] = ()
    certificate: Path | None = None
    key: Path | None = None


def find(place: str) -> Certificates | None:
    """Return what ``place`` (host[:port]) has of its own, None if nothing.

    InvalidInputError if a folder cannot be read, or holds half of a pair or several pairs.
    """
    from imgforge import settings

    names = _names(place)
    named = settings.load().registry.tls
    for name in names:
        if name in named:
            given = named[name]
            return Certificates(
                place,
                (Path(given.ca),) if given.ca else (),
                Path(given.certificate) if given.certificate else None,
                Path(given.key) if given.key else None,
            )
    for folder in _folders():
        for name in names:
            if (folder / name).is_dir():
                return _of_folder(folder / name, place)
    return None


def context(own: Certificates) -> ssl.SSLContext:
    """Return a verifying context with these files; InvalidInputError if one cannot be used."""
    made = fresh_context()
    for path in own.authorities:
        try:
            made.load_verify_locations(path)
        except OSError as error:
            raise _unusable(own.place, path, error) from error
    if own.certificate is not None:
        try:
            made.load_cert_chain(own.certificate, own.key or own.certificate, _no_password)
        except (OSError, ValueError) as error:
            raise _unusable(own.place, own.key or own.certificate, error) from error
    return made


def _names(place: str) -> tuple[str, ...]:
    """Return how a place may be written; 443 goes without saying."""
    if place.endswith(":443"):
        return place, place.removesuffix(":443")
    return (place,) if ":" in place.rpartition("]")[2] else (place, f"{place}:443")


def _folders() -> tuple[Path, ...]:
    home = os.environ.get("HOME") or ""
    config = os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    # A folder of the project's must never be taken for the user's.
    own = (config, f"{home}/.config") if home.startswith("/") else (config,)
    users = [
        Path(folder, tool, "certs.d")
        for folder in dict.fromkeys(own)
        if folder.startswith("/")
        for tool in ("containers", "docker")
    ]
    return *users, *SYSTEM


def _of_folder(folder: Path, place: str) -> Certificates | None:
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise InvalidInputError(f"cannot read {folder}: {error.strerror}") from error
    authorities = tuple(path for path in paths if path.suffix == ".crt")
    certificates = [path for path in paths if path.suffix == ".cert"]
    keys = [path for path in paths if path.suffix == ".key"]
    if [path.stem for path in certificates] != [path.stem for path in keys]:
        raise InvalidInputError(
            f"{folder}: certificates and keys are no pairs", hint="name them NAME.cert and NAME.key"
        )
    if len(keys) > 1:
        raise InvalidInputError(
            f"{folder} has {len(keys)} client certificates",
            hint=f"name the one that counts in [registry.tls.{place!a}] of the settings",
        )
    pair = (certificates[0], keys[0]) if keys else (None, None)
    return Certificates(place, authorities, *pair) if authorities or keys else None


def _no_password() -> str:
    raise ValueError("it is encrypted")


def _unusable(place: str, path: Path, error: Exception) -> InvalidInputError:
    why = getattr(error, "strerror", None) or str(error)
    return InvalidInputError(f"{path}, for TLS with {place}, cannot be used: {why}")
