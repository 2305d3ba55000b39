"""What a base promises, wherever it comes from, so that stacks need not ask.

The paths that its definitions name; with ``etc/passwd`` among them, the user 65532 in it; the
release that its ABI line begins with; and neither privilege bits nor, unless a definition says so,
a shell.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from imgforge.analysis import osrelease
from imgforge.bases.definitions import Definition, abi
from imgforge.bases.tree import SHELLS, Merged, expanded
from imgforge.errors import BuildFailedError

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts

USERS = "etc/passwd"
USER = re.compile(r"^nonroot:[^:]*:65532:65532:", re.MULTILINE)
_SPECIAL = 0o6000
_LINKS = 40
_RELEASE = re.compile(r"([a-z]+)([0-9.]+)")


def check_tree(chain: Sequence[Definition], merged: Merged, architecture: str) -> None:
    """Raise BuildFailedError if a base made here does not keep what ``chain`` promises."""
    directories = {path[:at] for path in merged for at in _slashes(path)}

    def there(path: str) -> bool:
        found = _resolved(merged, path)
        return found in merged or found in directories

    def text(path: str) -> str:
        entry = merged.get(_resolved(merged, path))
        return (entry.data or b"").decode("utf-8", "replace") if entry else ""

    found = [*_problems(chain, architecture, there, text)]
    _refuse(f"{chain[-1].name} for {architecture}", found)


def check_image(
    name: str, chain: Sequence[Definition], image: ImageFacts, *, shell: bool = False
) -> None:
    """Raise BuildFailedError if ``name``, taken from elsewhere, cannot stand in for ``chain``.

    With ``shell`` one may be there even if ``chain`` promises that there is none.
    """

    def there(path: str) -> bool:
        return image.lookup(path) is not None

    def text(path: str) -> str:
        return image.text(path) or ""

    from imgforge.analysis.facts import FILE

    found = [*_problems(chain, image.platform.architecture, there, text)]
    found += [
        f"{fact.path} has privilege bits or a file capability"
        for fact in image.files.values()
        if (fact.kind == FILE and fact.mode & _SPECIAL) or fact.capability
    ]
    if not shell and not any(d.shell for d in chain):
        found += [f"{path} is a shell" for path in image.files if SHELLS.fullmatch(path)]
    _refuse(name, found)


def _slashes(path: str) -> Iterator[int]:
    return (at for at, c in enumerate(path) if c == "/")


def _resolved(merged: Merged, path: str) -> str:
    """Follow symbolic links along ``path`` as a process inside would; empty if they have no end."""
    for _ in range(_LINKS):
        ends = [*_slashes(path), len(path)]
        at = next((e for e in ends if (x := merged.get(path[:e])) and x.link is not None), None)
        if at is None:
            return path
        target = posixpath.join("/", posixpath.dirname(path[:at]), merged[path[:at]].link or "")
        path = posixpath.normpath(target + path[at:])[1:]
    return ""


def _problems(
    chain: Sequence[Definition],
    architecture: str,
    there: Callable[[str], bool],
    text: Callable[[str], str],
) -> Iterator[str]:
    promised = (expanded(p, architecture) for d in chain for p in d.contract.paths)
    paths = tuple(dict.fromkeys(promised))
    yield from (f"there is no {path}" for path in paths if not there(path))
    if USERS in paths and not USER.search(text(USERS)):
        yield f"{USERS} has no user nonroot with the number 65532"
    release = osrelease.read(text("etc/os-release"))
    wanted = _RELEASE.fullmatch(abi(chain).partition(" ")[0])
    if wanted:
        got = tuple(release.get(key, "") for key in ("ID", "VERSION_ID"))
        if got != (wanted[1], wanted[2]):
            yield f"it is made of {' '.join(got).strip() or 'nothing known'}, not of {wanted[0]}"


def _refuse(name: str, problems: list[str]) -> None:
    if problems:
        raise BuildFailedError(
            f"base {name} does not keep the contract of bases",
            details=problems,
            hint="mend its definition, or name another base",
        )
