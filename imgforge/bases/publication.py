"""Publishing a base: judged, listed, signed for every platform, pushed by digest, tagged last."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import bases, cache, checks, evidence, inventory, publish
from imgforge.analysis import osrelease
from imgforge.bases import definitions, named
from imgforge.checks import CHECKS, Check, licences
from imgforge.checks.image import base as base_allowed
from imgforge.checks.image import entrypoint, labels
from imgforge.errors import GateError, InvalidInputError
from imgforge.lock import LockedBase
from imgforge.oci.layout import Layout
from imgforge.oci.whole import verify_blobs
from imgforge.provenance import base as provenance
from imgforge.report import subject
from imgforge.shipment import Shipment, Terms

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts
    from imgforge.checks.finding import Finding
    from imgforge.policy.bounds import Policy
    from imgforge.report.subject import Report
    from imgforge.signing.sealer import Sealer


@dataclass(frozen=True, slots=True)
class Judged:
    """A base that may be published: its image, what was found in it, and all that is said of it."""

    base: LockedBase
    image: named.Named
    findings: tuple[Finding, ...]
    documents: dict[str, bytes]


def judge(
    base: LockedBase,
    policy: Policy,
    *,
    offline: bool = False,
    report: Callable[[Report], None],
    say: Callable[[str], None],
) -> Judged:
    """Make ``base`` sure, hold it against ``policy``, and write its SBOMs and provenance.

    ``report`` is given what was found first. GateError if they reach the policy's gate,
    InvalidInputError if the base is a registry's, which has signatures of its own.
    """
    if base.source == "registry":
        raise InvalidInputError(
            f"{base.name} comes from a registry: nothing is made here that could be signed",
            hint="publish a base that is made from packages, or copy the image with its signature",
        )
    bases.remade(base, offline=offline, say=say)
    image = named.of_lock(base, offline=offline, say=say)
    facts = {f.digest: f for f in named.images(image).values()}
    images = [(d, facts[d.digest]) for d in image.layout.images(image.top)]
    bounds = permitted(policy, base.name).about(base.name)
    asked = _checks(facts.values())
    judged = [
        (each, checks.run(each, bounds, (*asked, *licences.bound(inventory.of(each), bounds))))
        for each in facts.values()
    ]
    found = subject.of(base.reference, bounds, images=judged, asked=asked, digest=base.digest)
    report(found)
    if not found.passed:
        raise GateError(
            f"base {base.name} has findings at or above {policy.fail_on} and was given no name",
            hint="mend its definition, or let a policy accept them",
        )
    predicate = provenance.predicate(base, osrelease.of(images[0][1]))
    inventories = [(descriptor, inventory.of(facts)) for descriptor, facts in images]
    documents = evidence.documents(
        inventories, found.findings, predicate, name=base.reference, created=base.epoch
    )
    return Judged(base, image, found.findings, documents)


def permitted(policy: Policy, name: str) -> Policy:
    """Return ``policy`` with what a builder is for allowed: ``shell = true`` in its definition.

    A builder has a shell, installs packages and, being left behind by every build, runs as root.
    """
    if not any(d.shell for d in definitions.chain(name)):
        return policy
    return dataclasses.replace(
        policy,
        allow_shell=True,
        allow_package_manager=True,
        allow_root=True,
        allow_compiler=True,
        allow_downloader=True,
    )


def _checks(images: Iterable[ImageFacts]) -> list[Check]:
    """Return the checks that a base is held against: what it leaves to others is not its fault.

    One without a command says nothing of a program either.
    """
    runs = any(facts.settings.entrypoint or facts.settings.cmd for facts in images)
    left = [labels, base_allowed] if runs else [labels, base_allowed, entrypoint]
    return [check for check in CHECKS if check not in left]


def send(
    judged: Judged,
    goals: Sequence[publish.Target],
    sealer: Sealer,
    *,
    say: Callable[[str], None],
) -> tuple[publish.Pushed, ...]:
    """Sign what was judged, push it with its evidence, tag it as ``goals`` do.

    Every byte is hashed before anything is signed, and every signature is verified before
    anything goes out. Raises what signing and :func:`imgforge.publish.publish` raise.
    """
    base, image = judged.base, judged.image
    staging = Path(tempfile.mkdtemp(prefix=".incoming-", dir=cache.directory("bases")))
    try:
        layout = Layout.create(staging)
        layout.import_image(image.layout, image.top)
        verify_blobs(layout, image.top)
        say(f"signing {base.digest}")
        referrers = evidence.sign(
            layout,
            image.top,
            judged.documents,
            sealer,
            name=base.reference,
            created=base.epoch,
        )
        shipment = Shipment(layout, image.top, tuple(referrers))
        return publish.publish(shipment, goals, Terms((sealer.signatory(),)), say=say)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
