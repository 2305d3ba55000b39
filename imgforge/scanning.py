"""The story of a scan: what is named, what is in it, what is known of that, how it is judged."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from imgforge.checks import gate_holds
from imgforge.errors import ImgforgeError, InvalidInputError
from imgforge.policy.vulnerabilities import CHECK
from imgforge.report.subject import Image as ReportImage
from imgforge.report.subject import Report
from imgforge.severity import LEVELS, Level
from imgforge.vulnerabilities import contents, judging
from imgforge.vulnerabilities.vex.applied import Subject

if TYPE_CHECKING:
    from imgforge.checks.finding import Finding
    from imgforge.console import Say
    from imgforge.inventory import Inventory
    from imgforge.policy.bounds import Policy
    from imgforge.vulnerabilities.adapters import Report as Foreign
    from imgforge.vulnerabilities.contents import Contents, Reading
    from imgforge.vulnerabilities.judging import Verdict
    from imgforge.vulnerabilities.scan import Scanner
    from imgforge.vulnerabilities.scanned import Scanned

_SILENCE: Final = 1.0
"""Seconds after which it is said what is being read."""


@dataclass(frozen=True, slots=True)
class Request:
    """How to scan; ``reading`` says how what is named is read.

    ``scanners`` are other scanners that are run, ``reports`` what such found elsewhere.
    """

    reading: Reading
    policy_digest: str = ""
    scanners: tuple[str, ...] = ()
    reports: tuple[Foreign, ...] = ()

    @property
    def policy(self) -> Policy:
        """By which is judged."""
        return self.reading.policy


@dataclass(frozen=True, slots=True)
class Image:
    """One inventory that was scanned: what was found, how it is judged, all findings."""

    scanned: Scanned
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]

    @property
    def platform(self) -> str:
        """The platform, or ``unknown``."""
        return str(self.scanned.inventory.platform or "unknown")


@dataclass(frozen=True, slots=True)
class Result:
    """What was named, and how each image of it came out. ``origin`` says what was read of it."""

    target: str
    title: str
    digest: str
    origin: str
    images: tuple[Image, ...]
    report: Report


def scan(
    wanted: Sequence[str], scanner: Scanner, asked: Request, say: Say
) -> tuple[list[Result], list[tuple[str, ImgforgeError]]]:
    """Scan each target; return how each came out, and which could not be read and why."""
    results: list[Result] = []
    failed: list[tuple[str, ImgforgeError]] = []
    told = time.monotonic()
    for number, (target, read) in enumerate(contents.read_all(wanted, asked.reading, say), 1):
        if time.monotonic() - told > _SILENCE:
            told = time.monotonic()
            say(f"{number} of {len(wanted)}: {target}")
        try:
            if isinstance(read, ImgforgeError):
                failed.append((target, read))
            else:
                results.append(_scanned(target, read, scanner, asked))
        except ImgforgeError as error:
            failed.append((target, error))
    return results, failed


def judged(
    called: str, read: Contents, scans: Sequence[Scanned], policy: Policy, policy_digest: str = ""
) -> Result:
    """Return how the scans of what was named ``called`` come out under ``policy``."""
    from imgforge.checks import vulnerabilities as checks

    images = [
        Image(
            scanned,
            tuple(judging.judge(scanned.found, policy)),
            tuple(checks.findings(scanned, policy)),
        )
        for scanned in scans
    ]
    report = _report(called, read.digest, images, policy, policy_digest)
    return Result(called, read.title, read.digest, read.origin, tuple(images), report)


def tightened(held: Policy, fail_on: Level | None, *, only_fixed: bool, bounded: bool) -> Policy:
    """Return the policy as flags have it.

    If a file bounds it, flags only tighten: InvalidInputError if they loosen.
    """
    bounds = held.vulnerabilities
    if fail_on is not None:
        own = held.limit(CHECK)
        if bounded and LEVELS.index(fail_on) > LEVELS.index(own):
            raise InvalidInputError(
                f"--fail-on {fail_on} lets pass what the policy's {own} does not",
                hint="a flag can only tighten; the policy's own fail-on decides",
            )
        bounds = replace(bounds, fail_on=fail_on)
    if only_fixed:
        if bounded and not bounds.only_fixed:
            raise InvalidInputError(
                "--only-fixed lets pass what the policy does not",
                hint="a flag can only tighten; only-fixed in [vulnerabilities] of the policy",
            )
        bounds = replace(bounds, only_fixed=True)
    return replace(held, vulnerabilities=bounds)


def _scanned(target: str, read: Contents, scanner: Scanner, asked: Request) -> Result:
    scans = [
        scanner.scan(
            inventory,
            Subject(read.title, tuple(d for d in (read.digest, inventory.digest) if d)),
            reports=[*asked.reports, *_run(read, inventory, asked)],
            attested=read.attested,
        )
        for inventory in read.inventories
    ]
    policy = asked.policy.about(read.title)
    return judged(target, read, scans, policy, asked.policy_digest)


def _run(read: Contents, inventory: Inventory, asked: Request) -> Iterator[Foreign]:
    from imgforge.vulnerabilities import adapters

    for name in asked.scanners:
        yield adapters.run(
            name, inventory, called=read.title or "image", offline=asked.reading.offline
        )


def _report(
    target: str, digest: str, images: Sequence[Image], policy: Policy, policy_digest: str
) -> Report:
    found = [finding for image in images for finding in image.findings]
    shown = tuple(
        ReportImage(
            image.platform,
            image.scanned.inventory.digest,
            image.scanned.inventory.layers,
            image.findings,
        )
        for image in images
    )
    return Report(
        target,
        digest,
        shown,
        fail_on=policy.fail_on,
        policy=policy_digest,
        passed=gate_holds(found, policy),
        vulnerable_on=policy.vulnerabilities.fail_on or "",
    )
