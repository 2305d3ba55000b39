"""Definitions of bases: ``bases/NAME.toml``, data that platform teams edit.

A base is one layer on its parent. Package exclusions, drop and keep patterns and the environment
add to the parent's; everything else of the image configuration replaces it.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from imgforge import assets, tomlfile
from imgforge.errors import InvalidInputError
from imgforge.oci.types import canonical_json, sha256

PACKAGES = "packages"
"""Name of the layer that holds the system packages a spec adds to its runtime base."""

_CHAIN = 16

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]


def _path(value: str) -> str:
    parts = value.split("/")
    if not value.isprintable() or any(part in {"", ".", ".."} for part in parts):
        raise ValueError("is not a relative path without . and .. inside the image")
    return value


def _mode(value: str) -> str:
    if not re.fullmatch(r"[01]?[0-7]{3}", value.removeprefix("0")):
        raise ValueError("is not an octal mode without setuid and setgid, as in '0755'")
    return value


ImagePath = Annotated[str, AfterValidator(_path)]
Mode = Annotated[str, AfterValidator(_mode)]


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=_kebab, populate_by_name=True
    )


class File(_Table):
    """A text file; the newline after the opening quotes of TOML is not part of it."""

    path: ImagePath
    text: str
    mode: Mode = "0644"


class Directory(_Table):
    """A directory with an owner and mode of its own."""

    path: ImagePath
    mode: Mode = "0755"
    uid: int = 0
    gid: int = 0


class Link(_Table):
    """A symbolic link."""

    path: ImagePath
    target: Annotated[str, Field(min_length=1)]


class CaBundle(_Table):
    """Concatenate the certificates under ``source`` into one file; at least ``minimum``.

    Only this directory: the package also ships an example root, and one bad PEM makes Python's
    ``ssl.create_default_context`` silently load none.
    """

    kind: Literal["ca-bundle"]
    source: ImagePath = "usr/share/ca-certificates"
    path: ImagePath = "etc/ssl/certs/ca-certificates.crt"
    minimum: Annotated[int, Field(ge=1)]


class LdSoCache(_Table):
    """Write ``etc/ld.so.cache`` for this layer and all beneath; earlier directories win."""

    kind: Literal["ld-so-cache"]
    directories: tuple[ImagePath, ...] = ("usr/local/lib", "usr/lib/{triplet}", "usr/lib")


class PythonBytecode(_Table):
    """Compile ``directory`` with the base's own interpreter: start-up is several times faster.

    That can run only on its own architecture, and a digest may not depend on the machine: so it is
    demanded on ``architectures`` and always left out elsewhere.
    """

    kind: Literal["python-bytecode"]
    version: Annotated[str, Field(pattern=r"^3\.[0-9]+$")]
    directory: ImagePath
    architectures: tuple[str, ...] = ("amd64",)


Step = Annotated[CaBundle | LdSoCache | PythonBytecode, Field(discriminator="kind")]


class WheelFile(_Table):
    """One executable out of a wheel; the requirement's version and hashes stand in the lock."""

    requirement: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    python: Annotated[str, Field(pattern=r"^3\.[0-9]+$")]
    file: ImagePath
    path: ImagePath


class Config(_Table):
    """Image configuration; None takes the parent's."""

    user: Annotated[str, Field(pattern=r"^[0-9]+:[0-9]+$")] | None = None
    working_dir: Annotated[str, Field(pattern=r"^/")] | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    env: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = {}


class Definition(_Table):
    """A whole definition file."""

    name: Name
    summary: str
    parent: Name | None = None
    suite: Annotated[str, Field(pattern=r"^[a-z]+$")]
    end_of_life: dt.date
    shell: bool = False
    packages: tuple[PackageName, ...] = ()
    exclude: tuple[PackageName, ...] = ()
    drop: tuple[ImagePath, ...] = ()
    keep: tuple[ImagePath, ...] = ()
    config: Config = Config()
    step: tuple[Step, ...] = ()
    directory: tuple[Directory, ...] = ()
    link: tuple[Link, ...] = ()
    file: tuple[File, ...] = ()
    wheel: tuple[WheelFile, ...] = ()


def names() -> tuple[str, ...]:
    """Return the names of all shipped definitions, sorted."""
    return tuple(sorted(path.stem for path in assets.folder("bases").glob("*.toml")))


@functools.cache
def load(name: str) -> Definition:
    """Read one definition; InvalidInputError if there is none or it is not valid."""
    if name not in names():
        raise InvalidInputError(f"there is no base {name!r}", hint="one of: " + ", ".join(names()))
    path = assets.folder("bases") / f"{name}.toml"
    data, table = tomlfile.read(path)
    found = parse(data, table, path.name)
    if found.name != name:
        raise InvalidInputError(f"{path.name}: its name is {found.name!r}, not {name!r}")
    return found


def parse(data: bytes, table: dict[str, object], place: str) -> Definition:
    """Check one definition; InvalidInputError lists every problem with its line in ``data``."""
    # TOML has arrays where the model, being frozen, has tuples; strict mode tells them apart.
    return tomlfile.validate(Definition, _tuples(table), data, place)


def _tuples(value: object) -> dict[str, object]:
    def walk(item: object) -> object:
        if isinstance(item, dict):
            return {key: walk(inner) for key, inner in item.items()}
        return tuple(map(walk, item)) if isinstance(item, list) else item

    walked = walk(value)
    assert isinstance(walked, dict)  # noqa: S101 - a table stays a table
    return walked


def chain(name: str, *, packages: bool = False) -> tuple[Definition, ...]:
    """Return the definitions that make ``name``, lowest first; with ``packages`` that layer too."""
    found: list[Definition] = []
    here: str | None = name
    while here is not None:
        if len(found) == _CHAIN or here in {d.name for d in found}:
            raise InvalidInputError(f"the parents of base {name!r} have no end")
        found.insert(0, load(here))
        here = found[0].parent
    suites = {d.suite for d in found}
    if len(suites) > 1:
        raise InvalidInputError(f"base {name!r} mixes suites: {', '.join(sorted(suites))}")
    return (*found, _extra(found[-1])) if packages else tuple(found)


def _extra(top: Definition) -> Definition:
    """Make the layer of added packages: what they ship as programs was asked for, so it stays."""
    return Definition(  # noqa: S604 - "shell" is a field, nothing is run
        name=PACKAGES,
        summary="Packages that the spec adds",
        parent=top.name,
        suite=top.suite,
        end_of_life=top.end_of_life,
        shell=True,
        keep=("usr/bin/*", "usr/sbin/*"),
        step=(LdSoCache(kind="ld-so-cache"),),
    )


def digest(definitions: Iterable[Definition]) -> str:
    """Return the digest over everything in ``definitions`` that decides bytes."""
    words = {"summary", "end_of_life"}
    return sha256(canonical_json([d.model_dump(mode="json", exclude=words) for d in definitions]))
