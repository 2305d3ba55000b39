"""Package URLs (purl-spec 1.0 and its types).

Written out here because the reference library takes longer to import than a cached analysis;
the tests hold this against that library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from imgforge.analysis.facts import Package

_SAFE: Final = ":"
_SYSTEMS: Final = {"deb": "debian", "apk": "alpine", "rpm": ""}
"""Types whose namespace is the distribution: which one it is if the image does not say."""

_NAMESPACES: Final = {"rhel": "redhat", "sles": "suse", "sled": "suse", "sle-micro": "suse"}
"""Vendors that are called otherwise in package URLs than in ``os-release``."""

_LOWER: Final = frozenset({"deb", "apk", "composer", "hex"})
"""Types whose namespaces and names have no capitals. Go's have: its paths tell them apart."""


def build(package: Package, release: Mapping[str, str]) -> str:
    """Return the package URL; ``release`` is what the image's ``os-release`` sets."""
    kind, namespace, name, version = (
        *(package.ecosystem, package.namespace),
        *(package.name, package.version),
    )
    query = ""
    if kind in _SYSTEMS:
        vendor = release.get("ID") or _SYSTEMS[kind]
        qualifiers = {
            "arch": package.architecture,
            "distro": f"{vendor}-{release['VERSION_ID']}" if release.get("VERSION_ID") else "",
        }
        if kind == "rpm":
            # The reader leaves the module's label where the purl will be.
            epoch, _, version = version.rpartition(":")
            qualifiers |= {"epoch": "" if epoch == "0" else epoch, "rpmmod": package.purl}
            vendor = (
                "opensuse" if vendor.startswith("opensuse") else _NAMESPACES.get(vendor, vendor)
            )
        namespace = namespace or vendor.lower()
        query = "&".join(
            f"{key}={_quoted(value)}" for key, value in sorted(qualifiers.items()) if value
        )
    if kind in _LOWER:
        namespace, name = namespace.lower(), name.lower()
    elif kind == "npm":
        name = name.lower()
    elif kind == "gem" and package.architecture:
        query = f"platform={_quoted(package.architecture)}"
    if namespace:
        namespace = "/".join(_quoted(part) for part in namespace.split("/") if part) + "/"
    return (
        f"pkg:{kind}/{namespace}{_quoted(name)}"
        f"{'@' + _quoted(version) if version else ''}{'?' + query if query else ''}"
    )


def _quoted(text: str) -> str:
    return quote(text.encode(errors="surrogateescape"), safe=_SAFE)
