"""What a build judges its images by: what is in them, what was declared, what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgforge.files import LOCK

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts
    from imgforge.inventory import Declared, Inventory
    from imgforge.oci.types import Descriptor
    from imgforge.plan import BuildPlan
    from imgforge.policy.bounds import Policy
    from imgforge.report.subject import Report
    from imgforge.vulnerabilities.built import Looked


class Verdict(NamedTuple):
    """The report, and the scan for known vulnerabilities if there was one."""

    report: Report
    looked: Looked | None


def judge(
    name: str,
    policy: Policy,
    digest: str,
    images: Sequence[tuple[Descriptor, ImageFacts]],
    listed: Sequence[tuple[Inventory, Declared]],
) -> Verdict:
    """Run every check on each image of what was built; ``digest`` is the whole's.

    Raises what the checks and :func:`imgforge.vulnerabilities.built.look` raise.
    """
    from imgforge import checks
    from imgforge.checks import licences, vulnerabilities
    from imgforge.checks.inventory import bound
    from imgforge.report import subject
    from imgforge.vulnerabilities import built

    looked = built.look(policy, name, digest, [found for found, _ in listed])
    judged, asked = [], checks.CHECKS
    for number, ((_, facts), (found, declared)) in enumerate(zip(images, listed, strict=True)):
        asked = (*checks.CHECKS, *bound(found, declared), *licences.bound(found, policy))
        if looked is not None:
            asked = (*asked, *vulnerabilities.bound(looked.scans[number]))
        judged.append((facts, checks.run(facts, policy, asked)))
    return Verdict(subject.of(name, policy, images=judged, asked=asked, digest=digest), looked)


def listed(  # noqa: PLR0917 - what an inventory is joined from
    root: Path,
    plan: BuildPlan,
    images: Sequence[tuple[Descriptor, ImageFacts]],
    base: Path,
    engine: str,
    tools: Mapping[str, str],
) -> list[tuple[Inventory, Declared]]:
    """Return what is in each image, and what the project declares of it."""
    from imgforge import inventory, lock
    from imgforge.bases.needed import layers_of
    from imgforge.inventory.declared import of_project

    locked, found = lock.read(root / LOCK), []
    for _, facts in images:
        declared = of_project(
            *(plan, locked, root, facts.platform),
            layers=layers_of(base, facts.platform),
            ecosystems={package.ecosystem for package in facts.packages},
            tools=tools,
            builder=engine != "native",
        )
        found.append((inventory.of(facts, declared), declared))
    return found
