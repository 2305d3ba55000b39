"""Hashes as package managers write them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

_SIZES: Final = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
_HEX: Final = re.compile(r"[0-9a-fA-F]+")


def digests(integrity: str) -> tuple[str, ...]:
    """Return ``<algorithm>:<hex>`` of subresource integrity (W3C SRI: ``sha512-<base64>``)."""
    found = []
    for entry in integrity.split():
        name, _, encoded = entry.partition("?")[0].partition("-")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            continue
        if len(raw) == _SIZES.get(name, -1):
            found.append(f"{name}:{raw.hex()}")
    return tuple(sorted(found))


def digest(name: str, value: object) -> tuple[str, ...]:
    """Return ``<name>:<hex>`` if ``value`` is hexadecimal and of that algorithm's length."""
    if not isinstance(value, str) or len(value) != 2 * _SIZES.get(name, -1):
        return ()
    return (f"{name}:{value.lower()}",) if _HEX.fullmatch(value) else ()
