"""What both document formats need: identifiers, licences, suppliers, times."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

from imgforge import __version__
from imgforge.analysis.facts import Package
from imgforge.inventory import Inventory
from imgforge.oci.types import canonical_json
from imgforge.sbom.purls import SYSTEMS

TOOL: Final = "imgforge"
VERSION: Final = __version__
TOOL_PURL: Final = "build-tool-purl"
"""SPDX's type of reference for the purl of what built the image and is not in it."""
_MOVES: Final = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters beyond ASCII, and those that turn the direction of writing."""
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


_REGISTRIES: Final = {
    "cargo": "crates.io",
    "composer": "Packagist",
    "gem": "RubyGems",
    "golang": "Go module proxy",
    "maven": "Maven Central",
    "npm": "npm registry",
    "nuget": "NuGet Gallery",
    "pypi": "Python Package Index",
}
"""Where a package of a type is from if its purl names no other place (purl-spec, PURL-TYPES)."""


class Supplier(NamedTuple):
    """Who supplies a package: ``organisation`` is a guess from the name."""

    name: str
    mail: str
    organisation: bool

    @property
    def said(self) -> str:
        """What a reader of the document makes of it."""
        if self.mail and self.mail != self.name:
            return f"{self.name} <{self.mail}>"
        return self.name


SuppliedBy = Callable[[Package], Supplier | None]
"""Says who supplies a package of one image: :func:`supplied` for that image."""


def text(value: str) -> str:
    """Return ``value`` as UTF-8 can hold it: undecodable bytes of paths are escaped."""
    raw = value.encode(errors="surrogateescape")
    return raw.decode(errors="backslashreplace")


def encoded(value: object) -> bytes:
    """Return a document's bytes: canonical JSON, in which nothing moves a terminal's cursor.

    JSON escapes the control characters of ASCII itself, but not those that Unicode has besides.
    """
    data = canonical_json(value)
    if data.isascii() and b"\x7f" not in data:
        return data
    return _MOVES.sub(lambda found: f"\\u{ord(found[0]):04x}", data.decode()).encode()


def document_uuid(kind: str, content: str, name: str, created: int) -> uuid.UUID:
    """Return the identifier of the one document of this kind, content, name and time."""
    digest = hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()
    return uuid.uuid5(_NAMESPACE, f"{kind}\n{VERSION}\n{digest}\n{text(name)}\n{created}")


def timestamp(created: int) -> str:
    """Return seconds since 1970 as RFC 3339 in UTC."""
    return dt.datetime.fromtimestamp(created, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def quoted(name: str) -> str:
    """Return a name as a document's namespace can hold it."""
    return quote(text(name), safe="")


def image_purl(image: Inventory, name: str) -> str:
    """Return the image's package URL (purl-spec, type ``oci``)."""
    last = name.rstrip("/").rpartition("/")[2].lower() or "image"
    arch = f"?arch={quote(image.platform.architecture)}" if image.platform else ""
    return f"pkg:oci/{quote(last)}@{quote(image.digest)}{arch}"


@lru_cache(maxsize=1 << 12)
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


def publisher(name: str) -> Supplier | None:
    """Return who publishes an image: what its repository's name has before the last ``/``."""
    place = text(name).rpartition("/")[0].strip("/")
    return Supplier(place, "", organisation=True) if place else None


def supplied(package: Package, distribution: str, whole: Supplier | None) -> Supplier | None:
    """Return who supplies a package: NTIA's "supplier name".

    That is whom the package's metadata names. If it names nobody, what it is known to come from:
    the distribution, the namespace under which it is published, the registry that a purl of its
    type means (SPDX 2.3, 7.5: "the actual distribution source"); else the image itself, whose
    publisher is ``whole``.
    """
    found = supplier(package)
    if found is not None:
        return found
    if package.ecosystem in SYSTEMS:
        place = distribution
    else:
        place = package.namespace or _REGISTRIES.get(package.ecosystem, "")
    return Supplier(text(place), "", organisation=True) if place else whole
