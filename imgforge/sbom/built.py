"""The SBOMs that a project's own build wrote.

They say of each component whose part it is and which lock lists it: no layer says that.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from imgforge.errors import EvidenceError
from imgforge.oci.types import sha256
from imgforge.output import DEFAULT, Output
from imgforge.sbom.document import Document, read


class Built(NamedTuple):
    """What a build made: its name, the digest of the whole, and the SBOM of each platform."""

    name: str
    digest: str
    documents: tuple[Document, ...]


def of_project(path: Path) -> Built | None:
    """Return what the build in the project (or output folder) ``path`` wrote of its image.

    None if that is not all there as this machine wrote it. EvidenceError for an SBOM that was
    changed since.
    """
    folder = path.parent if path.is_file() else path
    inside = folder / DEFAULT
    output = Output(inside if inside.is_dir() else folder)
    record = output.record()
    if record is None or not output.made_here():
        return None
    found = []
    for name, digest in record.evidence.items():
        if not name.startswith("sbom") or not name.endswith(".cdx.json"):
            continue
        file = output.path / "evidence" / name
        try:
            data = file.read_bytes()
        except OSError:
            return None
        if sha256(data) != digest:
            raise EvidenceError(
                f"{file} was changed since it was written",
                hint="build again, or name the layout inside: its layers are read",
            )
        found.append(read(data, str(file)))
    return Built(record.name, record.image["digest"], tuple(found)) if found else None
