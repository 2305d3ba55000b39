"""Settings of the machine or the organisation: where archives, registries and bases are found.

They stand in ``config.toml``: the file that ``IMGFORGE_CONFIG`` names, else
``$XDG_CONFIG_HOME/imgforge/config.toml``, else ``/etc/imgforge/config.toml``; the first that exists
is the only one read. Variables of the environment win over it. Nothing here can change what a lock
pins: settings decide where bytes come from, never which bytes are right.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from imgforge import tomlfile
from imgforge.errors import InvalidInputError
from imgforge.fields import Table

SYSTEM = Path("/etc/imgforge/config.toml")

Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.\[\]:-]+$")]


class Archive(Table):
    """Where one distribution's packages come from; absent keys are found by themselves."""

    mirror: Url | None = Field(default=None, description="Mirror of the main archive.")
    security_mirror: Url | None = Field(default=None, description="Mirror of security updates.")
    ports_mirror: Url | None = Field(
        default=None, description="Mirror for architectures kept apart (Ubuntu's arm64)."
    )
    keyring: str | None = Field(default=None, description="OpenPGP keyring that signs the archive.")
    snapshot: str | None = Field(
        default=None,
        description="A moment such as 2026-11-20T00:00:00Z, to be taken from snapshot-mirror.",
    )
    snapshot_mirror: Url | None = Field(default=None, description="Snapshot service to use.")
    check_valid_until: bool = Field(default=True, description="Refuse an expired Release file.")


class Npm(Table):
    """Where packages of the npm registry come from."""

    registry: Url | None = Field(
        default=None, description="The registry; npm's own configuration where absent."
    )
    unsigned: bool = Field(
        default=False, description="Accept a registry that leaves npm's signatures out."
    )


class Registry(Table):
    """How registries are reached."""

    mirrors: dict[Host, str] = Field(
        default={},
        description="Registry host → registry/prefix that is asked first for what lies there.",
    )


class Network(Table):
    """How this machine reaches others."""

    proxy: Url | None = Field(default=None, description="HTTP proxy for archives and registries.")


class Settings(Table):
    """A whole ``config.toml``."""

    bases: list[str] = Field(default=[], description="Folders with further base definitions.")
    debian: Archive = Archive()
    ubuntu: Archive = Archive()
    npm: Npm = Npm()
    registry: Registry = Registry()
    network: Network = Network()


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; the defaults where there is no file. InvalidInputError if it is wrong."""
    environ = os.environ if environ is None else environ
    path = _path(environ)
    if path is None:
        return Settings()
    data, table = tomlfile.read(path)
    return tomlfile.validate(Settings, table, data, str(path))


def _path(environ: Mapping[str, str]) -> Path | None:
    named = environ.get("IMGFORGE_CONFIG")
    if named:
        if not Path(named).is_file():
            raise InvalidInputError(f"IMGFORGE_CONFIG names {named}, which is no file")
        return Path(named)
    home = environ.get("XDG_CONFIG_HOME") or str(
        Path(environ.get("HOME", "~")).expanduser() / ".config"
    )
    return next((p for p in (Path(home) / "imgforge/config.toml", SYSTEM) if p.is_file()), None)
