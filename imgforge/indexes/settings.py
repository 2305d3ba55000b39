"""Package indexes in imgforge's own settings: ``[indexes.npm]`` and its like.

What stands here wins over the machine's settings of the package manager. Credentials themselves
never stand here: it is said where they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from imgforge.errors import InvalidInputError
from imgforge.fields import Table, problem


def _url(value: str) -> str:
    # The value itself is not shown: a password may stand in it.
    if re.fullmatch(r"https?://[^\s/?#@]*@.*", value):
        raise problem("holds credentials", "name in `credentials` where they are")
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#\"'\\<>&$`]*)?", value):
        raise problem("is not an http(s) URL", "such as https://packages.example.com/simple/")
    return value


def _credentials(value: str) -> str:
    if not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+", value):
        raise problem("says not where credentials are", "env:VARIABLE or file:PATH")
    return value


class Index(Table):
    """Where one package manager's packages come from, for the steps that install with it."""

    url: Annotated[str, AfterValidator(_url)] | None = Field(
        default=None,
        description="The index; instead of all that the machine says of this package manager.",
    )
    credentials: Annotated[str, AfterValidator(_credentials)] | None = Field(
        default=None,
        description="Where its credentials are: env:VARIABLE or file:PATH. They are USER:PASSWORD, "
        "or a token.",
    )


class Indexes(Table):
    """The package indexes that installing steps use, and whether they see the user's files."""

    user_files: bool = Field(
        default=True,
        description="Whether steps see what package managers' files in the home directory say of "
        "indexes: ~/.npmrc, ~/.m2/settings.xml and others.",
    )
    pip: Index = Index()
    npm: Index = Index()
    maven: Index = Index()
    gradle: Index = Index()
    cargo: Index = Index()
    go: Index = Index()
    bundler: Index = Index()
    composer: Index = Index()

    def of(self, name: str) -> Index:
        """Return the settings of the package manager ``name``."""
        found = getattr(self, name)
        if not isinstance(found, Index):
            raise KeyError(name)
        return found


def login(name: str, index: Index, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return user (empty with a token) and password of an index; both are empty without any.

    InvalidInputError if they are not where ``credentials`` says, or no single line.
    """
    if index.credentials is None:
        return "", ""
    kind, _, place = index.credentials.partition(":")
    if kind == "env":
        value = environ.get(place, "")
    else:
        try:
            value = Path(place).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInputError(
                f"indexes.{name}: cannot read its credentials: {error}"
            ) from error
    value = value.strip()
    if not value or not value.isprintable():
        raise InvalidInputError(
            f"indexes.{name}: {index.credentials} holds no credentials",
            hint="USER:PASSWORD or a token, in one line",
        )
    user, colon, password = value.partition(":")
    return (user, password) if colon else ("", value)


def anchored(indexes: Indexes, folder: Path) -> Indexes:
    """Return the settings with paths that are relative to ``folder`` made whole."""
    changes: dict[str, object] = {}
    for name in indexes.model_fields_set:
        value = getattr(indexes, name)
        if isinstance(value, Index) and (value.credentials or "").startswith("file:"):
            path = Path((value.credentials or "").removeprefix("file:"))
            whole = folder / _expanded(path)
            value = value.model_copy(update={"credentials": f"file:{whole}"})
        changes[name] = value
    return indexes.model_copy(update=changes)


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise InvalidInputError(f"{path}: there is no such home directory") from error
