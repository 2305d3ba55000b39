"""What came with a signature: what was signed, and what is to bear witness to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgforge.signing.bundle import Bundle
from imgforge.signing.dsse import pae
from imgforge.signing.entry import Entry
from imgforge.signing.rekor import Record
from imgforge.signing.simple import OlderAttestation, SimpleSignature


@dataclass(frozen=True, slots=True)
class Exhibits:
    """A signature, log entries that claim to be of it, and RFC 3161 responses.

    ``stamped`` are the bytes of which timestamp authorities were shown one. ``promised``: a log's
    promise will do for a proof, see :func:`.rekor.prove`.
    """

    record: Record
    stamped: Sequence[bytes]
    entries: Sequence[Entry] = ()
    timestamps: Sequence[bytes] = ()
    promised: bool = False


def of_bundle(bundle: Bundle, verifier: bytes) -> Exhibits:
    """Return a bundle's; ``verifier`` is the DER of who is held to have signed (see Record)."""
    envelope = bundle.envelope
    signed = pae(envelope.payload_type, envelope.payload)
    return Exhibits(
        Record(signed, envelope.signature, verifier, envelope),
        (envelope.signature,),
        bundle.entries,
        bundle.timestamps,
        bundle.promised,
    )


def of_older(found: SimpleSignature | OlderAttestation, verifier: bytes) -> Exhibits:
    """Return an older signature's or attestation's; ValueError if its log entry is none.

    Cosign keeps the log's promise with them and no proof, so the promise will do. It stamps an
    attestation's signature (3.1.1, as found by running it) and looks for a timestamp over the
    layer, which holds the signature: either proves when it was there.
    """
    stamped: tuple[bytes, ...]
    if isinstance(found, SimpleSignature):
        record = Record(found.payload, found.signature, verifier)
        stamped = (found.signature,)
    else:
        envelope = found.envelope
        signed = pae(envelope.payload_type, envelope.payload)
        record = Record(signed, envelope.signature, verifier, envelope, found.text)
        stamped = (envelope.signature, found.text)
    return Exhibits(
        record,
        stamped,
        () if found.log is None else (Entry.from_kept(found.log),),
        () if found.timestamp is None else (found.timestamp,),
        promised=True,
    )
