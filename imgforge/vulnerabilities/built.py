"""Looking at an image that was just built: what its gate needs, and what is attested of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from imgforge.vulnerabilities import scan
from imgforge.vulnerabilities.vex.applied import Subject

if TYPE_CHECKING:
    from imgforge.inventory import Inventory
    from imgforge.policy.bounds import Policy
    from imgforge.vulnerabilities.scanned import Scanned

FILE = "vulnerabilities.json"
"""What the predicate is called in the evidence of a build."""


class Looked(NamedTuple):
    """The scan of each platform's image, and the predicate that says so."""

    scans: tuple[Scanned, ...]
    predicate: bytes


def look(policy: Policy, name: str, digest: str, inventories: Sequence[Inventory]) -> Looked | None:
    """Scan the images of ``name``; None without a database, if the policy requires no scan.

    Errors as of :func:`.scan.opened`.
    """
    with scan.opened(policy) as scanner:
        if scanner is None:
            return None
        scans = tuple(
            scanner.scan(inventory, Subject(name, (digest, inventory.digest)))
            for inventory in inventories
        )
        return Looked(scans, _predicate(policy, name, digest, inventories, scans, scanner))


def _predicate(  # noqa: PLR0917 - all that is said
    policy: Policy,
    name: str,
    digest: str,
    inventories: Sequence[Inventory],
    scans: Sequence[Scanned],
    scanner: scan.Scanner,
) -> bytes:
    from imgforge import scanning
    from imgforge.report import scan_predicate
    from imgforge.vulnerabilities.contents import Contents

    read = Contents(name, digest, "", tuple(inventories))
    result = scanning.judged(name, read, scans, policy)
    return scan_predicate.render([result], policy.day, scanner.knowledge)
