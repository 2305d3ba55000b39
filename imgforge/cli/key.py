"""``imgforge key``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

if TYPE_CHECKING:
    from imgforge.signing.key import PublicKey

EXAMPLES = """\
  imgforge key generate                         imgforge.key (encrypted) and imgforge.pub
  imgforge key generate release --password-file secret.txt
  imgforge key generate 'pkcs11:token=hsm;object=release?module-path=/usr/lib/module.so'
  imgforge key public release.key > release.pub
  imgforge key public awskms:///alias/release > release.pub
  imgforge key show release.pub                 its fingerprint and kind
  imgforge key import openssl.pem --prefix release
"""
_DEFAULT = "imgforge"


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("key", COMMANDS["key"], EXAMPLES)
    out.add_argument("action", choices=("generate", "public", "show", "import"), help="what to do")
    out.add_argument(
        "key",
        nargs="?",
        metavar="KEY",
        help="a key's file or URI; the prefix of a new pair, or a new key's pkcs11: URI",
    )
    options.flag(out, "--password-file", type=Path, metavar="FILE", help="holds the key's password")
    options.flag(
        out,
        "--from-password-file",
        type=Path,
        metavar="FILE",
        help="holds the password that a key to import is encrypted with",
    )
    options.flag(
        out,
        "--prefix",
        type=Path,
        default=Path(_DEFAULT),
        variable="IMGFORGE_KEY_PREFIX",
        help="of the files that an imported key is written to",
    )
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Make, import or show a key, or print its public half."""
    if given.action == "generate":
        _generate(given, console)
    elif given.action == "import":
        _import(given, console)
    else:
        key = given.key or f"{_DEFAULT}.key"
        public = _public(key, given.password_file)
        if given.action == "public" and given.format == "text":
            print(public.to_pem().decode(), end="")
        else:
            _show(key, public, given.format)
    return 0


def _generate(given: argparse.Namespace, console: Console) -> None:
    from imgforge.errors import InvalidInputError
    from imgforge.signing import generate, password, remote

    key = given.key or _DEFAULT
    scheme = remote.scheme(key)
    if scheme is None:
        secret = password.read(given.password_file, confirm=True)
        _made(generate(Path(key), secret), given.format, console)
        return
    if scheme != "pkcs11":
        raise InvalidInputError(
            f"imgforge makes keys in files and on PKCS #11 tokens, not for {scheme}://",
            hint="make it with the key service's own tool: docs/how-to/keys.md has the commands",
        )
    from imgforge.signing import token

    public = token.generate(key, lambda: password.read(given.password_file))
    console.note("the private half cannot leave the token; give the public one to whoever verifies")
    if given.format == "json":
        _show(key, public, given.format)
    else:
        print(public.to_pem().decode(), end="")


def _import(given: argparse.Namespace, console: Console) -> None:
    from imgforge.errors import InvalidInputError
    from imgforge.signing import key as keys
    from imgforge.signing import password

    if given.key is None:
        raise InvalidInputError("which key?", hint="imgforge key import FILE")
    old = given.from_password_file
    private = keys.read_foreign(Path(given.key), lambda: password.read_foreign(old))
    secret = password.read(given.password_file, confirm=True)
    _made(keys.store(private, given.prefix, secret), given.format, console)


def _made(pair: tuple[Path, Path], form: str, console: Console) -> None:
    private, public = pair
    console.note(f"keep {private} and its password secret; give {public} to whoever verifies")
    if form == "json":
        print(json.dumps({"private": str(private), "public": str(public)}))
    else:
        print(public)


def _public(key: str, password_file: Path | None) -> PublicKey:
    """Return the public half of what is a private key, or a public one already."""
    from imgforge.signing import key as keys
    from imgforge.signing import password, remote

    def secret() -> bytes:
        return password.read(password_file)

    if remote.scheme(key) is not None:
        return remote.open_key(key, secret).public_key
    if keys.is_public(Path(key)):
        return keys.load_public(Path(key))
    return keys.public(keys.load_private(Path(key), secret()))


def _show(key: str, public: PublicKey, form: str) -> None:
    from imgforge.signing import remote

    said = {
        "key": remote.shown(key),
        "kind": public.kind,
        "fingerprint": public.fingerprint,
        "hint": public.hint,
    }
    if form == "json":
        print(json.dumps({**said, "publicKey": public.to_pem().decode()}))
    else:
        for name, value in said.items():
            print(f"{name + ':':13}{value}")
