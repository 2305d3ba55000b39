"""Looking for vulnerabilities in inventories: one database, one set of VEX documents, many images.

Where a policy demands that it be done, a database that is missing or too old is an error: what was
not looked for has not passed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.policy.downstream_vulnerabilities import may_accept
from imgforge.vulnerabilities.found import Found, ordered
from imgforge.vulnerabilities.remembered import Remembered
from imgforge.vulnerabilities.scanned import UNASKED, Knowledge, Scanned
from imgforge.vulnerabilities.vex.applied import Subject, apply

if TYPE_CHECKING:
    from imgforge.advisories.database import Database
    from imgforge.inventory import Inventory
    from imgforge.policy.bounds import Policy
    from imgforge.vulnerabilities.adapters import Report
    from imgforge.vulnerabilities.vex.said import Document

NONE = "no advisory database: vulnerabilities were not looked for (imgforge db import)"
"""What is said where nobody demanded a scan, and nothing could be asked."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """What is asked about every inventory; ``database`` is None if only other scanners were."""

    policy: Policy
    database: Remembered | None
    knowledge: Knowledge
    documents: tuple[Document, ...] = ()

    def scan(
        self,
        inventory: Inventory,
        subject: Subject,
        *,
        reports: Sequence[Report] = (),
        attested: Sequence[Document] = (),
    ) -> Scanned:
        """Return what is known of ``inventory``, the image ``subject``, VEX applied.

        ``reports`` are what other scanners found in it, ``attested`` are VEX documents that are
        proven of it.
        """
        known = Found((), ()) if self.database is None else self.database.found(inventory)
        all_found = known.vulnerabilities
        if reports:
            from imgforge.vulnerabilities.adapters.foreign import joined

            all_found = ordered(joined(all_found, reports, inventory))
        told, documents = apply(
            all_found, (*self.documents, *attested), inventory, subject, self.policy.day
        )
        return Scanned(inventory, told, known.unmatched, documents, self.knowledge, left=known.left)


@contextmanager
def opened(
    policy: Policy,
    *,
    database: Path | None = None,
    files: Sequence[Path] = (),
    needed: bool = False,
    bounded: bool = False,
) -> Iterator[Scanner | None]:
    """Open what scans by ``policy``; None if there is no database and nobody demands one.

    ``files`` are VEX documents that a flag names; InvalidInputError if the policy is ``bounded`` by
    a file that does not let others accept vulnerabilities. With ``needed`` a missing database is
    InvalidInputError, where the policy requires a scan always EvidenceError, and there a too old
    one, too.
    """
    if files and bounded:
        reason = may_accept(policy.delegate, policy.day)
        if reason is not None:
            raise InvalidInputError(
                f"--vex {files[0]} accepts what the policy does not let others accept: {reason}",
                hint='name the document in the policy (vex = ["FILE"] in [vulnerabilities]), or '
                'let it delegate: checks = ["IF200"] in [delegate]',
            )
    held = _database(policy, database, needed=needed)
    if held is None:
        yield None
        return
    documents = _documents(policy, files)
    with held:
        knowledge = known(held)
        demand(policy, knowledge)
        yield Scanner(policy, Remembered(held), knowledge, documents)


@contextmanager
def demanded(
    policy: Policy,
    *,
    database: Path | None = None,
    files: Sequence[Path] = (),
    bounded: bool = False,
    others: bool = False,
) -> Iterator[Scanner]:
    """Open what scans: whoever asks for that gets it, or an error.

    With ``others``, what other scanners find is enough where there is no database and the policy
    requires none.
    """
    with opened(
        policy, database=database, files=files, needed=not others, bounded=bounded
    ) as found:
        yield found or Scanner(policy, None, UNASKED, _documents(policy, files))


def identity(policy: Policy, database: Path | None = None) -> str:
    """Return what changes whenever a scan might come out differently; empty without a database.

    Raises what :func:`opened` does of a database that is missing or damaged.
    """
    held = _database(policy, database, needed=False)
    if held is None:
        return ""
    with held:
        return held.identity


def known(database: Database) -> Knowledge:
    """Return which knowledge a database is: of the day on which its stalest dump was imported."""
    days = [source.imported[:10] for source in database.sources() if source.kind == "osv"]
    return Knowledge(database.identity, dt.date.fromisoformat(min(days)) if days else None)


def demand(policy: Policy, knowledge: Knowledge) -> None:
    """EvidenceError if a scan is required and the database is empty or older than is allowed."""
    most = policy.vulnerabilities.max_age
    if not policy.vulnerabilities.required:
        return
    if knowledge.day is None:
        from imgforge.advisories.whereabouts import FILL

        raise EvidenceError(
            "the policy requires a scan, and the advisory database holds no advisories",
            hint=FILL,
        )
    age = (policy.day - knowledge.day).days
    if age < -1:  # clocks may differ by a day
        raise EvidenceError(
            f"the policy requires a scan, and the advisory database says that it is of "
            f"{knowledge.day}, a day that is still to come",
            hint="check the clock, and import the advisories again: imgforge db import",
        )
    if most is not None and age > most:
        raise EvidenceError(
            f"the policy requires a scan with a database of at most {most} days, and this one is "
            f"{age} days old ({knowledge.day})",
            hint="bring it up to date: imgforge db update (or import newer dumps)",
        )


def _documents(policy: Policy, files: Sequence[Path]) -> tuple[Document, ...]:
    if not policy.vulnerabilities.vex and not files:
        return ()
    from imgforge.vulnerabilities import vex

    return vex.named(policy.vulnerabilities.vex, files)


def _database(policy: Policy, path: Path | None, *, needed: bool) -> Database | None:
    from imgforge.advisories import whereabouts

    place = whereabouts.place(path)
    if place.exists() or needed or path is not None:
        from imgforge.advisories.database import open_database

        try:
            return open_database(place)
        except InvalidInputError as error:
            if not policy.vulnerabilities.required:
                raise
            raise _required(error.message, error.hint) from error
    if policy.vulnerabilities.required:
        raise _required(
            f"there is no advisory database at {place}",
            whereabouts.FILL,
        )
    return None


def _required(message: str, hint: str | None) -> EvidenceError:
    return EvidenceError(f"the policy requires a scan for vulnerabilities: {message}", hint=hint)
