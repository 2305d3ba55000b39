"""The source of a project as provenance tells it: commit, ref, repository, and whether it changed.

A checkout may belong to somebody else, and git runs what its configuration says (CVE-2022-24765,
CVE-2022-29187). So where it stands is read by :mod:`imgforge.checkout`, and git is asked one thing
only, whether files differ from the commit, with a configuration of our own beside the checkout's
objects.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgforge import checkout, repository
from imgforge.checkout import Checkout
from imgforge.errors import BuildFailedError, ToolMissingError

_DEPTH: Final = 8
"""Submodules in submodules."""
_TIMEOUT: Final = 600
_REMOTE: Final = ("remote", "url")

_REF: Final = re.compile(r"refs(?:/[^\x00-\x20\x7f~^:?*\[\\/@]+)+")
"""A ref that can stand behind a URI: one with an @ could not be told from it."""
_SECTION: Final = re.compile(r"\s*\[\s*([A-Za-z0-9.-]+)(?:\s+\"([^\"\\\n]*)\")?\s*\](.*)")
_VALUE: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*=([^\"\\#;\n]*)")


@dataclass(frozen=True, slots=True)
class Source:
    """What provenance says of a project's source.

    ``uri`` is ``git+URL@ref`` as SLSA writes it, without the ref if nothing says it; it and
    ``ref`` (``refs/heads/main``) may be empty. ``dirty``: whether the files of the build differ
    from those of ``commit`` (hexadecimal), or some are not in it; None if no git could tell.
    """

    uri: str
    ref: str
    commit: str
    dirty: bool | None
    folder: str = ""
    """Where the project lies in the repository; empty if that is the top."""


def of(
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
    make it dirty. ``environment`` is asked for the ref when HEAD is at no branch, as on most CI
    runners; it counts only if it names the same commit. A repository that git cannot read breaks
    no build: nothing is told of it then but where it stands.
    """
    from imgforge import context

    found = checkout.find(folder)
    if found is None:
        return None
    settings = _settings(found)
    ref = found.ref or _announced(found.commit, environment)
    ref = ref if _REF.fullmatch(ref) else ""
    url = repository.of_remote(_remote(settings, found.ref))
    uri = f"git+{url}@{ref}" if url and ref else f"git+{url}" if url else ""
    below = folder.resolve().relative_to(found.top)
    paths = sorted({str(below / name) for name in (*inputs, *files)})
    kept = {str(below / name) for name in files}
    ignored = context.compile_patterns(exclude)
    place = "" if str(below) == "." else str(below)
    prefix = f"{place}/" if place else ""
    try:
        tracked, changed = _compare(found, paths, _DEPTH)
    except (ToolMissingError, BuildFailedError):
        return Source(uri, ref, found.commit, None, place)
    if not tracked:
        return None
    dirty = any(
        path in kept or not ignored.fullmatch(path.removeprefix(prefix)) for path in changed
    )
    return Source(uri, ref, found.commit, dirty, place)


def _settings(found: Checkout) -> dict[tuple[str, str, str], str]:
    """Read what is plainly written in a checkout's configuration (git-config(1)).

    It is by section, subsection and name. Of several values the first counts, as it does for
    fetching. Values with quotes, escapes or comments are left out, and nothing is included.
    """
    out: dict[tuple[str, str, str], str] = {}
    section = ("", "")
    text = checkout.read(found.store / "config").decode(errors="replace")
    for line in text.split("\n"):
        opened = _SECTION.fullmatch(line)
        if opened:
            section, line = (opened[1].lower(), opened[2] or ""), opened[3]  # noqa: PLW2901
        value = _VALUE.fullmatch(line)
        if value:
            out.setdefault((*section, value[1].lower()), value[2].strip())
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


def _compare(found: Checkout, paths: Sequence[str], depth: int) -> tuple[bool, list[str]]:
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
            changed += _submodule(found.top / path, path, commit, depth - 1)
    return True, changed


def _submodule(folder: Path, path: str, commit: str, depth: int) -> Iterator[str]:
    if not folder.is_dir() or not any(folder.iterdir()):
        return  # it is not checked out, so nothing of it is in the build
    inside = checkout.find(folder)
    if depth < 0 or inside is None or inside.top != folder.resolve() or inside.commit != commit:
        yield path
        return
    _, changed = _compare(inside, ["."], depth)
    yield from (f"{path}/{name}" for name in changed)


def _own_repository(found: Checkout, scratch: Path) -> Path:
    """Make a repository whose only foreign part is its objects; they are data."""
    own = scratch / "git"
    (own / "refs").mkdir(parents=True)
    (own / "info").mkdir()
    (own / "HEAD").write_text(f"{found.commit}\n", encoding="ascii")
    # Some file systems keep no executable bits; that is all that is taken from the checkout's own.
    modes = _settings(found).get(("core", "", "filemode"), "").lower() != "false"
    config = f"[core]\n\tbare = false\n\tfilemode = {str(modes).lower()}\n"
    if len(found.commit) == 64:  # noqa: PLR2004 - the digits of SHA-256
        config += "\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n"
    (own / "config").write_text(config, encoding="ascii")
    ignored = checkout.read(found.store / "info" / "exclude")
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
