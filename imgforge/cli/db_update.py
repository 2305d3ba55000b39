"""``imgforge db update``."""

from __future__ import annotations

import argparse

from imgforge.cli import db_import
from imgforge.console import Console
from imgforge.errors import InvalidInputError

EXAMPLES = """\
  imgforge db update                            what has not changed is not fetched again
  imgforge db update --format json | jq .digest
"""

_HINT = """name them in config.toml:
    [advisories]
    sources = ["https://osv.example.com/PyPI/all.zip"]"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    db_import.shared(out)


def run(given: argparse.Namespace, console: Console) -> int:
    """Import what has changed; print the digest of what the database is now."""
    from imgforge import settings
    from imgforge.advisories.update import Wish

    sources = settings.load().advisories.sources
    if not sources:
        raise InvalidInputError("the settings name no sources of advisories", hint=_HINT)
    wish = Wish(tuple(sources), key=db_import.key(None), skip_malformed=given.skip_malformed)
    return db_import.bring(wish, given, console)
