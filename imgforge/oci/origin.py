"""Where a request goes: loopback or not, TLS or plain, the same place or another."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import os
import re
from typing import TYPE_CHECKING

from imgforge.errors import RegistryError

if TYPE_CHECKING:
    import ssl

    import httpx

INSECURE = "IMGFORGE_INSECURE_REGISTRIES"
"""The variable that lists places (host[:port]) which may be spoken to without TLS.

``insecure`` in ``[registry]`` of the settings does the same.
"""

_PROBE = 2.0
_HANDSHAKE, _ALERT = b"\x16", b"\x15"  # record types, RFC 8446, section 5.1


def tls_context() -> ssl.SSLContext:
    """Return a verifying context: ``SSL_CERT_FILE``, else the system's authorities.

    Those that ``ca`` in ``[network]`` of the settings names count, too. RegistryError if the one
    or the other cannot be used.
    """
    return _context(os.environ.get("SSL_CERT_FILE") or None, _more())


def fresh_context() -> ssl.SSLContext:
    """Return a context as :func:`tls_context` does, that may be added to."""
    return _made(os.environ.get("SSL_CERT_FILE") or None, _more())


def _more() -> str | None:
    from imgforge import settings

    return settings.load().network.ca


@functools.cache
def _context(named: str | None, more: str | None) -> ssl.SSLContext:
    return _made(named, more)


def _made(named: str | None, more: str | None) -> ssl.SSLContext:
    context = _system(named)
    if more is not None:
        try:
            context.load_verify_locations(cafile=more)
        except OSError as error:
            raise RegistryError(f"network.ca {more} cannot be used: {error}") from error
    return context


def _system(named: str | None) -> ssl.SSLContext:
    import ssl

    if named is not None:
        try:
            return ssl.create_default_context(cafile=named)
        except OSError as error:
            raise RegistryError(f"SSL_CERT_FILE {named} cannot be used: {error}") from error
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath is None:
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def is_loopback(host: str) -> bool:
    """Whether ``host`` (no port) is this machine by name or number."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_near(host: str) -> bool:
    """Whether ``host`` (no port), by name or number, can only mean this machine or its own link.

    Numbers count as the system's resolver reads them (``127.1``, ``0x7f000001``), since that is
    who would connect.
    """
    import socket

    if is_loopback(host):
        return True
    name = host.strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(name))
        except (OSError, ValueError):
            return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_link_local or address.is_unspecified


def may_be_plain(place: str) -> bool:
    """Whether ``place`` (host[:port]) may be spoken to without TLS."""
    host = place if place.endswith("]") else re.sub(r":[0-9]+$", "", place)
    if is_loopback(host):
        return True
    from imgforge import settings

    return place in settings.load().registry.insecure


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether both URLs have the same scheme, host and port."""
    ports = {"http": 80, "https": 443}
    return (one.scheme, one.host, one.port or ports.get(one.scheme)) == (
        other.scheme,
        other.host,
        other.port or ports.get(other.scheme),
    )


def shown(url: httpx.URL) -> str:
    """Return ``url`` as it may be printed: without its query, where signatures stand."""
    return str(url.copy_with(query=None, fragment=None))


def speaks_tls(place: str) -> bool:
    """Whether ``place`` answers a TLS hello; its certificate is judged by the real request.

    Line breaks follow the hello so that a plain HTTP server answers at once, too.
    """
    import socket
    import ssl

    import httpx

    url = httpx.URL(f"https://{place}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    hello = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname=url.host).do_handshake()
    try:
        with socket.create_connection((url.host, url.port or 443), _PROBE) as connection:
            connection.settimeout(_PROBE)
            connection.sendall(hello.read() + b"\r\n\r\n")
            return connection.recv(1) in (_HANDSHAKE, _ALERT)
    except OSError:
        return False
