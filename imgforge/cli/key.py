"""``imgforge key``."""

from __future__ import annotations

import argparse
from pathlib import Path

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge key generate                         imgforge.key (encrypted) and imgforge.pub
  imgforge key generate release --password-file secret.txt
  imgforge key public release.key > release.pub
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("key", COMMANDS["key"], EXAMPLES)
    out.add_argument("action", choices=("generate", "public"), help="what to do")
    out.add_argument(
        "path", nargs="?", type=Path, default=Path("imgforge"), help="key file or its prefix"
    )
    options.flag(out, "--password-file", type=Path, metavar="FILE", help="holds the key's password")
    options.common(out)
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Make a key pair in cosign's format, or print a private key's public half."""
    from imgforge.signing import generate, load_private, password
    from imgforge.signing import key as keys

    if given.action == "generate":
        secret = password.read(given.password_file, confirm=True)
        private, public = generate(given.path, secret)
        console.note(f"keep {private} and its password secret; give {public} to whoever verifies")
        print(public)
    else:
        private_key = load_private(given.path, password.read(given.password_file))
        print(keys.public(private_key).to_pem().decode(), end="")
    return 0
