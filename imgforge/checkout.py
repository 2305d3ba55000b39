"""Where a git checkout stands, read from the few files that say so (gitrepository-layout(5)).

No program is started, and nothing is loaded that takes time: each build asks, also one that finds
nothing changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from imgforge.oci.types import canonical_json, sha256

MAX_FILE: Final = 1 << 20
"""Bytes of HEAD, a ref or a configuration."""
MAX_PACKED: Final = 256 << 20
"""Bytes of ``packed-refs``."""
ANNOUNCED: Final = (
    *("GITHUB_ACTIONS", "GITHUB_SHA", "GITHUB_REF"),
    *("GITLAB_CI", "CI_COMMIT_SHA", "CI_COMMIT_TAG", "CI_COMMIT_BRANCH"),
    *("CI_MERGE_REQUEST_REF_PATH", "BUILDKITE", "BUILDKITE_COMMIT"),
    *("BUILDKITE_TAG", "BUILDKITE_BRANCH"),
)
"""Variables by which CI services say which ref they checked out."""
_LINKS: Final = 5


class Checkout(NamedTuple):
    """A working tree.

    ``top`` is its folder, ``store`` the one that has refs and objects (a repository's worktrees
    share it). ``commit`` is hexadecimal, ``ref`` whole (``refs/heads/main``), or empty where HEAD
    is at no branch.
    """

    top: Path
    store: Path
    ref: str
    commit: str


def find(folder: Path) -> Checkout | None:
    """Return the checkout that ``folder`` lies in, or None.

    It is None too for a repository without a commit, and for one that keeps its refs in reftables.
    """
    folder = folder.resolve()
    for top in (folder, *folder.parents):
        link = top / ".git"
        if (link / "HEAD").is_file():
            return _at(top, link)
        target = read(link).decode(errors="replace")
        if target.startswith("gitdir: "):
            return _at(top, top / target.removeprefix("gitdir: ").rstrip("\r\n"))
    return None


def stamp(folder: Path, environment: Mapping[str, str]) -> str:
    """Return a digest that changes whenever repository, ref or commit of the checkout do.

    With the contents of spec, lock and context it decides all that :func:`imgforge.source.of` says.
    """
    found = find(folder)
    if found is None:
        return sha256(b"")
    config = read(found.store / "config").decode(errors="replace").split("\n")
    said = [line.strip() for line in config if "remote" in line or "url" in line]
    announced = [environment.get(name) for name in ANNOUNCED]
    return sha256(canonical_json([found.ref, found.commit, said, announced]))


def read(path: Path, limit: int = MAX_FILE) -> bytes:
    """Return a regular file's bytes; nothing if it is none, cannot be read or is too large."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError):
        return b""
    return data if len(data) <= limit else b""


def _at(top: Path, folder: Path) -> Checkout | None:
    common = _text(folder / "commondir")
    store = folder / common if common else folder
    ref, commit = "", _text(folder / "HEAD")
    for _ in range(_LINKS):
        if not commit.startswith("ref: "):
            break
        ref = commit.removeprefix("ref: ").strip()
        if not ref.startswith("refs/") or ".." in ref or not ref.isprintable():
            return None
        commit = _text(store / ref) or _packed(store, ref)
    hexadecimal = not commit.strip("0123456789abcdef")
    return Checkout(top, store, ref, commit) if hexadecimal and len(commit) in {40, 64} else None


def _packed(store: Path, ref: str) -> str:
    """Return the commit of ``ref`` in ``packed-refs`` (git-pack-refs(1)), or empty."""
    data = read(store / "packed-refs", MAX_PACKED)
    at = data.find(f" {ref}\n".encode(errors="replace"))
    return data[data.rfind(b"\n", 0, at) + 1 : at].decode(errors="replace") if at >= 0 else ""


def _text(path: Path) -> str:
    return read(path).decode(errors="replace").strip()
