"""Package URLs (purl-spec, types ``deb`` and ``pypi``).

Written out here because the reference library takes longer to import than a cached analysis;
the tests hold this against that library.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from imgforge.analysis.facts import Package

_SAFE = ":"


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
    if package.ecosystem != "deb":
        return f"{start}{name}@{version}"
    vendor = release.get("ID") or "debian"
    qualifiers = {
        "arch": package.architecture,
        "distro": f"{vendor}-{release['VERSION_ID']}" if release.get("VERSION_ID") else "",
    }
    query = "&".join(
        f"{key}={quote(value, safe=_SAFE)}" for key, value in qualifiers.items() if value
    )
    return f"{start}{quote(vendor.lower())}/{name.lower()}@{version}" + (
        f"?{query}" if query else ""
    )
