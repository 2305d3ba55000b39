"""Stacks in a git repository: read out of its objects, without ever checking anything out.

So no hook, no filter, no attribute and no submodule has a say, and a link is seen for what it is.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgforge import cache, process
from imgforge.catalogs import tree
from imgforge.errors import BuildFailedError, InvalidInputError
from imgforge.oci.types import canonical_json, sha256

if TYPE_CHECKING:
    from imgforge.settings import Catalog

_TIMEOUT: Final = 600
_PLAIN: Final = frozenset({"100644", "100755"})
"""Modes of files that are no links."""
_GIT: Final = (
    *("git", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never"),
    *("-c", "transfer.fsckObjects=true", "-c", "fetch.recurseSubmodules=false"),
)


@dataclass(frozen=True, slots=True)
class Commit:
    """A stack's files at a commit (hexadecimal)."""

    commit: str
    files: dict[str, bytes]


def newest(catalog: Catalog, name: str, *, say: Callable[[str], None]) -> Commit:
    """Fetch what the catalog's ref has now; InvalidInputError if that is no stack.

    BuildFailedError if git fails, ToolMissingError without git.
    """
    with _fetched(catalog, say, depth=True) as store:
        commit = _git(store, "rev-parse", "FETCH_HEAD^{commit}").decode().strip()
        return Commit(commit, _kept(catalog, name, commit, _files(store, commit, catalog, name)))


def at(
    catalog: Catalog, name: str, commit: str, *, offline: bool, say: Callable[[str], None]
) -> Commit:
    """Return a stack at a commit that the catalog's ref has or had, from the cache if it is held.

    InvalidInputError if the ref does not lead to the commit: a server gives out commits that
    nobody of the repository made.
    """
    path = _place(catalog, name, commit)
    if cache.used(path):
        try:
            return Commit(commit, tree.unpack(path.read_bytes()))
        except (OSError, ValueError):
            path.unlink(missing_ok=True)
    if offline:
        raise BuildFailedError(
            f"the stack {name} of {catalog.name} is not in the cache and this run is offline",
            hint="run it once with the network, or leave --offline out",
        )
    with _fetched(catalog, say, depth=False) as store:
        argv: list[str | Path] = [
            *_GIT,
            "-C",
            store,
            "merge-base",
            "--is-ancestor",
            commit,
            "FETCH_HEAD",
        ]
        if process.run(argv, check=False, timeout=_TIMEOUT).code:
            raise InvalidInputError(
                f"{catalog.ref} of the catalog {catalog.name} does not lead to the commit {commit}",
                hint="pin what it has now: imgforge lock --upgrade stack",
            )
        return Commit(commit, _kept(catalog, name, commit, _files(store, commit, catalog, name)))


@contextmanager
def _fetched(catalog: Catalog, say: Callable[[str], None], *, depth: bool) -> Iterator[Path]:
    """Fetch the catalog's ref into a bare repository for as long as the block lasts."""
    url = catalog.git or ""
    local = url.startswith("/")
    environment = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file" if local else "https:ssh",
        "GIT_NO_LAZY_FETCH": "1",
    }
    say(f"fetching the catalog {catalog.name}")
    with tempfile.TemporaryDirectory(prefix="imgforge-catalog-") as scratch:
        store = Path(scratch)
        process.run([*_GIT, "init", "--quiet", "--bare", store], timeout=_TIMEOUT)
        fetch = ["fetch", "--quiet", "--no-tags", *(["--depth=1"] if depth else [])]
        # A path is no URL to git, and a shallow fetch takes no heed of --depth then.
        source = f"file://{url}" if local else url
        try:
            process.run(
                [*_GIT, "-C", store, *fetch, "--", source, catalog.ref],
                env=environment,
                timeout=_TIMEOUT,
            )
        except BuildFailedError as error:
            raise BuildFailedError(
                f"{catalog.ref} of the catalog {catalog.name} could not be fetched",
                details=error.details,
                hint="run the same command again later, if [[catalogs]] in the settings names the "
                "repository and ref that you mean and git may read them",
            ) from error
        yield store


def _files(store: Path, commit: str, catalog: Catalog, name: str) -> dict[str, bytes]:
    """Read the files of a stack out of the objects; what is no plain file is refused."""
    folder = name if catalog.folder == "." else f"{catalog.folder}/{name}"
    listed = _git(store, "ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", folder + "/")
    found: dict[str, bytes] = {}
    label, size = f"{folder} of the catalog {catalog.name}", 0
    try:
        for row in filter(None, listed.split(b"\0")):
            about, _, raw = row.partition(b"\t")
            mode, _, blob, length = about.decode().split()
            path = raw.decode("utf-8", "backslashreplace").removeprefix(folder + "/")
            if mode not in _PLAIN:
                raise ValueError(f"{path!a} is a symbolic link or a submodule")  # noqa: TRY301
            size += int(length)
            if int(length) > tree.MAX_FILE or size > tree.MAX_ALL or len(found) >= tree.MAX_FILES:
                raise ValueError(f"{path!a} is too large, or one too many")  # noqa: TRY301
            found[path] = _git(store, "cat-file", "blob", blob)
        tree.check(found)
    except ValueError as error:
        raise InvalidInputError(f"{label} is no stack: {error}") from error
    if not found:
        raise InvalidInputError(
            f"there is no {label} at {catalog.ref}",
            hint="correct the catalog's stacks, folder or ref in the settings",
        )
    return found


def _kept(catalog: Catalog, name: str, commit: str, files: dict[str, bytes]) -> dict[str, bytes]:
    cache.write(_place(catalog, name, commit), tree.pack(files))
    return files


def _place(catalog: Catalog, name: str, commit: str) -> Path:
    if not re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", commit):
        raise InvalidInputError(f"{commit!a:.100} is no commit")
    asked = canonical_json([catalog.git, catalog.ref, catalog.folder, name, commit])
    return cache.directory("stacks", "git") / sha256(asked).removeprefix("sha256:")


def _git(store: Path, *arguments: str) -> bytes:
    return process.run([*_GIT, "-C", store, *arguments], timeout=_TIMEOUT).stdout
