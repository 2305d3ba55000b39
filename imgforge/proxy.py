"""The proxy that the settings name, for httpx."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.request import getproxies

if TYPE_CHECKING:
    import ssl

    import httpx


def mounts(context: ssl.SSLContext) -> dict[str, httpx.BaseTransport | None]:
    """Return a client's ``mounts``; none leaves it to ``HTTP_PROXY`` and its like.

    ``NO_PROXY`` counts with either: httpx mounts the places in it itself, and a pattern that names
    a host comes before one that names a scheme.
    """
    from imgforge import settings

    named = settings.load().network.proxy
    direct = {part.strip() for part in getproxies().get("no", "").split(",")}
    if named is None or "*" in direct:
        return {}
    import httpx

    transport = httpx.HTTPTransport(proxy=httpx.Proxy(named), verify=context, trust_env=False)
    return {"http://": transport, "https://": transport}
