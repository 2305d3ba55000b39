"""How two bases differ: packages, files and their bits, configuration, size; platform by platform.

Layers that both have are never compared, and only files that agree in everything else are read
for their content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from imgforge.analysis import FileFact, ImageFacts, Package
from imgforge.analysis.contents import digests
from imgforge.analysis.facts import (
    BLOCK,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    SYMLINK,
)
from imgforge.oci.layout import Layout

KINDS: Final = {
    FILE: "file",
    DIRECTORY: "directory",
    SYMLINK: "link",
    CHARACTER: "character device",
    BLOCK: "block device",
    FIFO: "pipe",
}
_BITS: Final = {0o4000: "setuid", 0o2000: "setgid", 0o1000: "sticky"}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is ``old`` on the left and ``new`` on the right; None where it is not."""

    what: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path that differs; ``changes`` names what, ``whole`` changes stand for a path alone.

    On one side only, ``changes`` say of which kind, mode, owner and size it is there.
    """

    path: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes: of the layers as they travel, and of the files once unpacked."""

    packed: int
    unpacked: int


@dataclass(frozen=True, slots=True)
class Difference:
    """From the left image to the right one. Packages are named ``ecosystem/name``."""

    digests: tuple[str, str]
    sizes: tuple[Size, Size]
    packages: tuple[Change, ...]
    added: tuple[FileChange, ...]
    removed: tuple[FileChange, ...]
    changed: tuple[FileChange, ...]
    configuration: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether containers of both could not be told apart."""
        lists = (self.packages, self.added, self.removed, self.changed, self.configuration)
        return not any(lists)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"same": self.same, **asdict(self)}


def compare(
    left: ImageFacts, left_layout: Layout, right: ImageFacts, right_layout: Layout
) -> Difference:
    """Compare two images; CorruptLayoutError if a layer that must be read is not what it was."""
    both = left.files.keys() & right.files.keys()
    found = {p: tuple(_differences(left.files[p], right.files[p])) for p in both}
    doubtful = [p for p in both if not found[p] and not _shared(left, right, p)]
    before = _contents(left, left_layout, doubtful)
    after = _contents(right, right_layout, doubtful)
    for path in doubtful:
        if before[path] != after[path]:
            found[path] = (Change("content", before[path], after[path]),)
    return Difference(
        digests=(left.digest, right.digest),
        sizes=(size(left), size(right)),
        packages=tuple(_changes(_packages(left.packages), _packages(right.packages))),
        added=tuple(_alone(right, right.files.keys() - both, old=False)),
        removed=tuple(_alone(left, left.files.keys() - both, old=True)),
        changed=tuple(FileChange(p, found[p]) for p in sorted(both) if found[p]),
        configuration=tuple(_changes(_configuration(left), _configuration(right))),
    )


def size(image: ImageFacts) -> Size:
    """Return what an image takes; files under several names count once."""
    inodes = {(f.layer, f.origin): f.size for f in image.files.values() if f.kind == FILE}
    return Size(sum(layer.size for layer in image.layers), sum(inodes.values()))


def bits(mode: int) -> str:
    """Return the names of the bits above the permissions, or empty."""
    return " ".join(name for bit, name in _BITS.items() if mode & bit)


def _differences(left: FileFact, right: FileFact) -> Iterator[Change]:
    pairs = zip(_described(left).items(), _described(right).values(), strict=True)
    return (Change(what, old, new) for (what, old), new in pairs if old != new)


def _described(fact: FileFact) -> dict[str, Any]:
    return {
        "kind": KINDS[fact.kind],
        "mode": f"{fact.mode & 0o777:04o}",
        "bits": bits(fact.mode),
        "owner": f"{fact.uid}:{fact.gid}",
        "capability": fact.capability,
        "link": fact.link,
        "size": fact.size if fact.kind == FILE else 0,
    }


def _alone(image: ImageFacts, paths: set[str], *, old: bool) -> Iterator[FileChange]:
    for path in sorted(paths):
        said = {k: v for k, v in _described(image.files[path]).items() if v}
        changes = (Change(k, v if old else None, None if old else v) for k, v in said.items())
        yield FileChange(path, tuple(changes))


def _shared(left: ImageFacts, right: ImageFacts, path: str) -> bool:
    """Whether a path needs no reading: it is no file, or one that both take from one layer."""
    a, b = left.files[path], right.files[path]
    if a.kind != FILE or not a.size:
        return True
    return (left.layers[a.layer].digest, a.origin) == (right.layers[b.layer].digest, b.origin)


def _contents(image: ImageFacts, layout: Layout, paths: list[str]) -> dict[str, str]:
    wanted: dict[int, dict[str, list[str]]] = {}
    for path in paths:
        fact = image.files[path]
        wanted.setdefault(fact.layer, {}).setdefault(fact.origin, []).append(path)
    found = {}
    for number, origins in wanted.items():
        digest = image.layers[number].digest
        read = digests(layout.blob_path(digest), digest, origins.keys())
        # What the layer's facts have and this reading lacks would be a difference between readers.
        found.update({p: read[origin] for origin, names in origins.items() for p in names})
    return found


def _packages(packages: tuple[Package, ...]) -> dict[str, str]:
    versions: dict[str, set[str]] = {}
    for package in packages:
        versions.setdefault(f"{package.ecosystem}/{package.name}", set()).add(package.version)
    return {name: ", ".join(sorted(found)) for name, found in versions.items()}


def _configuration(image: ImageFacts) -> dict[str, Any]:
    """Return what a container is started with, variables and labels one by one."""
    out: dict[str, Any] = {}
    for key, value in (image.config.get("config") or {}).items():
        if key == "Env":
            out |= {f"Env {n}": v for n, _, v in (item.partition("=") for item in value or ())}
        elif isinstance(value, dict):
            out |= {f"{key} {name}": inner for name, inner in value.items()}
        elif value not in (None, "", []):
            out[key] = value
    return out


def _changes(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(left.keys() | right.keys()):
        if left.get(name) != right.get(name):
            yield Change(name, left.get(name), right.get(name))
