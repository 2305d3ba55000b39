"""The git checkout that a project lies in: which commit, at which ref, of which repository.

A checkout may belong to somebody else, and git runs what its configuration says (CVE-2022-24765,
CVE-2022-29187). So the few files that say where it stands are read here (gitrepository-layout(5)),
and git is asked one thing only, whether files differ from the commit, with a configuration of our
own beside the checkout's objects.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from imgforge import repository
from imgforge.errors import BuildFailedError, ToolMissingError
from imgforge.oci.types import canonical_json, sha256

MAX_FILE: Final = 1 << 20
"""Bytes of HEAD, a ref or a configuration."""
MAX_PACKED: Final = 256 << 20
"""Bytes of ``packed-refs``."""
_LINKS: Final = 5
_DEPTH: Final = 8
_TIMEOUT: Final = 600
_REMOTE: Final = ("remote", "url")

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF: Final = re.compile(r"refs(?:/(?!\.)[^\x00-\x20\x7f~^:?*\[\\/@]+)+")
_SECTION: Final = re.compile(r"\s*\[\s*([A-Za-z0-9.-]+)(?:\s+\"([^\"\\\n]*)\")?\s*\](.*)")
_VALUE: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*=\s*([^\"\\#;\n]*?)\s*")


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where a working tree stands.

    ``top`` is its folder, ``store`` the one that has the objects (a repository's worktrees share
    it). ``commit`` is hexadecimal. ``ref`` is whole (``refs/heads/main``) and ``repository`` as
    :mod:`imgforge.repository` writes it; both are empty where nothing says them. ``modes`` is
    false if the file system keeps no executable bits.
    """

    top: Path
    store: Path
    commit: str
    ref: str
    repository: str
    modes: bool = True

    @property
    def uri(self) -> str:
        """``git+URL@ref`` as SLSA writes it, without the ref if there is none; or empty."""
        if not self.repository:
            return ""
        return f"git+{self.repository}" + (f"@{self.ref}" if self.ref else "")


@dataclass(frozen=True, slots=True)
class Source:
    """What provenance says of a project's source.

    ``uri`` as :attr:`Checkout.uri`. ``dirty``: whether the files of the build differ from those of
    ``commit``, or some are not in it; None if no git could tell.
    """

    uri: str
    ref: str
    commit: str
    dirty: bool | None


def find(folder: Path, environment: Mapping[str, str]) -> Checkout | None:
    """Return the checkout that ``folder`` lies in, or None.

    It is None too for a repository without a commit, and for one that keeps its refs in reftables.
    ``environment`` is asked for the ref when HEAD is at no branch, as on most CI runners; it counts
    only if it names the same commit.
    """
    folder = folder.resolve()
    for top in (folder, *folder.parents):
        link = top / ".git"
        if (link / "HEAD").is_file():
            return _at(top, link, environment)
        target = _read(link)
        if target.startswith("gitdir: "):
            return _at(top, top / target.removeprefix("gitdir: ").rstrip("\r\n"), environment)
    return None


def stamp(folder: Path, environment: Mapping[str, str]) -> str:
    """Return a digest that changes whenever repository, ref or commit of the checkout do.

    With the contents of spec, lock and context it decides all of :func:`source`. No program is
    started; it takes well under a millisecond.
    """
    found = find(folder, environment)
    return sha256(canonical_json([found.commit, found.uri, found.ref] if found else None))


def source(
    folder: Path,
    inputs: Sequence[str],
    exclude: Sequence[str],
    environment: Mapping[str, str],
    *,
    files: Sequence[str] = (),
) -> Source | None:
    """Return where the project in ``folder`` comes from; None if no commit has any of its files.

    ``inputs`` are what the build reads, relative to ``folder``, and ``exclude`` what it leaves out
    of them (patterns of :mod:`imgforge.context`), but for ``files``. What git ignores does not
    make it dirty. A repository that git cannot read breaks no build: nothing is told of it then
    but the commit.
    """
    from imgforge import context

    found = find(folder, environment)
    if found is None:
        return None
    below = folder.resolve().relative_to(found.top)
    paths = sorted({str(below / name) for name in (*inputs, *files)})
    kept = {str(below / name) for name in files}
    ignored = context.compile_patterns(exclude)
    prefix = "" if str(below) == "." else f"{below}/"
    try:
        tracked, changed = _compare(found, paths, environment, _DEPTH)
    except (ToolMissingError, BuildFailedError):
        return Source(found.uri, found.ref, found.commit, None)
    if not tracked:
        return None
    dirty = any(
        path in kept or not ignored.fullmatch(path.removeprefix(prefix)) for path in changed
    )
    return Source(found.uri, found.ref, found.commit, dirty)


def _at(top: Path, folder: Path, environment: Mapping[str, str]) -> Checkout | None:
    common = _read(folder / "commondir").strip()
    store = folder / common if common else folder
    ref, commit = "", _read(folder / "HEAD").strip()
    for _ in range(_LINKS):
        if not commit.startswith("ref: "):
            break
        ref = commit.removeprefix("ref: ").strip()
        if not _REF.fullmatch(ref):
            return None
        commit = _read(store / ref).strip() or _packed(store, ref)
    if not _COMMIT.fullmatch(commit):
        return None
    settings = _settings(_read(store / "config"))
    found = Checkout(
        top,
        store,
        commit,
        ref or _announced(commit, environment),
        repository.of_remote(_remote(settings, ref)),
        settings.get(("core", "", "filemode"), "").lower() != "false",
    )
    # A ref that cannot stand behind a repository unambiguously is not told.
    return found if _REF.fullmatch(found.ref) else replace(found, ref="")


def _packed(store: Path, ref: str) -> str:
    """Return the commit of ``ref`` in ``packed-refs`` (git-pack-refs(1)), or empty."""
    data = _bytes(store / "packed-refs", MAX_PACKED)
    found = re.search(rb"^([0-9a-f]{40,64}) " + re.escape(ref.encode()) + rb"$", data, re.MULTILINE)
    return found[1].decode() if found else ""


def _settings(text: str) -> dict[tuple[str, str, str], str]:
    """Read what is plainly written in a git-config(1) file, by section, subsection and name.

    Of several values the first counts, as it does for fetching. Values with quotes, escapes or
    comments are left out, and nothing is included.
    """
    out: dict[tuple[str, str, str], str] = {}
    section = ("", "")
    for line in text.splitlines():
        opened = _SECTION.fullmatch(line)
        if opened:
            section, line = (opened[1].lower(), opened[2] or ""), opened[3]  # noqa: PLW2901
        value = _VALUE.fullmatch(line)
        if value:
            out.setdefault((*section, value[1].lower()), value[2])
    return out


def _remote(settings: Mapping[tuple[str, str, str], str], ref: str) -> str:
    """Return the URL of the branch's remote, else of ``origin``, else of the only one; or empty."""
    urls = {name: url for (kind, name, key), url in settings.items() if (kind, key) == _REMOTE}
    asked = settings.get(("branch", ref.removeprefix("refs/heads/"), "remote"), "origin")
    return urls.get(asked) or (next(iter(urls.values())) if len(urls) == 1 else "")


def _announced(commit: str, environment: Mapping[str, str]) -> str:
    """Return the ref that a CI service says it checked out, if it is of this commit.

    GitHub Actions ("Variables reference"), GitLab CI/CD ("Predefined CI/CD variables reference"),
    Buildkite ("Environment variables").
    """
    get = environment.get
    if get("GITHUB_ACTIONS") == "true" and get("GITHUB_SHA") == commit:
        return get("GITHUB_REF", "")
    if get("GITLAB_CI") == "true" and get("CI_COMMIT_SHA") == commit:
        return get("CI_MERGE_REQUEST_REF_PATH") or _ref(
            get("CI_COMMIT_TAG"), get("CI_COMMIT_BRANCH")
        )
    if get("BUILDKITE") == "true" and get("BUILDKITE_COMMIT") == commit:
        return _ref(get("BUILDKITE_TAG"), get("BUILDKITE_BRANCH"))
    return ""


def _ref(tag: str | None, branch: str | None) -> str:
    return f"refs/tags/{tag}" if tag else f"refs/heads/{branch}" if branch else ""


def _compare(
    found: Checkout, paths: Sequence[str], environment: Mapping[str, str], depth: int
) -> tuple[bool, list[str]]:
    """Return whether the commit has any of ``paths``, and which files there differ from it.

    A submodule that is checked out must stand at its commit and be unchanged itself.
    """
    with tempfile.TemporaryDirectory(prefix="imgforge-git-") as scratch:
        own = _own_repository(found, Path(scratch))
        _git(found, own, "read-tree", found.commit)
        tracked = _git(found, own, "ls-files", "--stage", "-z", "--", *paths)
        if not tracked:
            return False, []
        status = _git(
            *(found, own, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames"),
            *("--ignore-submodules=all", "--", *paths),
        )
    changed = [entry[3:] for entry in status]
    for entry in tracked:
        mode, _, path = entry.partition("\t")
        if mode.startswith("160000 "):
            commit = mode.split(" ")[1]
            changed += _submodule(found.top / path, path, commit, environment, depth - 1)
    return True, changed


def _submodule(
    folder: Path, path: str, commit: str, environment: Mapping[str, str], depth: int
) -> Iterator[str]:
    if not folder.is_dir() or not any(folder.iterdir()):
        return  # it is not checked out, so nothing of it is in the build
    inside = find(folder, environment)
    if depth < 0 or inside is None or inside.top != folder.resolve() or inside.commit != commit:
        yield path
        return
    _, changed = _compare(inside, ["."], environment, depth)
    yield from (f"{path}/{name}" for name in changed)


def _own_repository(found: Checkout, scratch: Path) -> Path:
    """Make a repository whose only foreign part is its objects; they are data."""
    own = scratch / "git"
    (own / "refs").mkdir(parents=True)
    (own / "info").mkdir()
    (own / "HEAD").write_text(f"{found.commit}\n", encoding="ascii")
    config = f"[core]\n\tbare = false\n\tfilemode = {str(found.modes).lower()}\n"
    if len(found.commit) == 64:  # noqa: PLR2004 - the digits of SHA-256
        config += "\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n"
    (own / "config").write_text(config, encoding="ascii")
    ignored = _bytes(found.store / "info" / "exclude", MAX_FILE)
    (own / "info" / "exclude").write_bytes(ignored)
    return own


def _git(found: Checkout, own: Path, *arguments: str) -> list[str]:
    """Run git on the working tree with our own repository; return the NUL-separated answer."""
    from imgforge import process

    settings = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.untrackedCache=false")
    result = process.run(
        ["git", *(part for one in settings for part in ("-c", one)), *arguments],
        env={
            "GIT_DIR": str(own),
            "GIT_WORK_TREE": str(found.top),
            "GIT_OBJECT_DIRECTORY": str((found.store / "objects").resolve()),
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_TERMINAL_PROMPT": "0",
        },
        cwd=found.top,
        timeout=_TIMEOUT,
    )
    return [part for part in result.stdout.decode(errors="surrogateescape").split("\0") if part]


def _read(path: Path) -> str:
    return _bytes(path, MAX_FILE).decode(errors="replace")


def _bytes(path: Path, limit: int) -> bytes:
    """Return a regular file's bytes; nothing if it is none, cannot be read or is too large."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError):
        return b""
    return data if len(data) <= limit else b""
