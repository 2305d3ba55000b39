"""Definitions of bases: ``bases/NAME.toml``, data that platform teams edit.

A base is one layer on its parent. Package exclusions, drop and keep patterns, the contract and the
environment add to the parent's; everything else of the image configuration replaces it. A
definition lists the suites it can be made of, the first being what its plain name means; ``cc`` of
bookworm is called ``cc-bookworm``. Whatever stands on a definition takes it on its own suite.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from imgforge import assets, tomlfile
from imgforge.errors import InvalidInputError
from imgforge.oci.layer import ENCODER
from imgforge.oci.types import canonical_json, sha256

PACKAGES = "packages"
"""Name of the layer that holds the system packages a spec adds to its runtime base."""

FORMAT = 4
"""Raise it when the same packages and definitions are to give other bytes."""

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
    """A symbolic link; ``{architecture}`` and ``{triplet}`` in the target are Debian's words."""

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


class JavaKeystore(_Table):
    """Write the certificates of ``bundle`` as a Java key store, as ca-certificates-java would.

    The bundle may lie in this layer or beneath; at least ``minimum`` certificates must be in it.
    """

    kind: Literal["java-keystore"]
    bundle: ImagePath = "etc/ssl/certs/ca-certificates.crt"
    path: ImagePath = "etc/ssl/certs/java/cacerts"
    minimum: Annotated[int, Field(ge=1)]


class PythonBytecode(_Table):
    """Compile ``directory`` with the base's own interpreter: start-up is several times faster.

    What it writes does not depend on its architecture, so one that runs on the machine at hand
    serves all platforms.
    """

    kind: Literal["python-bytecode"]
    version: Annotated[str, Field(pattern=r"^3\.[0-9]+$")]
    directory: ImagePath


class PhpModules(_Table):
    """Turn on every extension of PHP that this layer and those beneath ship, in Debian's order.

    Each package has an ``.ini`` file with its place in the order; ``phpenmod`` would link to it.
    """

    kind: Literal["php-modules"]
    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+$")]


Step = Annotated[
    CaBundle | LdSoCache | JavaKeystore | PhpModules | PythonBytecode, Field(discriminator="kind")
]


class Suite(_Table):
    """What a base is on one suite: packages besides the common ones, and how long it is patched.

    ``abi`` names what applications are built against (``debian13``); with the definitions' own it
    is the base's ABI line. Nothing may be moved from one line to another without a build.
    """

    end_of_life: dt.date
    packages: tuple[PackageName, ...] = ()
    abi: str = ""


class WheelFile(_Table):
    """One executable out of a wheel; the requirement's version and hashes stand in the lock."""

    requirement: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    python: Annotated[str, Field(pattern=r"^3\.[0-9]+$")]
    file: ImagePath
    path: ImagePath


class NpmPackage(_Table):
    """Files out of a package of the npm registry, pinned like everything else.

    ``package`` is a name or, where each architecture has its own, a table of names; ``version`` a
    version or the beginning of one (``22``: the newest 22.x). ``paths`` maps files and folders of
    the package to their places in the image.
    """

    package: str | dict[str, str]
    version: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+){0,2}$")]
    paths: dict[ImagePath, ImagePath]

    def named(self, architecture: str) -> str | None:
        """Return the package's name for ``architecture``; None if it has none there."""
        return self.package if isinstance(self.package, str) else self.package.get(architecture)


class Contract(_Table):
    """What applications and stacks may rely on, wherever the base comes from.

    ``paths`` are there, links followed; ``{architecture}`` and ``{triplet}`` in them are Debian's
    words. With ``etc/passwd`` among them, so is the user 65532. ``abi`` is this definition's part
    of the ABI line (``python3.13``). A base from a registry that stands in for this one is held to
    the same.
    """

    paths: tuple[ImagePath, ...] = ()
    abi: str = ""


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
    suite: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z]+$")], Suite], Field(min_length=1)]
    registry: str | None = None
    """A reference with tag or digest: the base is taken from there in place of the packages."""
    replaces: bool = False
    """It may stand for another of its name, from an earlier folder; otherwise that is an error."""
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
    npm: tuple[NpmPackage, ...] = ()
    contract: Contract = Contract()

    @property
    def suite_name(self) -> str:
        """The suite that this definition is for: the only one after :meth:`on`, else the first."""
        return next(iter(self.suite))

    @property
    def end_of_life(self) -> dt.date:
        """The last day with security support on :attr:`suite_name`."""
        return self.suite[self.suite_name].end_of_life

    def on(self, suite: str) -> Definition:
        """Return this definition for one suite, the suite's packages among its own."""
        here = self.suite.get(suite)
        if here is None:
            raise InvalidInputError(
                f"base {self.name!r} cannot be made of {suite}",
                hint="its suites: " + ", ".join(self.suite),
            )
        only = here.model_copy(update={"packages": ()})
        packages = (*self.packages, *here.packages)
        return self.model_copy(update={"suite": {suite: only}, "packages": packages})


def names() -> tuple[str, ...]:
    """Return the names of all definitions, sorted: those that ship, and those of the settings."""
    return tuple(sorted(_files()))


def _files() -> dict[str, Path]:
    """Return every definition's file by its name.

    InvalidInputError if a file of the settings' folders would take the place of another unasked.
    """
    from imgforge import settings

    found = {path.stem: path for path in assets.folder("bases").glob("*.toml")}
    for folder in map(Path, settings.load().bases):
        if not folder.is_dir():
            raise InvalidInputError(
                f"there is no folder {folder}, which the settings name for bases",
                hint="IMGFORGE_BASES names it, or bases in config.toml",
            )
        for path in sorted(folder.glob("*.toml")):
            other = found.get(path.stem)
            if other is not None and tomlfile.read(path)[1].get("replaces") is not True:
                raise InvalidInputError(
                    f"{path} would take the place of {other}",
                    hint="give it another name, or say replaces = true in it if that is meant",
                )
            found[path.stem] = path
    _refuse_twins(found)
    return found


def _refuse_twins(found: dict[str, Path]) -> None:
    """InvalidInputError if a name is also what another definition is called on some suite."""
    for name, path in found.items():
        stem, _, suite = name.rpartition("-")
        if stem in found and suite in (tomlfile.read(found[stem])[1].get("suite") or {}):
            raise InvalidInputError(
                f"{path} is called as {found[stem]} is on {suite}", hint="give it another name"
            )


@functools.cache
def load(name: str) -> Definition:
    """Read one definition; InvalidInputError if there is none or it is not valid."""
    path = _files().get(name)
    if path is None:
        raise InvalidInputError(f"there is no base {name!r}", hint="one of: " + ", ".join(names()))
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


def find(name: str) -> tuple[Definition, str]:
    """Return the definition and suite that ``name`` means; InvalidInputError if there is none."""
    if name in names():
        found = load(name)
        return found, found.suite_name
    stem, _, suite = name.rpartition("-")
    if stem in names() and suite in load(stem).suite and suite != load(stem).suite_name:
        return load(stem), suite
    hint = "one of: " + ", ".join(names()) + "; with a suite: cc-bookworm"
    raise InvalidInputError(f"there is no base {name!r}", hint=hint)


def chain(name: str, *, packages: bool = False) -> tuple[Definition, ...]:
    """Return the definitions that make ``name``, lowest first; with ``packages`` that layer too.

    All are for the one suite that ``name`` means.
    """
    top, suite = find(name)
    found = [top.on(suite)]
    while (parent := found[0].parent) is not None:
        if len(found) == _CHAIN or parent in {d.name for d in found}:
            raise InvalidInputError(f"the parents of base {name!r} have no end")
        found.insert(0, load(parent).on(suite))
    return (*found, _extra(found)) if packages else tuple(found)


def abi(definitions: Iterable[Definition]) -> str:
    """Return the ABI line of a chain, such as ``debian13 python3.13``."""
    words = (w for d in definitions for w in (d.suite[d.suite_name].abi, d.contract.abi))
    return " ".join(dict.fromkeys(w for w in words if w))


def _extra(chain: list[Definition]) -> Definition:
    """Make the layer of added packages: what they ship as programs was asked for, so it stays."""
    top = chain[-1]
    # Steps over all that lies beneath are taken again, since there is more of it now.
    again = tuple(dict.fromkeys(s for d in chain for s in d.step if isinstance(s, PhpModules)))
    return Definition(  # noqa: S604 - "shell" is a field, nothing is run
        name=PACKAGES,
        summary="Packages that the spec adds",
        parent=top.name,
        suite=top.suite,
        shell=True,
        keep=("usr/bin/*", "usr/sbin/*"),
        step=(*again, LdSoCache(kind="ld-so-cache")),
    )


def digest(definitions: Iterable[Definition]) -> str:
    """Return the digest over everything that decides bytes, save the packages themselves."""
    words: Any = dict.fromkeys(("summary", "replaces"), True)
    words["suite"] = {"__all__": {"end_of_life", "abi"}}
    dumped = [d.model_dump(mode="json", exclude=words) for d in definitions]
    return sha256(canonical_json([FORMAT, ENCODER, dumped]))
