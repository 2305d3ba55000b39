"""Notices: what is in an image, under which licence, and the texts that lie in it.

Facts say where the texts are; they are read on demand, in one pass over the layers that have some,
and each text is told once however many packages have it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from imgforge.analysis.facts import FILE, ImageFacts
from imgforge.inventory import Component, Inventory
from imgforge.licences import places
from imgforge.licences.expression import canonical
from imgforge.oci.layout import Blobs, CorruptLayoutError, references
from imgforge.oci.types import Descriptor, Platform

MAX_TEXT: Final = 16 << 20
"""Bytes of one text; the longest that is known, Chromium's, has about ten million."""
MAX_TEXTS: Final = 512 << 20
"""Bytes of all texts of an image."""

_REFERENCE: Final = re.compile(rf"/{places.COMMON}/([A-Za-z0-9.+-]*[A-Za-z0-9+])")
_CONTROL: Final = {n: "?" for n in (*range(32), 127, *range(128, 160)) if chr(n) not in "\n\t"}
"""Nothing in a text may move a terminal's cursor."""

Site = tuple[int, str]
"""A layer's number and the path under which it holds a file."""


class Notice(NamedTuple):
    """One package: ``licence`` is its SPDX expression or empty, ``said`` what its metadata has.

    ``texts`` are the names (sha256, hexadecimal) of its texts.
    """

    ecosystem: str
    name: str
    version: str
    purl: str
    licence: str
    said: str
    texts: tuple[str, ...]


class Text(NamedTuple):
    """A text and the paths in the image that have it."""

    content: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notices:
    """All of one image; ``texts`` by name."""

    digest: str
    platform: Platform | None
    packages: tuple[Notice, ...]
    texts: Mapping[str, Text]


def collect(
    blobs: Blobs,
    descriptor: Descriptor,
    image: ImageFacts,
    inventory: Inventory,
    progress: Callable[[int], None] = lambda _: None,
) -> Notices:
    """Return the notices of the image ``descriptor``, whose facts are ``image``.

    ``progress`` is told how many bytes of layers were read. CorruptLayoutError if a layer is not
    what it was, or a text is over a limit: notices that lack one would say that it is not there.
    """
    known = places.index(image)
    wanted = {c.ref: places.of(c.package, image, known) for c in inventory.components}
    _share(inventory.components, wanted)
    common = known.get(places.COMMON, [])
    paths = sorted({path for found in wanted.values() for path in found} | set(common))
    sites = {path: site for path in paths if (site := _site(image, path)) is not None}
    layers = references(blobs.read_json(descriptor))[1:]
    content = _read(blobs, layers, set(sites.values()), progress)
    read = {path: _decoded(content[site]) for path, site in sites.items()}
    named = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in read.items()}
    notices = tuple(
        sorted(_notice(c, _with_common(wanted[c.ref], read), named) for c in inventory.components)
    )
    used = {name for notice in notices for name in notice.texts}
    having: dict[str, list[str]] = {}
    for path, name in named.items():
        having.setdefault(name, []).append(path)
    texts = {name: Text(read[having[name][0]], tuple(having[name])) for name in sorted(used)}
    return Notices(image.digest, image.platform, notices, texts)


def _notice(component: Component, paths: Sequence[str], named: Mapping[str, str]) -> Notice:
    package = component.package
    texts = dict.fromkeys(named[path] for path in paths if path in named)
    said = " ".join(package.licence.split())
    licence = canonical(package.licence) or ""
    return Notice(
        *(
            package.ecosystem,
            package.title,
            package.version,
            package.purl,
            licence,
            said,
            tuple(texts),
        )
    )


def _share(components: Sequence[Component], wanted: dict[str, list[str]]) -> None:
    """Let Debian's packages without a text have that of their source's others.

    Debian lets a package have a link to the documentation of another of the same source (Policy
    12.5), and slim bases drop links.
    """
    by_source: dict[tuple[str, str], list[str]] = {}
    for component in components:
        package = component.package
        if package.ecosystem == "deb" and wanted[component.ref]:
            by_source.setdefault((package.source, package.source_version), wanted[component.ref])
    for component in components:
        package = component.package
        if package.ecosystem == "deb" and package.source and not wanted[component.ref]:
            wanted[component.ref] = by_source.get((package.source, package.source_version), [])


def _with_common(paths: Sequence[str], read: Mapping[str, str]) -> list[str]:
    """Add the common texts to which a package's own refer: without them they are not whole."""
    found = list(paths)
    for path in paths:
        names = sorted(set(_REFERENCE.findall(read.get(path, ""))))
        found += [f"{places.COMMON}/{name}" for name in names]
    return [path for path in dict.fromkeys(found) if path in read]


def _site(image: ImageFacts, path: str) -> Site | None:
    fact = image.lookup(path)
    return (fact.layer, fact.origin) if fact is not None and fact.kind == FILE else None


def _decoded(data: bytes) -> str:
    """Return a text with its lines as they are; what is no UTF-8 is taken for Latin-1."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n").translate(_CONTROL) + "\n"


def _read(
    blobs: Blobs,
    layers: Sequence[Descriptor],
    wanted: set[Site],
    progress: Callable[[int], None],
) -> dict[Site, bytes]:
    found: dict[Site, bytes] = {}
    for number in sorted({number for number, _ in wanted}):
        names = {name for at, name in wanted if at == number}
        left = MAX_TEXTS - sum(map(len, found.values()))
        read = _members(blobs, layers[number], names, left)
        found |= {(number, name): data for name, data in read.items()}
        progress(layers[number].size)
    return found


def _members(blobs: Blobs, layer: Descriptor, wanted: set[str], left: int) -> dict[str, bytes]:
    """Return the contents of the ``wanted`` files of a layer; of two of one name the last.

    CorruptLayoutError as soon as they have more bytes than are ``left``.
    """
    from imgforge.analysis.blob import Blob, Limits, ahead
    from imgforge.analysis.tar import Archive

    limits, found = Limits(), dict[str, bytes]()
    try:
        file = blobs.open_blob(layer)
    except OSError as error:
        raise CorruptLayoutError(f"{blobs.place} lacks blob {layer.digest}") from error
    with file:
        blob = Blob(file, layer.size, limits)
        archive = Archive(ahead(blob.pieces()), limits)
        for member in archive:
            name = "/".join(p for p in _split(member.name) if p not in {"", "."})
            if member.kind == FILE and name in wanted:
                if member.size > MAX_TEXT:
                    raise CorruptLayoutError(f"the licence text {name} is over {MAX_TEXT} bytes")
                left -= member.size
                if left < 0:
                    raise CorruptLayoutError(
                        f"the licence texts have over {MAX_TEXTS} bytes together"
                    )
                found[name] = archive.read(member.size)
    if blob.digest != layer.digest or blob.problem or archive.problems:
        raise CorruptLayoutError(f"the layer {layer.digest} cannot be read")
    if lacking := sorted(wanted - found.keys()):
        raise CorruptLayoutError(f"the layer {layer.digest} lacks {lacking[0]!a}")
    return found


def _split(name: bytes) -> list[str]:
    return name.decode(errors="surrogateescape").split("/")
