"""What package managers' own files say of indexes, and nothing else of them.

A user's ``.npmrc`` may also say where a compiler is, and ``pip.conf`` where wheels lie on this
machine: in a step that would be wrong, so only what finds an index or logs in to one is read.
"""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from imgforge.errors import InvalidInputError

PIP = (".config/pip/pip.conf", ".pip/pip.conf")
"""pip's files below the home directory; the first that exists counts, after PIP_CONFIG_FILE."""

_PIP_KEYS = ("index-url", "extra-index-url", "trusted-host")
_NPM = re.compile(r"\s*(registry|@[^:=\s]+:registry|//[^=\s]+:[\w-]+|strict-ssl)\s*=")
_BUNDLER = re.compile(r"\s*[\"']?(BUNDLE_MIRROR__\S+|BUNDLE_[A-Z0-9_]+__[A-Z0-9_:]+)[\"']?:\s")
_CARGO = ("registries", "registry", "source", "http", "net")


def read(secret: str, path: Path) -> str:
    """Return what of the file goes into the secret ``secret``; empty if it says nothing of indexes.

    InvalidInputError if it cannot be read.
    """
    text = _text(path)
    pick = _PICKS.get(secret)
    try:
        return text if pick is None else pick(text)
    except ValueError as error:
        raise InvalidInputError(f"cannot read {path}: {error}") from error


def pip(path: Path) -> dict[str, str]:
    """Return pip's variables for what a ``pip.conf`` says; InvalidInputError if it is broken.

    Places on this machine are left out: a step cannot reach them.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(_text(path))
    except configparser.Error as error:
        first = str(error).splitlines()[0]
        raise InvalidInputError(f"cannot read {path}: {first}") from error
    found: dict[str, str] = {}
    for section in ("global", "install"):
        for key in _PIP_KEYS if parser.has_section(section) else ():
            words = parser.get(section, key, fallback="").split()
            if key != "trusted-host":
                words = [word for word in words if word.startswith(("http://", "https://"))]
            if words:
                found[f"PIP_{key}".replace("-", "_").upper()] = " ".join(words)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"cannot read {path}: {error}") from error


def _lines(expression: re.Pattern[str], head: str = "") -> Callable[[str], str]:
    def pick(text: str) -> str:
        kept = [line for line in text.splitlines() if expression.match(line)]
        return head + "\n".join(kept) + "\n" if kept else ""

    return pick


def _cargo(text: str) -> str:
    import tomli_w

    table = tomllib.loads(text)
    kept = {key: table[key] for key in _CARGO if key in table}
    return tomli_w.dumps(kept) if kept else ""


_PICKS: dict[str, Callable[[str], str]] = {
    "imgforge-npmrc": _lines(_NPM),
    "imgforge-bundle-config": _lines(_BUNDLER, "---\n"),
    "imgforge-cargo-config": _cargo,
}
"""Secret → what is taken of its file; other files speak of nothing but indexes and go whole."""
