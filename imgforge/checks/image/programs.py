"""Looking for programs by name in the final file system."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from imgforge.analysis.facts import DIRECTORY, SYMLINK, FileFact, ImageFacts

_ANY = 0o111


def programs(image: ImageFacts, names: Collection[str]) -> Iterator[FileFact]:
    """Yield executables called one of ``names`` in any ``bin`` or ``sbin`` directory."""
    for path, fact in image.files.items():
        folder, _, name = path.rpartition("/")
        if name not in names or not folder.endswith("bin"):
            continue
        if folder.rpartition("/")[2] not in {"bin", "sbin"} or fact.kind == DIRECTORY:
            continue
        target = image.lookup(path) if fact.kind == SYMLINK else fact
        if target is not None and target.kind != DIRECTORY and target.mode & _ANY:
            yield fact
