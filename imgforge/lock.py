"""The lock: what the names in a spec stood for when ``imgforge lock`` resolved them.

The file (``imgforge.lock``, TOML) pins every base by the digest of its image index and every
package and wheel inside by hash, so a base can be made again from the lock alone. It is written in
a fixed order, one key a line, so that a change reads well in a diff. Only ``imgforge lock``
writes it; everything else reads it and believes no byte that it does not pin.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import tempfile
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from imgforge.errors import InvalidInputError
from imgforge.oci.types import Platform, canonical_json, sha256

VERSION = 1
"""Of the file's format."""

_T = TypeVar("_T")
Role = Literal["runtime", "builder"]

_MAX_FILE = 16 << 20
_HINT = "make it again with: imgforge lock"


def _text(pattern: str) -> Any:  # noqa: ANN401 - dataclass fields are typed by their annotation
    return dataclasses.field(metadata={"pattern": re.compile(pattern)})


_DIGEST = r"sha256:[0-9a-f]{64}"
_HEX = r"[0-9a-f]{64}"
_NAME = r"[a-z0-9][a-z0-9+._-]*"
_VERSION = r"[A-Za-z0-9][A-Za-z0-9.+~:!_-]*"
_PATH = r"(?!.*(?:^|/)\.\.?(?:/|$))[A-Za-z0-9][A-Za-z0-9._+~%:/-]*"
_WORD = r"[^\s\x00-\x1f\x7f]+"


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution package. ``path`` is relative to the archive that holds ``suite``."""

    name: str = _text(_NAME)
    version: str = _text(_VERSION)
    architecture: str = _text(r"[a-z0-9-]+")
    source: str = _text(_NAME)
    """Name of the source package, which advisories speak of."""
    source_version: str = _text(_VERSION)
    sha256: str = _text(_HEX)
    size: int
    """Bytes of the package file."""
    path: str = _text(_PATH)
    suite: str = _text(_NAME)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A Python distribution; ``hashes`` are the sha256 (hex) of the files that may be used."""

    name: str = _text(r"[A-Za-z0-9][A-Za-z0-9._-]*")
    version: str = _text(_VERSION)
    hashes: tuple[str, ...] = _text(_HEX)


@dataclass(frozen=True, slots=True)
class LockedLayer:
    """One layer of a base made here: the definition's name (or ``packages``) and its content."""

    name: str = _text(_NAME)
    packages: tuple[Package, ...]
    wheels: tuple[Wheel, ...]


@dataclass(frozen=True, slots=True)
class LockedPlatform:
    """One platform's image of a base: manifest digest, and layers from the lowest up."""

    platform: Platform
    digest: str = _text(_DIGEST)
    layers: tuple[LockedLayer, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """A suite as it was read: ``date`` is the Release file's (RFC 3339), the hash InRelease's."""

    suite: str = _text(_NAME)
    date: str = _text(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    sha256: str = _text(_HEX)


@dataclass(frozen=True, slots=True)
class LockedBase:
    """A base, pinned. For ``source = "registry"`` there are no layers, archives or definition."""

    name: str = _text(_WORD)
    source: Literal["packages", "registry"]
    reference: str = _text(_WORD)
    """Repository name without tag or digest."""
    digest: str = _text(_DIGEST)
    """Of the image index."""
    epoch: int
    """Seconds since 1970: the newest Date of the archives; 0 when it is not known."""
    definition: str = _text(rf"(?:{_DIGEST})?")
    archives: tuple[Archive, ...]
    platforms: tuple[LockedPlatform, ...]

    def on(self, platform: Platform) -> LockedPlatform:
        """Return the image for ``platform``; InvalidInputError if the base was not locked for it."""
        for candidate in self.platforms:
            if candidate.platform == platform:
                return candidate
        raise InvalidInputError(f"base {self.name} is not locked for {platform}", hint=_HINT)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was asked for; a lock whose inputs differ from the spec's is stale."""

    stack: str = _text(_WORD)
    stack_version: str = _text(_WORD)
    runtime: str = _text(_WORD)
    builder: str = _text(rf"(?:{_WORD})?")
    """Empty when nothing is built inside an image."""
    platforms: tuple[Platform, ...]
    packages: tuple[str, ...] = _text(_NAME)

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
    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidInputError(f"{place} is not TOML: {error}", hint=_HINT) from error
    version = value.pop("version", None)
    if type(version) is not int or version != VERSION:
        raise InvalidInputError(
            f"{place}: version is {version!r}, this imgforge reads {VERSION}", hint=_HINT
        )
    inputs = value.get("inputs")
    digest = inputs.pop("digest", None) if isinstance(inputs, dict) else None
    problems: list[str] = []
    lock = _record(Lock, value, "", problems)
    if lock is None or problems:
        raise InvalidInputError(f"{place} is not a lock", details=problems, hint=_HINT)
    if digest != lock.inputs.digest:
        raise InvalidInputError(
            f"{place}: inputs.digest does not fit the inputs", hint="the file was edited; " + _HINT
        )
    return lock


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of the records above
    if isinstance(value, Platform):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {name: _plain(item) for name, item in named if item is not None}
    return value


@functools.cache
def _hints(record: type) -> Mapping[str, Any]:
    return typing.get_type_hints(record)


def _record(record: type[_T], value: object, place: str, problems: list[str]) -> _T | None:
    if not isinstance(value, dict):
        problems.append(f"{place or 'the file'}: not a table")
        return None
    fields = {f.name: f for f in dataclasses.fields(typing.cast("Any", record))}
    prefix = f"{place}." if place else ""
    problems += [f"{prefix}{key}: unknown key" for key in value if key not in fields]
    before, out = len(problems), {}
    for name, field in fields.items():
        if name in value:
            wanted, pattern = _hints(record)[name], field.metadata.get("pattern")
            out[name] = _value(wanted, pattern, value[name], prefix + name, problems)
        elif field.default is dataclasses.MISSING:
            problems.append(f"{prefix}{name}: missing")
    return record(**out) if len(problems) == before else None


def _value(  # noqa: PLR0911 - one return for each kind of field
    wanted: Any,  # noqa: ANN401 - a type annotation
    pattern: re.Pattern[str] | None,
    value: object,
    place: str,
    problems: list[str],
) -> Any:  # noqa: ANN401 - what the annotation says
    kind, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if kind is tuple:
        if not isinstance(value, list):
            problems.append(f"{place}: not an array")
            return None
        items = enumerate(value)
        return tuple(_value(arguments[0], pattern, v, f"{place}[{i}]", problems) for i, v in items)
    if kind is Literal:
        if value not in arguments:
            problems.append(f"{place}: {value!r} is none of {', '.join(arguments)}")
        return value
    if kind is types.UnionType:
        return _value(arguments[0], pattern, value, place, problems)
    if dataclasses.is_dataclass(wanted) and wanted is not Platform:
        return _record(typing.cast("type[Any]", wanted), value, place, problems)
    if wanted is int:
        if type(value) is not int or value < 0:
            problems.append(f"{place}: not a whole number of 0 or more")
        return value
    if not isinstance(value, str):
        problems.append(f"{place}: not a string")
        return None
    if wanted is Platform:
        try:
            return Platform.parse(value)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            return None
    if pattern is not None and not pattern.fullmatch(value):
        problems.append(f"{place}: {value!r} has not the right form")
    return value
