"""Catalogs in the settings: ``[[catalogs]]``."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from imgforge.catalogs.releases import is_ref
from imgforge.fields import Table, problem
from imgforge.indexes import INDEXES
from imgforge.settings.values import File, Repository

StackName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]


def _git(value: str) -> str:
    # The value itself is not shown: a password may stand in it.
    if not re.fullmatch(r"(https|ssh)://[^\s?#]+/[^\s?#]+|/[^\s?#]+", value):
        raise problem("is not the address of a git repository", "https://, ssh:// or a path")
    return value


def _ref(value: str) -> str:
    if not is_ref(value):
        raise problem(f"{value!r} is not a branch or tag", "such as main or refs/tags/v1")
    return value


def _below(value: str) -> str:
    parts = value.split("/")
    if value != "." and any(p in {".", ".."} or not re.fullmatch(r"[\w.-]+", p) for p in parts):
        raise problem(f"{value!r} is not a folder of the repository", "such as stacks")
    return value


def _manager(value: str) -> str:
    if value not in INDEXES:
        raise problem(f"{value!r} is no package manager", f"one of {', '.join(INDEXES)}")
    return value


class Catalog(Table):
    """A place with stacks besides those that come with imgforge, as `[[catalogs]]`.

    It is a folder, a git repository or a part of a registry. No variable stands for it.
    """

    PATHS: ClassVar = ("directory", "key", "trusted_root")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = Field(
        description="What specs and locks call it."
    )
    directory: File | None = Field(
        default=None, description="A folder that has a folder for each stack."
    )
    git: Annotated[str, AfterValidator(_git)] | None = Field(
        default=None, description="The address of a git repository: https, ssh, or a path."
    )
    ref: Annotated[str, AfterValidator(_ref)] = Field(
        default="HEAD", description="The branch or tag there that counts."
    )
    folder: Annotated[str, AfterValidator(_below)] = Field(
        default=".", description="The folder in the repository that has one for each stack."
    )
    registry: Repository | None = Field(
        default=None,
        description="What stands before the stacks' names in a registry: "
        "registry.example.com/stacks.",
    )
    stacks: list[StackName] = Field(
        default=[],
        description="The stacks that are taken from a repository or registry: nothing is asked "
        "for another name.",
    )
    key: File | None = Field(
        default=None, description="The public key that must have signed a registry's stacks."
    )
    identity: str = Field(
        default="", description="A glob of whom the signing certificate was issued to, instead."
    )
    issuer: str = Field(default="", description="Who vouched for that identity, exactly.")
    trusted_root: File | None = Field(
        default=None, description="The trusted root of another Sigstore than the public one."
    )
    indexes: list[Annotated[str, AfterValidator(_manager)]] | None = Field(
        default=None,
        description="The package managers whose index settings and credentials its stacks may "
        "read. Absent: a registry's, which are signed, any that they declare; others none.",
    )

    @property
    def source(self) -> Literal["directory", "git", "registry"]:
        """What kind of place it is."""
        return "directory" if self.directory else "git" if self.git else "registry"

    @property
    def place(self) -> str:
        """Where it is."""
        return self.directory or self.git or self.registry or ""

    @model_validator(mode="after")
    def _one(self) -> Catalog:
        if sum(place is not None for place in (self.directory, self.git, self.registry)) != 1:
            raise problem("needs exactly one of directory, git and registry")
        if self.name == "imgforge":
            raise problem("is the name of imgforge's own stacks", "call it after your organisation")
        if (self.source == "directory") == bool(self.stacks):
            raise problem(
                "has stacks where it should not, or none",
                "git and registry need the list of stacks; a directory shows what it has",
            )
        signed = [bool(self.key), bool(self.identity or self.issuer)]
        if self.source == "registry" and sum(signed) != 1:
            raise problem("does not say who signs its stacks", "give key, or identity and issuer")
        if self.source != "registry" and (any(signed) or self.trusted_root):
            raise problem("has a signer, and only a registry's stacks are signed")
        if bool(self.identity) != bool(self.issuer) or (self.trusted_root and not self.identity):
            raise problem("needs identity and issuer together, and a trusted-root only with them")
        return self
