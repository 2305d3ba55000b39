"""What an index of imgforge's own settings is to its package manager: variables and files.

Values are quoted as each format wants it, or refused: a password can hold anything printable.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from imgforge.errors import InvalidInputError

Made = tuple[dict[str, str], dict[str, str]]
"""Variables, and files' texts by the name of their secret. An empty variable takes one away."""

_TOKEN = re.compile(r"[\w.~+/=-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Login:
    """An index, and who asks: with a token ``user`` is empty; both are without credentials."""

    name: str
    url: str
    user: str
    password: str

    @property
    def host(self) -> str:
        """The host, with its port if one is named."""
        return urlsplit(self.url).netloc

    def inside(self) -> str:
        """Return the URL with the credentials in it; a token's user is PyPI's ``__token__``."""
        if not self.password:
            return self.url
        scheme, _, rest = self.url.partition("://")
        user = quote(self.user or "__token__", safe="")
        return f"{scheme}://{user}:{quote(self.password, safe='')}@{rest}"

    def demand_user(self) -> None:
        """InvalidInputError for a token, where a package manager knows only names and passwords."""
        if self.password and not self.user:
            raise InvalidInputError(
                f"indexes.{self.name}: {self.name} knows no tokens",
                hint="give USER:PASSWORD as its credentials",
            )


def make(login: Login) -> Made:
    """Return what the package manager ``login.name`` is given; InvalidInputError if it cannot be.

    KeyError for a package manager that is none.
    """
    return _MAKERS[login.name](login)


def _pip(login: Login) -> Made:
    url = login.inside()
    none = ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
    return {"PIP_INDEX_URL": url, "UV_DEFAULT_INDEX": url, **dict.fromkeys(none, "")}, {}


def _npm(login: Login) -> Made:
    url = login.url.rstrip("/") + "/"
    variables = {"NPM_CONFIG_REGISTRY": url, "YARN_NPM_REGISTRY_SERVER": url.rstrip("/")}
    lines = [f"registry={url}"]
    if login.user:
        both = f"{login.user}:{login.password}"
        coded = base64.b64encode(both.encode()).decode()
        lines.append(f"{url.partition(':')[2]}:_auth={coded}")
        variables |= {"YARN_NPM_AUTH_IDENT": both, "YARN_NPM_ALWAYS_AUTH": "true"}
    elif login.password:
        if not _TOKEN.fullmatch(login.password):
            raise InvalidInputError("indexes.npm: its token has characters that no token has")
        lines.append(f"{url.partition(':')[2]}:_authToken={login.password}")
        variables |= {"YARN_NPM_AUTH_TOKEN": login.password, "YARN_NPM_ALWAYS_AUTH": "true"}
    if url.startswith("http:"):
        variables["YARN_UNSAFE_HTTP_WHITELIST"] = urlsplit(url).hostname or ""
    return variables, {"imgforge-npmrc": "\n".join(lines) + "\n"}


def _maven(login: Login) -> Made:
    from xml.sax.saxutils import escape

    login.demand_user()
    server = (
        "<servers><server><id>imgforge</id>"
        f"<username>{escape(login.user)}</username><password>{escape(login.password)}</password>"
        "</server></servers>"
        if login.user
        else ""
    )
    mirror = (
        "<mirrors><mirror><id>imgforge</id><mirrorOf>external:*</mirrorOf>"
        f"<url>{escape(login.url)}</url></mirror></mirrors>"
    )
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<settings>{server}{mirror}</settings>\n'
    return {}, {"imgforge-maven-settings": text}


def _gradle(login: Login) -> Made:
    login.demand_user()
    credentials = (
        f"credentials {{ username = {_groovy(login.user)}; password = {_groovy(login.password)} }}"
    )
    insecure = "allowInsecureProtocol = true" if login.url.startswith("http:") else ""
    lines = [
        "def only = { handler ->",
        "  handler.all { found ->",
        "    if (found instanceof MavenArtifactRepository && found.url.scheme != 'file'",
        "        && found.name != 'imgforge') { handler.remove(found) }",
        "  }",
        f"  handler.maven {{ name = 'imgforge'; url = {_groovy(login.url)}; {insecure}",
        f"    {credentials if login.user else ''} }}",
        "}",
        "settingsEvaluated { settings ->",
        "  only(settings.pluginManagement.repositories)",
        "  if (settings.hasProperty('dependencyResolutionManagement')) {",
        "    only(settings.dependencyResolutionManagement.repositories)",
        "  }",
        "}",
        "allprojects {",
        "  only(buildscript.repositories)",
        "  afterEvaluate { if (!repositories.isEmpty()) { only(repositories) } }",
        "}",
    ]
    variables = {
        "GRADLE_REPOSITORY_URL": login.url,
        "GRADLE_REPOSITORY_USER": login.user,
        "GRADLE_REPOSITORY_PASSWORD": login.password,
    }
    return variables, {"imgforge-gradle-init": "\n".join(lines) + "\n"}


def _groovy(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _cargo(login: Login) -> Made:
    import tomli_w

    index = f"sparse+{login.url.rstrip('/')}/"
    config = {
        "source": {
            "crates-io": {"replace-with": "imgforge"},
            "imgforge": {"registry": index},
        },
        "registries": {"imgforge": {"index": index}},
        "registry": {"global-credential-providers": ["cargo:token"]},
    }
    variables = {}
    if login.user:  # the token is the header's value as it is
        both = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
        variables["CARGO_REGISTRIES_IMGFORGE_TOKEN"] = f"Basic {both}"
    elif login.password:
        variables["CARGO_REGISTRIES_IMGFORGE_TOKEN"] = login.password
    return variables, {"imgforge-cargo-config": tomli_w.dumps(config)}


def _go(login: Login) -> Made:
    login.demand_user()
    return {"GOPROXY": login.inside()}, {}


def _bundler(login: Login) -> Made:
    url = login.url.rstrip("/") + "/"
    lines = ["---"]
    lines += [f"BUNDLE_MIRROR__HTTPS://RUBYGEMS__ORG/: {json.dumps(url)}"]
    if login.password:
        key = login.host.replace("-", "___").replace(".", "__").upper()
        # Ruby takes them for the part of a URL that they become.
        parts = [quote(p, safe="") for p in (login.user, login.password) if p]
        lines.append(f"BUNDLE_{key}: {json.dumps(':'.join(parts))}")
    return {}, {"imgforge-bundle-config": "\n".join(lines) + "\n"}


def _composer(login: Login) -> Made:
    if not login.password:
        return {}, {}
    host = login.host
    auth: dict[str, object] = (
        {"http-basic": {host: {"username": login.user, "password": login.password}}}
        if login.user
        else {"bearer": {host: login.password}}
    )
    return {"COMPOSER_AUTH": json.dumps(auth)}, {}


_MAKERS: dict[str, Callable[[Login], Made]] = {
    "pip": _pip,
    "npm": _npm,
    "maven": _maven,
    "gradle": _gradle,
    "cargo": _cargo,
    "go": _go,
    "bundler": _bundler,
    "composer": _composer,
}
