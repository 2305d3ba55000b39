"""Distributions: which suites they have, in which archives these lie, and which keys sign them.

Data: ``bases/archives/NAME.toml``. A suite of a definition, such as ``trixie``, stands for several
of an archive's: itself, its updates, its security fixes.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from imgforge import assets, tomlfile
from imgforge.errors import InvalidInputError
from imgforge.fields import Table

Role = Literal["main", "security", "ports"]


class Archive(Table):
    """One tree of suites and packages, which a mirror has whole."""

    name: Role
    suites: list[str]
    """Patterns of the suites in it, ``{suite}`` being the definition's."""
    architectures: list[str] = []
    """Those it has; all, if none is named."""
    marked: str = ""
    """A word in the URLs of its mirrors, where the suites do not tell it from the others."""
    snapshot: str
    """Its place at the snapshot service; ``{moment}`` is one such as 20261120T000000Z."""

    def serves(self, architecture: str) -> bool:
        """Whether packages for ``architecture`` lie here."""
        return not self.architectures or architecture in self.architectures


class Distribution(Table):
    """A whole file."""

    name: Literal["debian", "ubuntu"]
    title: str
    suites: list[str]
    aliases: list[str] = []
    components: list[str]
    keyrings: list[str]
    """Where its machines have the keyring."""
    keyring: str
    """The one that comes with imgforge, in ``bases/keyrings``."""
    snapshot: str
    """Root of the snapshot service."""
    archive: Annotated[list[Archive], Field(min_length=1)]

    @property
    def own_keyring(self) -> Path:
        """The keyring that comes with imgforge."""
        return assets.folder("bases") / "keyrings" / self.keyring


def names() -> tuple[str, ...]:
    """Return the names of all distributions, sorted."""
    return tuple(sorted(p.stem for p in (assets.folder("bases") / "archives").glob("*.toml")))


@functools.cache
def load(name: str) -> Distribution:
    """Read one distribution's file."""
    path = assets.folder("bases") / "archives" / f"{name}.toml"
    data, table = tomlfile.read(path)
    return tomlfile.validate(Distribution, table, data, path.name)


def of(suite: str) -> Distribution:
    """Return the distribution that has ``suite``; InvalidInputError if none has it."""
    known = [load(name) for name in names()]
    for distribution in known:
        if suite in distribution.suites:
            return distribution
    raise InvalidInputError(
        f"no distribution has a suite {suite!r}",
        hint="; ".join(f"{d.title}: {', '.join(d.suites)}" for d in known),
    )
