"""What a scan of one inventory gives: plain data, from which findings and reports are made."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from imgforge.advisories.advisory import Unmatched
    from imgforge.inventory import Inventory
    from imgforge.vulnerabilities.left import Left
    from imgforge.vulnerabilities.vex.applied import Applied
    from imgforge.vulnerabilities.vulnerability import Vulnerability


class Knowledge(NamedTuple):
    """The database that was asked: ``identity`` changes with its content.

    ``day`` is when it was last brought up to date. Empty and None if only other scanners were.
    """

    identity: str
    day: dt.date | None


UNASKED: Final = Knowledge("", None)


@dataclass(frozen=True, slots=True)
class Scanned:
    """One image's inventory and what is known of it.

    ``found`` have the VEX statements that count for them; ``documents`` say which of theirs did.
    ``left`` is what a distribution answers for that ships the component: it does not count.
    """

    inventory: Inventory
    found: tuple[Vulnerability, ...]
    unmatched: tuple[Unmatched, ...] = ()
    documents: tuple[Applied, ...] = ()
    knowledge: Knowledge = UNASKED
    left: tuple[Left, ...] = ()
