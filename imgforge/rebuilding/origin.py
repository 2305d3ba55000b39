"""The files that an image was made from: they count only if they have the recorded digests."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from imgforge import checkout, compiled, context, files, process
from imgforge.compiled import Compiled
from imgforge.console import Say
from imgforge.errors import BuildFailedError, ImgforgeError, InvalidInputError
from imgforge.oci.types import sha256
from imgforge.provenance.told import Material, Told

_URI: Final = re.compile(
    r"git\+((?:https|ssh)://[^\s@?#]+(?:@[^\s@?#]+)?/[^\s@?#]+?)(@refs/[^\s@]+)?"
)
_COMMIT: Final = re.compile(r"gitCommit:([0-9a-f]{40}(?:[0-9a-f]{24})?)")
_TIMEOUT: Final = 1800


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look: ``folder`` of the project (or its spec), or a checkout of the repository.

    With ``fetch`` the recorded repository is cloned if need be.
    """

    folder: Path
    fetch: bool = False


@contextmanager
def found(told: Told, place: Place, say: Say) -> Iterator[Compiled]:
    """Open the project that ``told`` speaks of, compiled, for as long as the block lasts.

    First what lies in the folder is tried, then the recorded commit of its repository, then a clone
    of the recorded one. InvalidInputError if none has the recorded digests.
    """
    differing = _differing(place.folder, told)
    if not differing:
        yield _compiled(place.folder, told)
        return
    source = _source(told)
    commit = _COMMIT.fullmatch(source.digest) if source is not None else None
    if source is None or commit is None:
        raise _other(place.folder, differing, "no commit is recorded: name the folder by --from")
    with tempfile.TemporaryDirectory(prefix="imgforge-source-") as scratch:
        origin = checkout.find(place.folder)
        if origin is not None and _clone(str(origin.top), commit[1], Path(scratch) / "own", say):
            tree = Path(scratch) / "own"
        elif place.fetch:
            tree = Path(scratch) / "fetched"
            url = _url(source)
            if not _clone(url, commit[1], tree, say):
                raise InvalidInputError(f"{url} has no commit {commit[1]}")
        else:
            hint = f"give --from with a checkout that has the commit {commit[1]}, or --fetch"
            raise _other(place.folder, differing, hint)
        project = tree / _folder(source) / _name(told)
        differing = _differing(project, told)
        if differing:
            hint = "submodules are not brought: give --from with a whole checkout of the commit"
            raise _other(Path(_folder(source)) / _name(told), differing, hint)
        yield _compiled(project, told)


def epoch(told: Told) -> int | None:
    """Return the time that the command line asked for, if it did."""
    asked = told.parameters.get("asked")
    wished = asked.get("sourceDateEpoch") if isinstance(asked, dict) else None
    return wished if type(wished) is int and wished >= 0 else None


def _differing(folder: Path, told: Told) -> list[str]:
    """Return what of the project in ``folder`` is not what was built, one line each."""
    try:
        spec = files.locate(folder)
        found = {"spec": spec.read_bytes(), "lock": (spec.parent / files.LOCK).read_bytes()}
    except (OSError, InvalidInputError) as error:
        return [error.message if isinstance(error, ImgforgeError) else str(error)]
    rows = [_compared(name, sha256(data), told) for name, data in found.items()]
    if not any(rows):
        source = _compiled(folder, told)
        content = context.fingerprint(source.root, source.plan.inputs, source.plan.exclude)
        rows.append(_compared("context", content, told))
    return [row for row in rows if row]


def _compared(name: str, digest: str, told: Told) -> str:
    recorded = [material.digest for material in told.named(name)]
    if recorded == [digest]:
        return ""
    said = ", ".join(recorded) or "nothing of it"
    return f"{name}: {digest} here, the provenance says {said}"


def _compiled(folder: Path, told: Told) -> Compiled:
    return compiled.load(files.locate(folder), epoch=epoch(told))


def _source(told: Told) -> Material | None:
    sources = told.named("source")
    return sources[0] if len(sources) == 1 else None


def _name(told: Told) -> str:
    """Return what the spec is called; a path that leads elsewhere is none."""
    uris = [unquote(m.uri.removeprefix("file:")) for m in told.named("spec")]
    return uris[0] if len(uris) == 1 and _inside(uris[0]) else files.SPEC


def _folder(source: Material) -> str:
    folder = source.annotations.get("folder", "")
    if not isinstance(folder, str) or (folder and not _inside(folder)):
        raise InvalidInputError(f"the project's folder in the repository is {folder!a}")
    return folder


def _inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return bool(path) and path.isprintable() and not pure.is_absolute() and ".." not in pure.parts


def _url(source: Material) -> str:
    found = _URI.fullmatch(source.uri)
    if found is None:
        raise InvalidInputError(
            f"the recorded repository is {source.uri[:200]!a}, which is not fetched",
            hint="clone it, and give --from",
        )
    return found[1]


def _clone(url: str, commit: str, target: Path, say: Say) -> bool:
    """Clone a repository at ``commit``; False if it has no such commit.

    No hook of anybody's runs, nobody is asked for a password, and no submodule comes along.
    """
    say(f"cloning {url}")
    local = url.startswith("/")
    protocols = "file" if local else "https:ssh"
    environment = {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": protocols}
    if local:
        environment["GIT_NO_LAZY_FETCH"] = "1"
    git = ("git", "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
    clone = ("clone", "--quiet", "--no-checkout", "--no-hardlinks", "--", url, target)
    process.run([*git, *clone], env=environment, timeout=_TIMEOUT)
    own: tuple[str | Path, ...] = (*git, "-C", target)
    known = process.run([*own, "cat-file", "-e", f"{commit}^{{commit}}"], check=False)
    if known.code and not local:
        # A commit that no branch has any more can often still be asked for.
        fetch: list[str | Path] = [*own, "fetch", "--quiet", "origin", commit]
        known = process.run(fetch, env=environment, timeout=_TIMEOUT, check=False)
    if known.code:
        shutil.rmtree(target)
        return False
    try:
        process.run([*own, "checkout", "--quiet", "--detach", commit], timeout=_TIMEOUT)
    except BuildFailedError as error:
        raise InvalidInputError(
            f"the commit {commit} cannot be checked out", details=error.details
        ) from error
    return True


def _other(folder: Path, differing: list[str], hint: str) -> InvalidInputError:
    return InvalidInputError(
        f"the files in {folder} are not those that the image was made from",
        details=differing,
        hint=hint,
    )
