"""The lock: what the names in a spec stood for when ``imgforge lock`` resolved them.

The file (``imgforge.lock``, TOML) pins every base by the digest of its image index and every
package and wheel inside by hash, so a base can be made again from the lock alone. It is written in
a fixed order, one key a line, so that a change reads well in a diff. Only ``imgforge lock``
writes it; everything else reads it and believes no byte that it does not pin.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import re
import tempfile
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from imgforge.errors import InvalidInputError
from imgforge.oci.types import Platform, canonical_json, sha256

VERSION = 2
"""Of the file's format."""

_T = TypeVar("_T")
Role = Literal["runtime", "builder"]

_MAX_FILE = 16 << 20
_HINT = "make it again with: imgforge lock"


_WORD = r"[^\s\x00-\x1f\x7f]+"
_DIGEST = r"sha256:[0-9a-f]{64}"
Digest = Annotated[str, re.compile(_DIGEST)]
Hex = Annotated[str, re.compile(r"[0-9a-f]{64}")]
Name = Annotated[str, re.compile(r"[a-z0-9][a-z0-9+._-]*")]
Version = Annotated[str, re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:!_-]*")]
PoolPath = Annotated[str, re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[A-Za-z0-9][A-Za-z0-9._+~%/-]*")]
Word = Annotated[str, re.compile(_WORD)]
Date = Annotated[str, re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")]
NpmName = Annotated[str, re.compile(r"(?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*")]
Line = Annotated[str, re.compile(r"[^\x00-\x1f\x7f]*")]


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution package. ``path`` is relative to the archive that holds ``suite``."""

    name: Name
    version: Version
    architecture: Name
    source: Name
    """Name of the source package, which advisories speak of."""
    source_version: Version
    sha256: Hex
    size: int
    """Bytes of the package file."""
    path: PoolPath
    suite: Name


@dataclass(frozen=True, slots=True)
class Wheel:
    """A Python distribution; ``hashes`` are the sha256 (hex) of the files that may be used.

    ``sha256`` and ``size`` are those of the one file that the base takes out of it.
    """

    name: Version
    version: Version
    hashes: tuple[Hex, ...]
    sha256: Hex
    size: int


@dataclass(frozen=True, slots=True)
class Tarball:
    """A package of the npm registry; ``path`` is relative to the registry's root."""

    name: NpmName
    version: Version
    sha256: Hex
    size: int
    """Bytes of the tarball."""
    path: Annotated[str, re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[A-Za-z0-9@][A-Za-z0-9@._+~%/-]*")]
    integrity: Annotated[str, re.compile(r"sha512-[A-Za-z0-9+/]{86}==")]
    keyid: Line = ""
    """Whose ``signature`` over name, version and integrity it is; empty if it has none."""
    signature: Line = ""


@dataclass(frozen=True, slots=True)
class LockedLayer:
    """One layer of a base made here: the definition's name (or ``packages``) and its content."""

    name: Name
    packages: tuple[Package, ...]
    wheels: tuple[Wheel, ...]
    tarballs: tuple[Tarball, ...] = ()


@dataclass(frozen=True, slots=True)
class LockedPlatform:
    """One platform's image of a base: manifest digest, and layers from the lowest up."""

    platform: Platform
    digest: Digest
    layers: tuple[LockedLayer, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """A suite as it was read: ``date`` is the Release file's (RFC 3339), the hash InRelease's."""

    suite: Name
    date: Date
    sha256: Hex


@dataclass(frozen=True, slots=True)
class LockedBase:
    """A base, pinned. For ``source = "registry"`` there are no layers, archives or definition."""

    name: Word
    source: Literal["packages", "registry"]
    reference: Word
    """Repository name without tag or digest."""
    digest: Digest
    """Of the image index."""
    epoch: int
    """Seconds since 1970: the newest Date of the archives; 0 when it is not known."""
    definition: Annotated[str, re.compile(rf"(?:{_DIGEST})?")]
    archives: tuple[Archive, ...]
    platforms: tuple[LockedPlatform, ...]
    abi: Line = ""
    """What applications depend on, such as ``debian13 python3.13``; empty if it is not known."""
    tag: Annotated[str, re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?")] = ""
    """The tag that gave the digest; empty for a base made here or pinned by hand."""
    upstream: Annotated[str, re.compile(rf"(?:{_DIGEST})?")] = ""
    """What the registry has where ``digest`` is of an image made from it, flattened."""
    trust: Line = ""
    """Why a registry's base was believed: who signed it, or the exemption and its reason."""

    def on(self, platform: Platform) -> LockedPlatform:
        """Return the image for ``platform``; InvalidInputError if there is none."""
        for candidate in self.platforms:
            if candidate.platform == platform:
                return candidate
        raise InvalidInputError(f"base {self.name} is not locked for {platform}", hint=_HINT)


@dataclass(frozen=True, slots=True)
class LockedStack:
    """The stack that the spec's name stood for.

    ``digest`` is of its definition and templates. ``reference`` is the repository, of a registry
    or of git; ``revision`` the digest of a registry's artifact, or git's commit. A stack that came
    with imgforge has neither: imgforge's own version pins it.
    """

    name: Name
    version: Annotated[str, re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}")]
    catalog: Name
    source: Literal["builtin", "directory", "git", "registry"]
    reference: Line = ""
    digest: Annotated[str, re.compile(rf"(?:{_DIGEST})?")] = ""
    revision: Annotated[str, re.compile(rf"(?:{_DIGEST}|[0-9a-f]{{40}}|[0-9a-f]{{64}})?")] = ""
    trust: Line = ""
    """Why a registry's stack was believed: who signed it."""

    def __str__(self) -> str:
        return f"{self.catalog}/{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was asked for; a lock whose inputs differ from the spec's is stale."""

    stack: Word
    stack_version: Word
    runtime: Word
    builder: Annotated[str, re.compile(rf"(?:{_WORD})?")]
    """Empty when nothing is built inside an image."""
    platforms: tuple[Platform, ...]
    packages: tuple[Name, ...]
    build_packages: tuple[Name, ...] = ()
    """Added to the builder base because the spec says so."""
    compiles: Annotated[str, re.compile(r"(?:yes)?")] = ""
    """``yes`` if the builder needs what compiling against ``packages`` takes."""

    @property
    def digest(self) -> str:
        """Digest over all fields, order of platforms and packages included."""
        return sha256(canonical_json(_plain(self)))


@dataclass(frozen=True, slots=True)
class Lock:
    """The whole file."""

    inputs: Inputs
    runtime: LockedBase
    builder: LockedBase | None = None
    stack: LockedStack | None = None
    """None in locks that were made before stacks were pinned."""

    def base(self, role: Role) -> LockedBase:
        """Return the base for ``role``; InvalidInputError if the lock has none."""
        found = self.runtime if role == "runtime" else self.builder
        if found is None:
            raise InvalidInputError(f"the lock pins no {role} base", hint=_HINT)
        return found


def render(lock: Lock) -> str:
    """Return the text of the lock file."""
    import tomli_w

    plain = _plain(lock)
    plain["inputs"]["digest"] = lock.inputs.digest
    if lock.stack is not None:
        plain = {"inputs": plain.pop("inputs"), "stack": plain.pop("stack"), **plain}
    head = "# Written by imgforge lock. Do not edit; commit it beside the spec.\n"
    return head + tomli_w.dumps({"version": VERSION, **plain})


def write(lock: Lock, path: Path) -> None:
    """Replace the file ``path`` in one step."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}-", encoding="utf-8", newline="\n", delete=False
    ) as file:
        temporary = Path(file.name)
        try:
            file.write(render(lock))
            file.flush()
            temporary.chmod(0o644)
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def read(path: Path) -> Lock:
    """Read and check a lock file; InvalidInputError lists everything that is wrong with it."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except FileNotFoundError as error:
        raise InvalidInputError(f"there is no lock {path}", hint=_HINT) from error
    except OSError as error:
        raise InvalidInputError(f"the lock {path} cannot be read: {error.strerror}") from error
    if len(data) > _MAX_FILE:
        raise InvalidInputError(f"the lock {path} is over {_MAX_FILE} bytes", hint=_HINT)
    try:
        return parse(data.decode(), str(path))
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"the lock {path} is not UTF-8", hint=_HINT) from error


def parse(text: str, place: str = "imgforge.lock") -> Lock:
    """Check and read the text of a lock; ``place`` names it in errors (InvalidInputError)."""
    found = _parsed(text)
    if isinstance(found, Lock):
        return found
    message, problems, hint = found
    raise InvalidInputError(f"{place}{message}", details=problems, hint=hint)


@functools.lru_cache(maxsize=16)
def _parsed(text: str) -> Lock | tuple[str, tuple[str, ...], str]:
    """Return the lock, or what is wrong: how the message goes on after its name, details, hint.

    Kept, since reading one takes longer than planning, and of many projects that are looked at in
    one go some share theirs.
    """
    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return f" is not TOML: {error}", (), _HINT
    version = value.pop("version", None)
    if type(version) is not int or version != VERSION:
        what = f": version is {version!r}, this imgforge reads {VERSION}"
        return what, (), f"{_HINT} --upgrade"
    inputs = value.get("inputs")
    digest = inputs.pop("digest", None) if isinstance(inputs, dict) else None
    problems: list[str] = []
    lock = _record(Lock, value, "", problems)
    if lock is not None:
        for role, base in (("runtime", lock.runtime), ("builder", lock.builder)):
            problems += [f"{role}.{name}: has no place there" for name in _misplaced(base)]
        problems += [f"stack.{name}: does not go with its source" for name in _unfit(lock.stack)]
    if lock is None or problems:
        return " is not a lock", tuple(problems), _HINT
    if digest != lock.inputs.digest:
        return ": inputs.digest does not fit the inputs", (), "the file was edited; " + _HINT
    return lock


def _misplaced(base: LockedBase | None) -> list[str]:
    """Return what a base of this source cannot have, and what no calendar has."""
    if base is None:
        return []
    if base.source == "packages":
        found = [name for name in ("tag", "upstream", "trust") if getattr(base, name)]
    else:
        found = [name for name in ("definition", "archives") if getattr(base, name)]
        found += ["layers"] * any(p.layers for p in base.platforms)
    return found + ["archives.date"] * any(not _is_date(a.date) for a in base.archives)


def _unfit(stack: LockedStack | None) -> list[str]:
    """Return what a stack of this source cannot have, or lacks."""
    if stack is None:
        return []
    needed = {
        "builtin": (),
        "directory": ("digest",),
        "git": ("digest", "reference", "revision"),
        "registry": ("digest", "reference", "revision", "trust"),
    }[stack.source]
    also = {"directory": ("revision",)}.get(stack.source, ())
    fields = ("reference", "digest", "revision", "trust")
    return [n for n in fields if bool(getattr(stack, n)) != (n in needed) and n not in also]


def _is_date(text: str) -> bool:
    try:
        return bool(dt.datetime.fromisoformat(text))
    except ValueError:
        return False


def checked(record: Package) -> list[str]:
    """Return what :func:`parse` would say against ``record``, one line a field."""
    problems: list[str] = []
    _record(type(record), _plain(record), "", problems)
    return problems


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of the records above
    if isinstance(value, Platform):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = ((f, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {f.name: _plain(item) for f, item in named if item != f.default}
    return value


@functools.cache
def _hints(record: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a record's class
    return typing.get_type_hints(record, include_extras=True)


def _record(record: type[_T], value: object, place: str, problems: list[str]) -> _T | None:
    if not isinstance(value, dict):
        problems.append(f"{place or 'the file'}: not a table")
        return None
    fields = {f.name: f for f in dataclasses.fields(typing.cast("Any", record))}
    prefix = f"{place}." if place else ""
    before, out = len(problems), {}
    problems += [f"{prefix}{key}: unknown key" for key in value if key not in fields]
    for name, field in fields.items():
        if name in value:
            out[name] = _value(
                _hints(typing.cast("Any", record))[name], value[name], prefix + name, problems
            )
        elif field.default is dataclasses.MISSING:
            problems.append(f"{prefix}{name}: missing")
    return record(**out) if len(problems) == before else None


def _value(wanted: Any, value: object, place: str, problems: list[str]) -> Any:  # noqa: ANN401
    kind, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if kind is tuple:
        if isinstance(value, list):
            items = enumerate(value)
            return tuple(_value(arguments[0], v, f"{place}[{i}]", problems) for i, v in items)
        problems.append(f"{place}: not an array")
        return None
    if kind is types.UnionType:
        return _value(arguments[0], value, place, problems)
    if dataclasses.is_dataclass(wanted) and wanted is not Platform:
        return _record(typing.cast("type[Any]", wanted), value, place, problems)
    try:
        return _scalar(wanted, value)
    except ValueError as error:
        problems.append(f"{place}: {error}")
        return None


def _scalar(wanted: Any, value: object) -> object:  # noqa: ANN401
    if wanted is int:
        if type(value) is not int or value < 0:
            raise ValueError("not a whole number of 0 or more")
        return value
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004 - collected with the other problems
    if wanted is Platform:
        return Platform.parse(value)
    arguments = typing.get_args(wanted)
    if typing.get_origin(wanted) is Literal:
        if value not in arguments:
            raise ValueError(f"{value!r} is none of {', '.join(arguments)}")
    elif not wanted.__metadata__[0].fullmatch(value):
        raise ValueError(f"{value!r} has not the right form")
    return value
