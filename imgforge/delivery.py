"""Where a proven build goes: into Docker's store, into registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgforge.console import Console
from imgforge.errors import EvidenceError
from imgforge.oci.layout import Layout
from imgforge.output import Record

if TYPE_CHECKING:
    from imgforge.asked import Options
    from imgforge.publish import Pushed
    from imgforge.signing.signatory import Signatory


def load(layout: Layout, record: Record) -> None:
    """Load a build into Docker's store, with its tags."""
    from imgforge.engines import docker

    docker.load(layout, record.descriptor, [f"{record.name}:{tag}" for tag in record.tags])


def push(layout: Layout, record: Record, options: Options, console: Console) -> tuple[Pushed, ...]:
    """Push a build as ``options`` say: blobs, evidence, and the tags last."""
    from imgforge import publish
    from imgforge.shipment import Shipment, Terms

    goals = publish.targets(options.push, record.tags)
    shipment = Shipment(layout, record.descriptor, tuple(record.referrer_list))
    # Who else signed it since (imgforge sign) proves nothing here, and is in nobody's way.
    terms = Terms((_signatory(options, record),), others=True)
    with console.step("push") as say:
        return publish.publish(shipment, goals, terms, say=say)


def _signatory(options: Options, record: Record) -> Signatory:
    """Return whose signature proves what this build, or the stored one, signed."""
    from imgforge.signing import choice

    if options.sign is None or not options.sign.anything:
        raise EvidenceError("nothing unsigned gets a tag in a registry")
    return choice.stored(options.sign, record.signer)
