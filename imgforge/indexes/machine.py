"""What the building machine gives to steps that install: certificates and index settings.

Values go into files below a private folder, handed on as secret mounts, and are gone with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import ssl
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from imgforge.engines.protocol import BuildSecret
from imgforge.errors import InvalidInputError
from imgforge.indexes import AUTHORITY, INDEXES, KEYSTORE, Index

if TYPE_CHECKING:
    from imgforge.settings import Settings

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")

_USERINFO = re.compile(r"://([^\s/?#@]+)@")
_LOGIN = re.compile(
    r"(?i)(?:_?auth(?:token)?|_password|password|passwd|token|secret|bearer|basic)[\"'\]]*"
    r"(?:\s*[=:>]\s*|\s+)[\"']?(?:Basic |Bearer )?([^\s\"'<>]{4,})"
)
_KEYED = re.compile(
    r"(?m)^[\"']?(?:BUNDLE_[A-Z0-9_]+__[A-Z0-9_:]+|YARN_NPM_AUTH_IDENT)[\"']?\s*[:=]\s*"
    r"[\"']?([^\"'\s]+)"
)


@dataclass(frozen=True, slots=True)
class Given:
    """What a package manager is given: variables, files' texts by secret, and where from."""

    variables: Mapping[str, str]
    files: Mapping[str, str]
    origins: tuple[str, ...]


def given(name: str, own: Settings | None = None) -> Given:
    """Return what steps with the index ``name`` are given; InvalidInputError if it is broken."""
    from imgforge import settings
    from imgforge.indexes import settings as indexed

    own = own or settings.load()
    found = own.indexes.of(name)
    if found.url is None:
        return _of_machine(INDEXES[name], files=own.indexes.user_files)
    from imgforge.indexes.made import Login, make

    variables, files = make(Login(name, found.url, *indexed.login(name, found, os.environ)))
    kept = {k: v for k, v in _variables(INDEXES[name]).items() if k not in variables}
    return Given(
        {**kept, **{k: v for k, v in variables.items() if v}},
        files,
        (f"indexes.{name}", *kept),
    )


def _of_machine(index: Index, *, files: bool) -> Given:
    from imgforge.indexes import files as theirs

    variables, texts = _variables(index), {}
    origins = list(variables)
    for file in index.files:
        path = _place(file.variable, (file.home,) if files and file.home else ())
        text = theirs.read(file.secret, path) if path else ""
        if text:
            texts[file.secret] = text
            origins.append(str(path))
    if index.name == "pip":
        path = _place("PIP_CONFIG_FILE", theirs.PIP if files else ())
        found = theirs.pip(path) if path else {}
        if found and path:
            variables = {**found, **variables}
            origins.append(str(path))
        variables = _for_uv(variables)
    return Given(variables, texts, tuple(origins))


def _variables(index: Index) -> dict[str, str]:
    wanted = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
    names = [n for n in os.environ if index.prefixes and n.startswith(index.prefixes)]
    names = [*index.variables, *sorted(n for n in names if n not in index.variables)]
    return {n: os.environ[n] for n in names if os.environ.get(n) and wanted.fullmatch(n)}


def _for_uv(variables: Mapping[str, str]) -> dict[str, str]:
    """Let uv, which reads nothing of pip's, use pip's indexes where it was told of none."""
    out = dict(variables)
    if not out.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} and out.get("PIP_INDEX_URL"):
        out["UV_DEFAULT_INDEX"] = out["PIP_INDEX_URL"]
    if not out.keys() & {"UV_INDEX", "UV_EXTRA_INDEX_URL"} and out.get("PIP_EXTRA_INDEX_URL"):
        out["UV_INDEX"] = out["PIP_EXTRA_INDEX_URL"]
    return out


def _place(variable: str, homes: tuple[str, ...]) -> Path | None:
    named = os.environ.get(variable)
    candidates = [Path(named)] if named else [Path.home() / home for home in homes]
    return next((path for path in candidates if path.is_file()), None)


def secrets(names: tuple[str, ...], folder: Path) -> dict[str, BuildSecret]:
    """Return the secrets that steps with the indexes ``names`` may mount: id → where it is.

    ``folder`` is private and lives as long as the build; what is not set is left out.
    InvalidInputError if settings, a file or the certificates cannot be read.
    """
    if not names:
        return {}
    from imgforge import settings

    own = settings.load()
    found: dict[str, BuildSecret] = {}
    bundle = authorities(own)
    if bundle is not None:
        found[AUTHORITY] = _written(folder / AUTHORITY, bundle)
        if any(INDEXES[name].java for name in names):
            found[KEYSTORE] = _written(folder / KEYSTORE, _keystore(bundle))
    for name in names:
        index, what = INDEXES[name], given(name, own)
        if what.variables:
            text = "".join(f"{n}={shlex.quote(value)}\n" for n, value in what.variables.items())
            found[index.secret] = _written(folder / index.secret, text.encode())
        for secret, text in what.files.items():
            if secret not in found:
                found[secret] = _written(folder / secret, text.encode())
    return found


def authorities(own: Settings) -> bytes | None:
    """Return the certificates (PEM) that steps shall trust; None leaves them to the builder.

    They are those of ``SSL_CERT_FILE``; with ``ca`` of the settings those, or else the system's,
    and the ones it names. InvalidInputError if one cannot be read.
    """
    named, extra = os.environ.get("SSL_CERT_FILE"), own.network.ca
    if extra is None:
        return _read(named) if named and Path(named).is_file() else None
    system = str(named or ssl.get_default_verify_paths().cafile)
    if not Path(system).is_file():
        import certifi

        system = certifi.where()
    return _read(system).rstrip() + b"\n" + _read(extra)


@contextlib.contextmanager
def trusted() -> Iterator[dict[str, str]]:
    """Yield the variable with which a program on this machine trusts what steps trust.

    It is empty where the program finds that by itself.
    """
    from imgforge import settings

    own = settings.load()
    bundle = authorities(own) if own.network.ca is not None else None
    if bundle is None:
        yield {}
        return
    with tempfile.NamedTemporaryFile(prefix="imgforge-", suffix=".pem") as file:
        file.write(bundle)
        file.flush()
        yield {"SSL_CERT_FILE": file.name}


def _read(name: str) -> bytes:
    try:
        data = Path(name).read_bytes()
    except OSError as error:
        raise InvalidInputError(f"cannot read the certificates {name}: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in data:
        raise InvalidInputError(f"{name} holds no certificate in PEM")
    return data


def _keystore(bundle: bytes) -> bytes:
    from imgforge import keystore

    try:
        return keystore.write(keystore.certificates(bundle))
    except ValueError as error:
        raise InvalidInputError(f"cannot read the certificates for Java: {error}") from error


def _written(path: Path, data: bytes) -> BuildSecret:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    return BuildSecret(path)


def sensitive(names: tuple[str, ...], found: Mapping[str, BuildSecret]) -> list[str]:
    """Return the passwords and tokens in the machine's secrets, to take them out of what is said.

    They are those that the settings name for the indexes ``names``, and what stands in a URL
    before the host, or behind a word that means a password.
    """
    from imgforge import settings
    from imgforge.indexes import settings as indexed

    own = settings.load().indexes if names else None
    logins = [indexed.login(n, own.of(n), os.environ)[1] for n in names if own]
    texts = [s.value() for name, s in found.items() if name not in {AUTHORITY, KEYSTORE}]
    known = {*logins, *(quote(word, safe="") for word in logins)} - {""}
    return sorted({*known, *passwords([*texts, *proxies().values()])}, key=len, reverse=True)


def passwords(texts: Iterable[str]) -> list[str]:
    """Return the passwords and tokens in texts such as variables' values, the longest first."""
    found = {value for text in texts for value in _passwords(text)}
    return sorted(found - {""}, key=len, reverse=True)


def _passwords(text: str) -> Iterator[str]:
    for userinfo in _USERINFO.findall(text):
        yield userinfo
        _, _, password = userinfo.partition(":")
        if password:
            yield password
            yield unquote(password)
    yield from _LOGIN.findall(text)
    for value in _KEYED.findall(text):
        if "://" not in value:
            yield value
            yield value.partition(":")[2]
    for quoted in re.findall(r"'(\{.*\})'", text):  # COMPOSER_AUTH
        try:
            yield from _strings(json.loads(quoted))
        except ValueError:
            yield quoted


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key != "username":
                yield from _strings(item)
    elif isinstance(value, str):
        yield value


def proxies() -> dict[str, str]:
    """Return the proxies that steps with network use: the machine's, else the settings'."""
    from imgforge import settings

    found = {name: os.environ[name] for name in PROXIES if os.environ.get(name)}
    named = settings.load().network.proxy
    if named is not None:
        found |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), named)
    return found
