"""What package managers are told so that they install just what a lock says, or ask nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from imgforge.checks.commands import Command

_OFFLINE: Final = frozenset({"--offline", "-o", "--no-index", "--local", "--no-build-isolation"})
_TOLD: Final = ("_OFFLINE=", "_DISABLE_NETWORK=", "BUNDLE_LOCAL=", "GOPROXY=off")
"""Variables by which a whole script is told to ask nobody."""
_FETCHERS: Final = frozenset({"curl", "wget", "apt-get", "apt", "apk", "dnf", "yum", "microdnf"})


def _verbs(command: Command) -> tuple[str, ...]:
    """Return the words of a command that are no options: ``pip install``, whoever starts it."""
    words = [word for word in command.words if not word.startswith("-")]
    if command.name.startswith("python") and "-m" in command.args:
        words = list(command.words[command.words.index("-m") + 1 :])
    words[0] = words[0].rpartition("/")[2] if words else ""
    if words[:2] == ["uv", "pip"]:
        words = ["uv-pip", *words[2:]]
    return tuple(words)


def _has(*flags: str) -> Callable[[Command, str], bool]:
    def given(command: Command, text: str) -> bool:
        words = [*command.words]
        if any(word in {"$@", "$*"} for word in words):
            words += re.findall(r"(?<!\S)--?[\w-]+", text)  # what `set --` gave them
        return any(word.partition("=")[0] in flags for word in words)

    return given


def _hashed(command: Command, text: str) -> bool:
    if _has("--require-hashes")(command, text):
        return True
    # What was built here has no hash beforehand, and brings nothing else along.
    return _has("--no-deps")(command, text) and _has("--no-index", "--offline")(command, text)


def _frozen_bundle(command: Command, text: str) -> bool:
    named = ("BUNDLE_FROZEN", "BUNDLE_DEPLOYMENT", "config set frozen", "config set deployment")
    return any(name in text for name in named) or _has("--frozen", "--deployment")(command, text)


def _frozen_yarn(command: Command, text: str) -> bool:
    return _has("--immutable", "--frozen-lockfile")(command, text)


def _never(command: Command, text: str) -> bool:  # noqa: ARG001 - one signature
    return False


_LOCKED: Final = _has("--locked", "--frozen")

_EXACT: Final[dict[tuple[str, str], tuple[Callable[[Command, str], bool], str]]] = {
    ("npm", "install"): (_has("--global", "-g"), "being npm ci"),
    ("npm", "i"): (_has("--global", "-g"), "being npm ci"),
    ("npm", "update"): (_never, "being npm ci"),
    ("yarn", "install"): (_frozen_yarn, "--immutable or --frozen-lockfile"),
    ("yarn", "add"): (_never, "being yarn install --immutable"),
    ("pnpm", "install"): (_has("--frozen-lockfile"), "--frozen-lockfile"),
    ("pnpm", "i"): (_has("--frozen-lockfile"), "--frozen-lockfile"),
    ("pnpm", "add"): (_never, "being pnpm install --frozen-lockfile"),
    ("bun", "install"): (_has("--frozen-lockfile"), "--frozen-lockfile"),
    ("pip", "install"): (_hashed, "--require-hashes"),
    ("pip3", "install"): (_hashed, "--require-hashes"),
    ("uv-pip", "install"): (_hashed, "--require-hashes"),
    ("uv-pip", "sync"): (_hashed, "--require-hashes"),
    ("uv", "sync"): (_LOCKED, "--locked or --frozen"),
    ("uv", "export"): (_LOCKED, "--locked or --frozen"),
    ("uv", "add"): (_never, "being uv sync --locked"),
    ("poetry", "add"): (_never, "being poetry install"),
    ("poetry", "update"): (_never, "being poetry install"),
    ("pdm", "install"): (_has("--frozen-lockfile", "--check"), "--frozen-lockfile"),
    ("pdm", "sync"): (lambda *_: True, ""),
    ("pipenv", "install"): (_has("--deploy"), "--deploy"),
    ("cargo", "build"): (_LOCKED, "--locked or --frozen"),
    ("cargo", "install"): (_LOCKED, "--locked or --frozen"),
    ("cargo", "fetch"): (_LOCKED, "--locked or --frozen"),
    ("cargo", "vendor"): (_LOCKED, "--locked or --frozen"),
    ("cargo", "add"): (_never, "being cargo build --locked"),
    ("go", "get"): (_never, "being go mod download"),
    ("bundle", "install"): (_frozen_bundle, "BUNDLE_FROZEN or BUNDLE_DEPLOYMENT"),
    ("bundle", "update"): (_never, "being bundle install"),
    ("composer", "update"): (_never, "being composer install"),
    ("composer", "require"): (_never, "being composer install"),
    ("dotnet", "restore"): (_has("--locked-mode"), "--locked-mode"),
}
"""Program and verb → whether it is told to be exact, and what it lacks if not."""

_NETWORKED: Final = {
    ("git", "clone"),
    ("git", "fetch"),
    ("git", "pull"),
    ("npm", "ci"),
    ("npm", "install"),
    ("npm", "i"),
    ("yarn", "install"),
    ("pnpm", "install"),
    ("pnpm", "i"),
    ("pip", "install"),
    ("pip", "download"),
    ("pip3", "install"),
    ("uv-pip", "install"),
    ("uv", "sync"),
    ("poetry", "install"),
    ("pdm", "install"),
    ("cargo", "fetch"),
    ("cargo", "install"),
    ("go", "get"),
    ("bundle", "install"),
    ("gem", "install"),
    ("composer", "install"),
    ("composer", "update"),
    ("dotnet", "restore"),
}


def inexact(command: Command, text: str) -> str:
    """Say what keeps a command from installing just what is locked; empty if nothing does.

    ``text`` is the script that it stands in.
    """
    known = _EXACT.get(_verbs(command)[:2])  # type: ignore[arg-type]  # two words, or not found
    if known is None or known[0](command, text):
        return ""
    return known[1]


def needs_network(command: Command, text: str) -> str:
    """Say what of a command needs a network; empty if nothing does.

    ``text`` is the script that it stands in.
    """
    verbs = _verbs(command)
    told = any(word.partition("=")[0] in _OFFLINE for word in command.words)
    if told or any(variable in text for variable in _TOLD):
        return ""
    if verbs[0] in _FETCHERS:
        return verbs[0]
    if verbs[:2] in _NETWORKED:
        return " ".join(verbs[:2]).replace("uv-pip", "uv pip")
    return ""
