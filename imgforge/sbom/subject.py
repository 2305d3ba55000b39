"""What a person names where an SBOM is wanted: an image or an SBOM.

Of what was built here the build's own SBOM is read, which says whose part each component is; of
other images the layers are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from imgforge.errors import InvalidInputError
from imgforge.sbom import fields
from imgforge.sbom.document import MAX_BYTES, Document
from imgforge.sbom.document import read as read_document

if TYPE_CHECKING:
    from imgforge.oci.types import Platform
    from imgforge.sources.name import Name

Say = Callable[[str], None]

LAYERS: Final = "layers"
"""The format of what was read from an image itself."""

_LAYOUT: Final = frozenset({"index.json", "oci-layout", "manifest.json"})
_HEAD: Final = 64


def read(what: str, wanted: Sequence[Platform], *, offline: bool, say: Say) -> Document:
    """Return what is in the one image that ``what`` names, or what the SBOM says that it names.

    InvalidInputError if it is neither, or there are several images; further errors as of
    :func:`imgforge.sources.open_source` and :func:`imgforge.analysis.analyse`.
    """
    path = document_path(what)
    return _image(what, wanted, offline=offline, say=say) if path is None else file(path)


def document_path(what: str) -> Path | None:
    """Return the file that ``what`` names if it may hold an SBOM, else None: it is an image."""
    path = Path(what)
    try:
        if not path.is_file() or path.name in _LAYOUT:
            return None
        with path.open("rb") as opened:
            head = opened.read(_HEAD)
    except (OSError, ValueError):
        return None
    return path if head.lstrip().startswith(b"{") else None


def file(path: Path) -> Document:
    """Read a file as an SBOM; InvalidInputError that names it."""
    return whole(path)[1]


def whole(path: Path) -> tuple[bytes, Document]:
    """Return a file's bytes and the SBOM in them; InvalidInputError that names it."""
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from error
    return data, read_document(data, str(path))


def _image(what: str, wanted: Sequence[Platform], *, offline: bool, say: Say) -> Document:
    from imgforge import cache, inventory, sources
    from imgforge.analysis import analyse

    name = sources.parse(what)
    own = _built(name, wanted)
    if own is not None:
        return own
    with sources.open_source(name, say=say, offline=offline) as source:
        images = source.images(wanted, say)
        if len(images) != 1:
            platforms = ", ".join(str(image.platform or image.digest) for image in images)
            raise InvalidInputError(
                f"{len(images)} images fit, an SBOM is of one: {platforms}",
                hint="name it with --platform",
            )
        facts = analyse(source.blobs, images[0], cache=cache.directory("analysis"), whole=True)
    return Document(LAYERS, sources.title(name), _created(facts.config), inventory.of(facts))


def _built(name: Name, wanted: Sequence[Platform]) -> Document | None:
    from imgforge.sbom.stored import stored
    from imgforge.sources import name as names

    found = stored(name) if name.kind == names.PROJECT else None
    if found is None:
        return None
    fits = [
        each for each in found.documents if not wanted or each.inventory.platform in set(wanted)
    ]
    return fits[0] if len(fits) == 1 else None  # else who reads the image says what is wrong


def _created(config: Mapping[str, Any]) -> int | None:
    said = config.get("created")
    try:
        return fields.time(said, "created") if isinstance(said, str) else None
    except fields.UnfitError:
        return None  # its configuration is judged elsewhere
