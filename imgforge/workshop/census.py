"""Who uses what: every spec below some folders, its stack and its bases, and who is behind.

Nothing is written. Of a lock only the tables that say what was pinned are
read, not the thousand lines of what the bases are made of: a thousand repositories take seconds.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from imgforge import project, tomlfile
from imgforge import spec as specs
from imgforge.catalogs import opening, releases
from imgforge.catalogs.choosing import Wanted
from imgforge.catalogs.opening import NotPinnedError, Opened
from imgforge.errors import ImgforgeError, InvalidInputError
from imgforge.files import LOCK, SPEC
from imgforge.lock import LockedStack

MOST: Final = 200_000
"""Folders that are looked into; more are an error, never a part that looks like the whole."""

_SKIPPED: Final = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})
_UNLOCKED: Final = f"there is no {LOCK}"
_MAX_LOCK: Final = 16 << 20
_HEAD: Final = re.compile(r"\[(\[?)([a-z._]+)\]?\]\n")
_TABLES: Final = frozenset({"inputs", "stack", "runtime", "builder"})


@dataclass(frozen=True, slots=True)
class UsedBase:
    """A base that a lock pins. ``epoch`` is the archives' time in seconds, 0 if unknown."""

    role: str
    name: str
    digest: str
    epoch: int
    behind: bool = False
    """Whether another lock pins a newer one of the same name."""

    def age(self, now: dt.datetime) -> int | None:
        """Return its age in days; None if it is unknown."""
        if not self.epoch:
            return None
        return max(0, (now - dt.datetime.fromtimestamp(self.epoch, dt.UTC)).days)


@dataclass(frozen=True, slots=True)
class Use:
    """A spec, what it uses, and how it is behind; ``problem`` says why it cannot be built.

    ``version`` and ``digest`` are of the stack that the lock pins, else of the one at hand;
    ``runtime`` is the version of what the stack offers, ``newest`` the stack's newest version.
    """

    spec: Path
    image: str = ""
    stack: str = ""
    catalog: str = ""
    version: str = ""
    digest: str = ""
    runtime: str = ""
    newest: str = ""
    bases: tuple[UsedBase, ...] = ()
    behind: tuple[str, ...] = ()
    problem: str = ""
    unknown: str = ""
    """Why the newest version is not known."""
    release: str = ""
    """The range that the spec bounds the stack's version by."""
    edited: bool = False
    """Whether the catalog has something else under the version that is pinned."""

    def to_json(self, now: dt.datetime) -> dict[str, Any]:
        """Return it as ``--format json`` shows it."""
        return {
            "spec": str(self.spec),
            "image": self.image,
            "stack": {
                "name": self.stack,
                "catalog": self.catalog,
                "version": self.version,
                "digest": self.digest,
                "newest": self.newest,
                "runtime": self.runtime,
            },
            "bases": [
                {
                    "role": base.role,
                    "name": base.name,
                    "digest": base.digest,
                    "days": base.age(now),
                    "behind": base.behind,
                }
                for base in self.bases
            ],
            "behind": list(self.behind),
            "problem": self.problem or None,
            "unknown": self.unknown or None,
        }


@dataclass(frozen=True, slots=True)
class How:
    """How to look: with ``offline`` no catalog is asked for its newest version."""

    say: Callable[[str], None]
    offline: bool = False


def take(paths: Sequence[Path], how: How) -> list[Use]:
    """Find every spec below ``paths`` and say what it uses, by path.

    InvalidInputError if a path is not there, or there are more folders than are looked into. What
    is wrong with a spec, its lock or its stack is the use's ``problem``.
    """
    listed: dict[Path, None] = {}
    for path in paths:
        listed |= dict.fromkeys(_specs(path))
    shelf = Shelf(how)
    uses = []
    for number, spec in enumerate(sorted(listed), 1):
        if number % 200 == 0:
            how.say(f"{number} of {len(listed)} specs")
        uses.append(_use(spec, shelf))
    return _compared(uses)


class Shelf:
    """Stacks that were opened already: each version is read once, however many use it."""

    def __init__(self, how: How) -> None:
        self._how = how
        self._pinned: dict[tuple[str, ...], Opened | ImgforgeError] = {}
        self._newest: dict[tuple[str, str], Opened | ImgforgeError] = {}

    def pinned(self, wanted: Wanted, held: Mapping[str, Any]) -> Opened:
        """Return the stack that a spec's lock pins; raises what opening it raises."""
        named = ("catalog", "source", "reference", "version", "digest", "revision")
        key = (str(wanted), wanted.release, *(str(held.get(name, "")) for name in named))
        way = opening.How(offline=self._how.offline, say=self._how.say)
        return _once(self._pinned, key, lambda: opening.open_stack(wanted, lambda: _pin(held), way))

    def newest(self, name: str, catalog: str) -> Opened:
        """Return the newest version of a stack that its catalog has; raises likewise."""
        way = opening.How(resolve=True, offline=self._how.offline, say=self._how.say)
        return _once(
            self._newest,
            (name, catalog),
            lambda: opening.open_stack(Wanted(name, catalog), lambda: None, way),
        )


_Key = TypeVar("_Key")


def _once(
    known: dict[_Key, Opened | ImgforgeError], key: _Key, make: Callable[[], Opened]
) -> Opened:
    if key not in known:
        try:
            known[key] = make()
        except ImgforgeError as error:
            known[key] = error
    found = known[key]
    if isinstance(found, ImgforgeError):
        raise found
    return found


def _specs(path: Path) -> Iterator[Path]:
    """Yield the specs below ``path``; links are not followed, hidden folders not entered."""
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise InvalidInputError(f"{path} does not exist")
    todo, seen = [path], 0
    while todo:
        folder = todo.pop()
        seen += 1
        if seen > MOST:
            raise InvalidInputError(
                f"{path} has more than {MOST} folders", hint="name the repositories in it"
            )
        try:
            with os.scandir(folder) as entries:
                listed = list(entries)
        except OSError as error:
            raise InvalidInputError(f"{folder} cannot be read: {error.strerror}") from error
        for entry in listed:
            if entry.name == SPEC and entry.is_file():
                yield folder / SPEC
            elif (
                not entry.name.startswith(".")
                and entry.name not in _SKIPPED
                and entry.is_dir(follow_symlinks=False)
            ):
                todo.append(folder / entry.name)


def _use(spec: Path, shelf: Shelf) -> Use:
    use = Use(spec)
    try:
        data, read = specs.load(spec)
        wanted = Wanted(read.stack.name, read.stack.catalog or "", read.stack.release)
        use = replace(
            use,
            image=read.image.name,
            stack=wanted.name,
            catalog=wanted.catalog,
            release=wanted.release,
        )
        lock = pins(spec)
        opened = shelf.pinned(wanted, lock.get("stack", {}))
        choice = project.fitted(spec, data, read, opened).choice
    except NotPinnedError as error:
        return replace(use, problem=words(error) if lock else _UNLOCKED)
    except ImgforgeError as error:
        return replace(use, problem=words(error))
    # Of imgforge's own stacks a lock may have the version it was made with.
    version = str(lock.get("stack", {}).get("version", "")) or opened.pin.version
    use = replace(
        use,
        catalog=opened.pin.catalog,
        version=version,
        digest=opened.stack.digest if version == opened.pin.version else "",
        runtime=choice.version,
        bases=tuple(_bases(lock)),
        problem="" if lock else _UNLOCKED,
    )
    try:
        newest = shelf.newest(use.stack, use.catalog)
    except ImgforgeError as error:
        return replace(use, unknown=words(error))
    changed = newest.stack.digest != use.digest and newest.pin.version == version
    return replace(use, newest=newest.pin.version, edited=changed and bool(use.digest))


def _pin(held: Mapping[str, Any]) -> LockedStack | None:
    """Return what a lock's table of the stack says; None if it is not what a lock has."""
    named = {field.name for field in fields(LockedStack)}
    if not held or not held.keys() <= named or not all(isinstance(v, str) for v in held.values()):
        return None
    try:
        return LockedStack(**held)
    except TypeError:
        return None


def words(error: ImgforgeError) -> str:
    """Return what went wrong as one text."""
    return "; ".join((error.message, *error.details))


def pins(spec: Path) -> Mapping[str, Any]:
    """Read the tables of a spec's lock that say what was pinned; empty if there is none.

    InvalidInputError if they are not what ``imgforge lock`` writes.
    """
    path = spec.resolve().parent / LOCK
    try:
        # What is no file, such as a pipe, is not waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, encoding="utf-8") as file:
            text = file.read(_MAX_LOCK) if stat.S_ISREG(os.fstat(handle).st_mode) else ""
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    heads = [(m.start(), m[2] if not m[1] else "") for m in _HEAD.finditer(text)]
    ends = [start for start, _ in heads[1:]] + [len(text)]
    kept = [
        text[start:end] for (start, name), end in zip(heads, ends, strict=False) if name in _TABLES
    ]
    try:
        found = tomlfile.loads("".join(kept))
    except ValueError as error:
        raise InvalidInputError(f"{path} is not a lock: {error}") from error
    if "runtime" not in found:
        raise InvalidInputError(f"{path} is not a lock", hint="make it again with: imgforge lock")
    return found


def _bases(lock: Mapping[str, Any]) -> Iterator[UsedBase]:
    for role in ("runtime", "builder"):
        if base := lock.get(role):
            epoch = base.get("epoch", 0)
            yield UsedBase(
                role,
                str(base.get("name", "")),
                str(base.get("digest", "")),
                epoch if type(epoch) is int else 0,
            )


def _compared(uses: Sequence[Use]) -> list[Use]:
    """Say of each how it is behind the catalog, and behind the others."""
    bases: dict[str, UsedBase] = {}
    versions: dict[tuple[str, str], str] = {}
    for use in uses:
        for base in use.bases:
            if base.name not in bases or base.epoch > bases[base.name].epoch:
                bases[base.name] = base
        key = (use.catalog, use.stack)
        if use.version and _later(use.version, versions.get(key, "0.0.0")):
            versions[key] = use.version
    return [_judged(use, bases, versions) for use in uses]


def _judged(
    use: Use, bases: Mapping[str, UsedBase], versions: Mapping[tuple[str, str], str]
) -> Use:
    behind = []
    others = versions.get((use.catalog, use.stack), "")
    if use.edited:
        behind.append(f"stack {use.version}: the catalog has other files under this version")
    if use.version and _later(use.newest, use.version):
        behind.append(f"stack {use.version}: the catalog has {use.newest}{_kept_back(use)}")
    elif use.version and _later(others, use.version):
        behind.append(f"stack {use.version}: others use {others}")
    compared = []
    for base in use.bases:
        newer = bases[base.name]
        late = newer.epoch > base.epoch and newer.digest != base.digest
        compared.append(replace(base, behind=late))
        if late:
            behind.append(f"{base.role} {base.name}: others have {short(newer.digest)}")
    return replace(use, bases=tuple(compared), behind=tuple(behind))


def _kept_back(use: Use) -> str:
    """Say that a new version is not taken until the spec lets it, if that is so."""
    kept = not releases.allows(use.release, releases.version(use.newest))
    return f", and the spec wants {use.release}" if kept else ""


def _later(one: str, other: str) -> bool:
    try:
        return releases.version(one) > releases.version(other)
    except ValueError:
        return False


def short(digest: str) -> str:
    """Return a digest as people read it."""
    return digest.removeprefix("sha256:")[:12]
