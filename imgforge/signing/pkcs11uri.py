"""PKCS #11 URIs (RFC 7512): which key, on which token, through which module.

An attribute that imgforge cannot hold a token to is an error, never left aside: whoever wrote it
meant to narrow the choice.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from imgforge.errors import InvalidInputError

MODULES = ("IMGFORGE_PKCS11_MODULE", "COSIGN_PKCS11_MODULE_PATH")
"""Variables that name the module where a URI does not."""

_TOKEN = ("token", "serial", "manufacturer", "model")
_PATH = (*_TOKEN, "slot-id", "object", "id", "type")
_QUERY = ("module-path", "pin-value", "pin-source")
_PAIR = re.compile(r"([a-z0-9-]+)=((?:[A-Za-z0-9._~:\[\]@!$'()*+,=&/?|-]|%[0-9A-Fa-f]{2})*)")
_MAX_PIN = 256


@dataclass(frozen=True, slots=True)
class Pkcs11Uri:
    """What a URI says; None and empty where it says nothing.

    ``token`` maps ``token`` (the label), ``serial``, ``manufacturer`` and ``model`` to what they
    must be. ``id`` is bytes, as the token has it. ``pin`` is the PIN the URI holds or points to.
    """

    token: dict[str, str]
    slot: int | None
    label: str | None
    id: bytes | None
    module: Path
    pin: str | None

    @classmethod
    def parse(cls, uri: str) -> Pkcs11Uri:
        """Read ``uri``; InvalidInputError saying what is wrong, never showing a PIN."""
        path, _, query = uri.removeprefix("pkcs11:").partition("?")
        inside = _attributes(path, ";", _PATH)
        beside = _attributes(query, "&", _QUERY)
        kind = inside.get("type", b"private")
        if kind != b"private":
            raise _wrong(f"its type is {_text(kind)!a}, where a private key is wanted")
        if "object" not in inside and "id" not in inside:
            raise _wrong("it names no key: object= (the label) or id= is wanted")
        slot = _text(inside["slot-id"]) if "slot-id" in inside else None
        if slot is not None and not (slot.isascii() and slot.isdecimal()):
            raise _wrong(f"its slot-id {slot!a} is not a number")
        return cls(
            {name: _text(inside[name]) for name in _TOKEN if name in inside},
            None if slot is None else int(slot),
            _text(inside["object"]) if "object" in inside else None,
            inside.get("id"),
            _module(beside),
            _pin(beside),
        )


def _attributes(text: str, separator: str, known: tuple[str, ...]) -> dict[str, bytes]:
    out: dict[str, bytes] = {}
    for part in text.split(separator) if text else ():
        pair = _PAIR.fullmatch(part)
        if pair is None:
            raise _wrong("an attribute is not NAME=VALUE with every other character as %XX")
        name = pair[1]
        if name not in known:
            raise _wrong(f"imgforge does not know its attribute {name}")
        if name in out:
            raise _wrong(f"it has {name} twice")
        out[name] = unquote_to_bytes(pair[2])
    return out


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise _wrong("an attribute is not UTF-8") from error


def _module(query: dict[str, bytes]) -> Path:
    named = [_text(query["module-path"])] if "module-path" in query else []
    named += [os.environ[name] for name in MODULES if os.environ.get(name)]
    if not named:
        raise InvalidInputError(
            "the PKCS #11 URI names no module",
            hint=f"add ?module-path=/path/of/the/library.so, or set {MODULES[0]}",
        )
    # The loader looks for a bare name in places that others may write to.
    if not named[0].startswith("/"):
        raise _wrong(f"the module {named[0]!a} is not an absolute path")
    return Path(named[0])


def _pin(query: dict[str, bytes]) -> str | None:
    if "pin-value" in query and "pin-source" in query:
        raise _wrong("it has both pin-value and pin-source")
    if "pin-value" in query:
        return _text(query["pin-value"])
    if "pin-source" not in query:
        return None
    source = _text(query["pin-source"]).removeprefix("file:")
    if not source.startswith("/"):
        raise _wrong(f"its pin-source {source!a} is not an absolute path or file: URI")
    try:
        with Path(source).open("rb") as file:
            data = file.read(_MAX_PIN + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read the PIN in {source}: {error.strerror}") from error
    if len(data) > _MAX_PIN:
        raise InvalidInputError(f"the PIN in {source} is over {_MAX_PIN} bytes")
    return _text(data.removesuffix(b"\n").removesuffix(b"\r"))


def _wrong(what: str) -> InvalidInputError:
    return InvalidInputError(
        f"the PKCS #11 URI is malformed: {what}",
        hint="such as pkcs11:token=release;object=signing?module-path=/usr/lib/module.so",
    )
