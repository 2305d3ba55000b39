"""``imgforge db import``."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgforge.cli import options
from imgforge.console import Console
from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from imgforge.advisories.update import Brought, Wish
    from imgforge.signing.key import PublicKey

EXAMPLES = """\
  imgforge db import Debian/all.zip PyPI/all.zip        OSV's dumps, one for each ecosystem
  imgforge db import --source npm --sha256 DIGEST npm.zip
  imgforge db import --key feed.pub feed.tar.gz         signed: feed.tar.gz.sigstore.json
  imgforge db import ./advisory-database/advisories     a checkout: every advisory in it
  imgforge db import known_exploited_vulnerabilities.json epss_scores-current.csv.gz
  imgforge db import advisories.zst                     what imgforge db export wrote
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    out.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="file, folder or https address: OSV advisories (JSON, JSON lines, YAML; zip or tar "
        "of them), CISA's KEV, EPSS scores, or an exported database; gzip or zstd may be around it",
    )
    options.flag(
        out,
        "--source",
        metavar="NAME",
        variable="IMGFORGE_DB_SOURCE",
        help="what a single source is called (default: its path or address); what is imported "
        "under a name takes the place of what was",
    )
    options.flag(
        out, "--add", action="store_true", help="keep what a source has no more: it is a part"
    )
    options.flag(out, "--sha256", type=sha256, metavar="DIGEST", help="what a single file must be")
    options.flag(
        out,
        "--key",
        type=Path,
        metavar="FILE",
        variable="IMGFORGE_ADVISORIES_KEY",
        help="public key that must have signed each (default: the settings'); the signature lies "
        "beside it, in SOURCE.sigstore.json (cosign sign-blob --bundle)",
    )
    shared(out)


def shared(out: argparse.ArgumentParser) -> None:
    """Add what :mod:`imgforge.cli.db_update` takes, too."""
    options.flag(
        out,
        "--skip-malformed",
        action="store_true",
        help="pass over advisories that cannot be read; their count is kept and every scan told",
    )
    database(out)
    options.common(out, "text", "json")


def database(out: argparse.ArgumentParser) -> None:
    """Add the flag that names the database."""
    options.flag(
        out,
        "--db",
        type=Path,
        metavar="FILE",
        help="the database (default: the settings', or ours)",
    )


def sha256(text: str) -> str:
    """Read a digest: 64 hexadecimal digits, with or without ``sha256:`` before them."""
    digits = text.lower().removeprefix("sha256:")
    if re.fullmatch("[0-9a-f]{64}", digits) is None:
        raise InvalidInputError(f"{text!a:.100} is no sha256 digest", hint="such as sha256:0123...")
    return digits


def key(named: Path | None) -> PublicKey | None:
    """Return the key that must have signed, of the flag or the settings; None if none is named."""
    from imgforge import settings

    path = named or settings.load().advisories.key
    if path is None:
        return None
    from imgforge.signing import load_public

    return load_public(Path(path))


def run(given: argparse.Namespace, console: Console) -> int:
    """Import; print the digest of what the database is now."""
    from imgforge.advisories.update import Wish

    wish = Wish(
        places=tuple(given.sources),
        name=given.source or "",
        sha256=given.sha256 or "",
        key=key(given.key),
        keep=given.add,
        skip_malformed=given.skip_malformed,
    )
    return bring(wish, given, console)


def bring(wish: Wish, given: argparse.Namespace, console: Console) -> int:
    """Import what is wished for; tell of each source, print the database's digest."""
    from imgforge.advisories.database import open_database
    from imgforge.advisories.update import bring as imported
    from imgforge.advisories.whereabouts import place

    target = place(given.db)
    with console.step("import advisories") as say:
        brought = imported(wish, target, say)
    with open_database(target) as opened:
        digest = opened.identity
    _tell(brought, console)
    if given.format == "json":
        print(json.dumps(_json(brought, digest, target), indent=2))
    else:
        print(digest)
    return 0


def _tell(brought: Brought, console: Console) -> None:
    for name in brought.unchanged:
        console.note(f"{name}: unchanged")
    for each in brought.imported:
        proof = f", proven by {each.signed}" if each.signed else ""
        console.note(
            f"{each.name}: {each.records} records ({each.kind}), {each.added} new, "
            f"{each.removed} gone{proof}"
        )
        if each.passed:
            console.warn(f"{each.name}: {each.passed} malformed advisories were passed over")
            for line in each.malformed:
                console.note(line)


def _json(brought: Brought, digest: str, target: Path) -> dict[str, Any]:
    return {
        "database": str(target),
        "digest": digest,
        "unchanged": list(brought.unchanged),
        "sources": [
            {
                "name": each.name,
                "kind": each.kind,
                "digest": each.digest,
                "signed": each.signed,
                "records": each.records,
                "added": each.added,
                "removed": each.removed,
                "malformed": each.passed,
                "malformed_shown": list(each.malformed),
            }
            for each in brought.imported
        ],
    }
