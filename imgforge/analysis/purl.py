"""Package URLs (purl-spec, types ``deb``, ``apk``, ``rpm`` and ``pypi``).

Written out here because the reference library takes longer to import than a cached analysis;
the tests hold this against that library.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from imgforge.analysis.facts import Package

_SAFE = ":"
_VENDORS = {"deb": "debian", "apk": "alpine", "rpm": ""}
"""Whose a distribution's packages are if the image does not say."""

_NAMESPACES = {"rhel": "redhat", "sles": "suse", "sled": "suse", "sle-micro": "suse"}
"""Vendors that are called otherwise in package URLs than in ``os-release``."""


def distribution(os_release: str) -> dict[str, str]:
    """Read ``etc/os-release`` (os-release(5)) into its variables."""
    out = {}
    for line in os_release.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            out[key.strip()] = value.strip().strip("\"'")
    return out


def build(package: Package, release: Mapping[str, str]) -> str:
    """Return the package URL; ``release`` is what :func:`distribution` read."""
    name = quote(package.name.encode(errors="surrogateescape"), safe=_SAFE)
    version = quote(package.version.encode(errors="surrogateescape"), safe=_SAFE)
    start = f"pkg:{package.ecosystem}/"
    if package.ecosystem not in _VENDORS:
        return f"{start}{name}@{version}"
    vendor = release.get("ID") or _VENDORS[package.ecosystem]
    qualifiers = {
        "arch": package.architecture,
        "distro": f"{vendor}-{release['VERSION_ID']}" if release.get("VERSION_ID") else "",
    }
    if package.ecosystem == "rpm":
        epoch, colon, rest = version.rpartition(":")
        version = rest
        qualifiers |= {"epoch": epoch if colon else "", "rpmmod": package.purl}
        vendor = "opensuse" if vendor.startswith("opensuse") else _NAMESPACES.get(vendor, vendor)
    else:
        name = name.lower()
    query = "&".join(
        f"{key}={quote(value, safe=_SAFE)}" for key, value in sorted(qualifiers.items()) if value
    )
    namespace = f"{quote(vendor.lower())}/" if vendor else ""
    return f"{start}{namespace}{name}@{version}" + (f"?{query}" if query else "")
