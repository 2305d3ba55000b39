"""The SBOMs that a project's own build wrote: they say whose part each component is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgforge.errors import EvidenceError
from imgforge.sbom import document

if TYPE_CHECKING:
    from imgforge.sbom.document import Document
    from imgforge.sources.name import Name


class Stored(NamedTuple):
    """What a build recorded: the image's name and digest, and an SBOM for each platform."""

    name: str
    digest: str
    documents: tuple[Document, ...]


def stored(name: Name) -> Stored | None:
    """Return what the build of the project ``name`` wrote, or None if this user's own did not.

    EvidenceError if it was changed since.
    """
    from imgforge.oci.types import sha256
    from imgforge.output import DEFAULT, Output

    folder = name.path.parent if name.path.is_file() else name.path
    inside = folder / DEFAULT
    output = Output(inside if inside.is_dir() else folder)
    record = output.record()
    if record is None or not output.made_here():
        return None
    found = []
    for named, digest in record.evidence.items():
        if not named.startswith("sbom") or not named.endswith(".cdx.json"):
            continue
        file = output.path / "evidence" / named
        try:
            data = file.read_bytes()
        except OSError:
            return None
        if sha256(data) != digest:
            raise EvidenceError(
                f"{file} was changed since it was written",
                hint="build again, or name the layout, whose layers are read: "
                f"{output.path / 'image'}",
            )
        found.append(document.read(data, str(file)))
    return Stored(record.name, record.image["digest"], tuple(found)) if found else None
