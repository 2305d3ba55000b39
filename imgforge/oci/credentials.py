"""The user's registry credentials, as ``docker login`` and ``podman login`` leave them.

Format: docker's ``config.json`` (github.com/docker/cli, ``cli/config``) and
containers-auth.json(5); helpers speak the docker-credential-helpers protocol.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imgforge import process, strictjson
from imgforge.errors import InvalidInputError, RegistryError
from imgforge.oci.reference import DOCKER, Reference

_MAX_FILE = 1 << 20
_HUB = "https://index.docker.io/v1/"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HELPER_SECONDS = 60
_TOKEN_USER = "<token>"  # noqa: S105 - how helpers mark an identity token


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password, or an identity token; neither is ever printed."""

    username: str
    password: str = field(repr=False, default="")
    identity_token: str = field(repr=False, default="")


def find(reference: Reference) -> Credentials | None:
    """Return the credentials for the reference's repository, None if there are none.

    Read are ``$DOCKER_CONFIG/config.json`` and ``$REGISTRY_AUTH_FILE``, and without both of
    them ``~/.docker/config.json``; the first with an answer counts. Within a file the order is
    ``credHelpers``, ``credsStore``, ``auths``, the longest path first. InvalidInputError if a
    file is malformed, ToolMissingError or RegistryError if a helper can't do its work.
    """
    for path in files():
        config = _load(path)
        if config is not None:
            found = _from_config(config, reference, path)
            if found is not None:
                return found
    return None


def files() -> list[Path]:
    """Return the configuration files that count, in order, whether they exist or not."""
    named = []
    if directory := os.environ.get("DOCKER_CONFIG"):
        named.append(Path(directory) / "config.json")
    if file := os.environ.get("REGISTRY_AUTH_FILE"):
        named.append(Path(file))
    return named or [Path(os.path.expanduser("~/.docker/config.json"))]  # noqa: PTH111 - Path.expanduser raises without a home


def _load(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _MAX_FILE:
        raise InvalidInputError(f"{path} is over {_MAX_FILE} bytes")
    try:
        return strictjson.load_object(data)
    except ValueError as error:
        raise InvalidInputError(f"{path} is not a configuration of docker's: {error}") from error


def _from_config(config: dict[str, Any], reference: Reference, path: Path) -> Credentials | None:
    names = _names(reference)
    helpers = _table(config, "credHelpers", path)
    for name in names:
        if name in helpers:
            return _ask_helper(helpers[name], _server(reference), path)
    if store := config.get("credsStore"):
        found = _ask_helper(store, _server(reference), path)
        if found is not None:
            return found
    entries = {_plain(key): (key, value) for key, value in _table(config, "auths", path).items()}
    for name in names:
        if name in entries:
            return _entry(*entries[name], path)
    return None


def _names(reference: Reference) -> list[str]:
    """Keys under which the reference may stand, the longest first."""
    parts = reference.repository.split("/")
    hosts = [reference.registry]
    if reference.registry == DOCKER:
        hosts += ["index.docker.io", "registry-1.docker.io"]
    return [
        "/".join([host, *parts[:length]]) for length in range(len(parts), -1, -1) for host in hosts
    ]


def _plain(key: str) -> str:
    key = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    return key.removesuffix("/v1").removesuffix("/v2")


def _server(reference: Reference) -> str:
    return _HUB if reference.registry == DOCKER else reference.registry


def _table(config: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    value = config.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInputError(f"{path}: {name} is not an object")
    return value


def _entry(key: str, value: object, path: Path) -> Credentials | None:
    place = f"{path}: auths.{key}"
    if not isinstance(value, dict):
        raise InvalidInputError(f"{place} is not an object")
    for name in ("auth", "username", "password", "identitytoken"):
        if not isinstance(value.get(name, ""), str):
            raise InvalidInputError(f"{place}.{name} is not a string")
    username, password = value.get("username", ""), value.get("password", "")
    if packed := value.get("auth"):
        try:
            text = base64.b64decode(packed, validate=True).decode()
        except ValueError as error:
            raise InvalidInputError(
                f"{place}.auth is not base64", hint="docker login again"
            ) from error
        username, colon, password = text.partition(":")
        if not colon:
            raise InvalidInputError(f"{place}.auth names no user", hint="docker login again")
        password = password.rstrip("\0")
    token = value.get("identitytoken", "")
    return Credentials(username, password, token) if username or token else None


def _ask_helper(name: object, server: str, path: Path) -> Credentials | None:
    if not isinstance(name, str) or not _HELPER.fullmatch(name):
        raise InvalidInputError(f"{path} names a malformed credential helper")
    program = f"docker-credential-{name}"
    # A helper finds its own store through variables we cannot list (AWS_PROFILE, DBUS_…).
    result = process.run(
        [program, "get"],
        input=server.encode(),
        env=dict(os.environ),
        timeout=_HELPER_SECONDS,
        check=False,
    )
    if result.code != 0:
        said = (result.stdout + result.stderr).decode(errors="replace")
        if "credentials not found" in said:
            return None
        raise RegistryError(
            f"{program} gave no credentials for {server} (exit code {result.code})",
            hint=f"printf %s {server} | {program} get",
        )
    try:
        value = strictjson.load_object(result.stdout)
    except ValueError as error:
        raise RegistryError(f"{program} answered with something that is not JSON") from error
    username, secret = value.get("Username"), value.get("Secret")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise RegistryError(f"{program} answered without Username and Secret")
    if username == _TOKEN_USER:
        return Credentials("", "", secret)
    return Credentials(username, secret) if username else None
