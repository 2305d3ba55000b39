"""Who uses what: every spec below some folders, its stack and its bases, and who is behind.

Nothing is fetched and nothing written. Of a lock only the tables that say what was pinned are
read, not the thousand lines of what the bases are made of: a thousand repositories take seconds.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from imgforge import project, stack
from imgforge.errors import ImgforgeError, InvalidInputError
from imgforge.files import LOCK, SPEC
from imgforge.stack import LoadedStack
from imgforge.workshop import papers
from imgforge.workshop.found import OWN

MOST: Final = 200_000
"""Folders that are looked into; more are an error, never a part that looks like the whole."""

_SKIPPED: Final = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})
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
        }


def take(paths: Sequence[Path], say: Callable[[str], None]) -> list[Use]:
    """Find every spec below ``paths`` and say what it uses, by path.

    InvalidInputError if a path is not there, or there are more folders than are looked into.
    """
    found: dict[Path, None] = {}
    for path in paths:
        found |= dict.fromkeys(_specs(path))
    stacks: dict[str, LoadedStack | ImgforgeError] = {}
    uses = []
    for number, spec in enumerate(sorted(found), 1):
        if number % 200 == 0:
            say(f"{number} of {len(found)} specs")
        uses.append(_use(spec, stacks))
    return _compared(uses)


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


def _use(spec: Path, stacks: dict[str, LoadedStack | ImgforgeError]) -> Use:
    named = _named(spec)
    use = Use(spec, stack=named)
    if named and named not in stacks:
        try:
            stacks[named] = stack.load(named)
        except ImgforgeError as error:
            stacks[named] = error
    known = stacks.get(named)
    try:
        if isinstance(known, ImgforgeError):
            raise known
        loaded = project.load(spec, stack=known)
        lock = _lock(spec.resolve().parent / LOCK)
    except ImgforgeError as error:
        return replace(use, problem="; ".join((error.message, *error.details)))
    newest, pinned = loaded.stack, lock.get("stack", {})
    return replace(
        use,
        image=loaded.spec.image.name,
        catalog=str(pinned.get("catalog", OWN)),
        version=str(pinned.get("version", newest.definition.version)),
        digest=str(pinned.get("digest", "")) or newest.digest,
        runtime=loaded.choice.version,
        newest=newest.definition.version,
        bases=tuple(_bases(lock)),
        problem="" if lock else f"there is no {LOCK}",
    )


def _named(spec: Path) -> str:
    """Return which stack a spec names, empty if it cannot be told."""
    try:
        return str(tomllib.loads(spec.read_text(encoding="utf-8"))["stack"]["name"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""


def _lock(path: Path) -> Mapping[str, Any]:
    """Read the tables of a lock that say what was pinned; empty if there is none.

    InvalidInputError if they are not what ``imgforge lock`` writes.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_LOCK)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    heads = [(m.start(), m[2] if not m[1] else "") for m in _HEAD.finditer(text)]
    ends = [start for start, _ in heads[1:]] + [len(text)]
    kept = [
        text[start:end] for (start, name), end in zip(heads, ends, strict=True) if name in _TABLES
    ]
    try:
        found = tomllib.loads("".join(kept))
    except tomllib.TOMLDecodeError as error:
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
    if use.version and _later(use.newest, use.version):
        behind.append(f"stack {use.version}: the catalog has {use.newest}")
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


def _later(one: str, other: str) -> bool:
    try:
        return papers.version(one) > papers.version(other)
    except ValueError:
        return False


def short(digest: str) -> str:
    """Return a digest as people read it."""
    return digest.removeprefix("sha256:")[:12]
