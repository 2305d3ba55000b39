"""``imgforge scan --attest``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import options
from imgforge.console import Console
from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from imgforge.scanning import Result
    from imgforge.vulnerabilities.scan import Scanner


def flags(out: argparse.ArgumentParser) -> None:
    """Add the flags that say that a result is attested, and who signs."""
    options.flag(
        out,
        "--attest",
        action="store_true",
        variable="IMGFORGE_SCAN_ATTEST",
        help="attest the result of the one target (cosign's vuln), signed by:",
    )
    options.flag(out, "--sign-key", metavar="FILE|URI", help="private key that signs the result")
    options.flag(out, "--password-file", type=Path, metavar="FILE", help="holds its password")
    options.flag(
        out, "--keyless", action="store_true", help="sign as whom an identity token names instead"
    )
    options.flag(
        out, "--identity-token", type=Path, metavar="FILE", help="holds the token for --keyless"
    )
    options.flag(
        out,
        "--trust-config",
        type=Path,
        metavar="FILE",
        variable="IMGFORGE_SIGSTORE_TRUST_CONFIG",
        help="ClientTrustConfig of a private Sigstore",
    )


def attest(given: argparse.Namespace, result: Result, scanner: Scanner, console: Console) -> None:
    """Sign and attach what a scan of one target came to; InvalidInputError if it is another now."""
    import time

    from imgforge import endorsement
    from imgforge.place import open_place
    from imgforge.report import scan_predicate
    from imgforge.signing import choice
    from imgforge.signing.statement import VULNERABILITIES

    # --key, --log and --timestamp are about whose SBOM is believed.
    said = {
        "key": given.sign_key,
        "log": given.log == "required",
        "timestamp": given.timestamp == "required",
    }
    asked = options.sign_with(argparse.Namespace(**{**vars(given), **said}))
    opened = choice.begin(asked, console.note)
    data = scan_predicate.render([result], scanner.policy.day, scanner.knowledge)
    with open_place(result.target, offline=given.offline) as place:
        if result.digest and place.image.digest != result.digest:
            raise InvalidInputError(
                f"{result.target} is {place.image.digest} now, and {result.digest} was scanned",
                hint="scan it again",
            )
        sealer = opened()
        with console.step(f"attest {place.title}"):
            done = endorsement.attest(place, sealer, VULNERABILITIES, data, int(time.time()))
    for each in done:
        how = "added" if each.added else "already there"
        console.note(f"{each.digest[:19]}: {each.kind} ({how})")
