"""What both document formats need: identifiers, licences, suppliers, times."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Final, NamedTuple
from urllib.parse import quote

from imgforge import __version__
from imgforge.analysis.facts import Package
from imgforge.inventory import Inventory

TOOL: Final = "imgforge"
VERSION: Final = __version__
LAYER: Final = "imgforge:layer"
"""The property or annotation that names the layer which brought a package."""

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:imgforge:sbom")
_ADDRESS: Final = re.compile(r"\s*\"?(?P<name>[^<\"]*?)\"?\s*<(?P<mail>[^<>\s]+@[^<>\s]+)>")
_GROUP: Final = re.compile(
    r"(?i)\b(team|maintainers?|developers?|project|group|foundation|authors|contributors|community"
    r"|inc|ltd|llc|gmbh|corp|authority|services|software|debian)\b"
)
_ALIASES: Final = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd-2": "BSD-2-Clause",
    "bsd-3": "BSD-3-Clause",
    "isc license": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0": "MPL-2.0",
    "mpl 2.0": "MPL-2.0",
    "new bsd": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "the mit license": "MIT",
    "unlicense": "Unlicense",
    "zpl 2.1": "ZPL-2.1",
}


class Supplier(NamedTuple):
    """Who supplies a package: ``organisation`` is a guess from the name."""

    name: str
    mail: str
    organisation: bool


def text(value: str) -> str:
    """Return ``value`` as UTF-8 can hold it: undecodable bytes of paths are escaped."""
    raw = value.encode(errors="surrogateescape")
    return raw.decode(errors="backslashreplace")


def document_uuid(kind: str, image: Inventory, name: str, created: int) -> uuid.UUID:
    """Return the identifier of the one document of this kind, image, name and time."""
    return uuid.uuid5(_NAMESPACE, f"{kind}\n{VERSION}\n{image.digest}\n{name}\n{created}")


def timestamp(created: int) -> str:
    """Return seconds since 1970 as RFC 3339 in UTC."""
    return dt.datetime.fromtimestamp(created, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def image_purl(image: Inventory, name: str) -> str:
    """Return the image's package URL (purl-spec, type ``oci``)."""
    last = name.rstrip("/").rpartition("/")[2].lower() or "image"
    arch = f"?arch={quote(image.platform.architecture)}" if image.platform else ""
    return f"pkg:oci/{quote(last)}@{quote(image.digest)}{arch}"


def expression(licence: str) -> str | None:
    """Return a valid SPDX licence expression for what the metadata says, or None."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    said = " ".join(licence.split())
    try:
        return canonicalize_license_expression(_ALIASES.get(said.lower(), said))
    except InvalidLicenseExpression:
        return None


def supplier(package: Package) -> Supplier | None:
    """Read ``Name <mail>`` (the first, if there are several); None if nobody is named."""
    said = text(package.supplier).strip()
    address = _ADDRESS.match(said)
    name, mail = (address["name"].strip(), address["mail"]) if address else (said, "")
    if not address and "@" in said:
        name, mail = "", said.split(",")[0].strip()
    name = name or mail
    return Supplier(name, mail, _GROUP.search(name) is not None) if name else None
