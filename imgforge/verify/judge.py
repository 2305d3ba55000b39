"""Whether what is attached to an image meets a demand.

Each piece of evidence counts only if one of the signatories signed it, what it says is an in-toto
statement (or cosign's older payload), and that speaks of the very digest that is asked about. A
signature is what says that the image is signed: an attestation alone is none, whoever made it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from imgforge.errors import EvidenceError, RegistryError, TransientError
from imgforge.oci.layout import Blobs, CorruptLayoutError
from imgforge.signing import simple
from imgforge.signing.bundle import MAX_SIZE
from imgforge.signing.statement import SIGNATURE
from imgforge.verify import attached, conditions
from imgforge.verify.attached import Attached, Found, Piece
from imgforge.verify.conditions import Judged, scans
from imgforge.verify.conditions.shown import Unreadable
from imgforge.verify.demand import Attested, Demand, UnattestedError
from imgforge.verify.proven import Attestation

if TYPE_CHECKING:
    from imgforge.signing.signatory import Signatory

MAX_DETAILS: Final = 24
"""The most further reasons that an error lists."""


@dataclass(slots=True)
class Heard:
    """What pieces of evidence prove; ``refused`` says why others prove nothing.

    ``troubles`` are services and registries that did not answer as they should: what they have may
    be the evidence. Of those in ``silent`` nothing can be judged now: their trusted root cannot be
    had, and it is asked for once only.
    """

    proven: list[Attestation] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    found: Found = field(default_factory=Found)
    silent: list[Signatory] = field(default_factory=list)
    troubles: list[RegistryError | TransientError] = field(default_factory=list)

    def of(self, kind: str) -> list[Attestation]:
        """Return what was proven of one predicate type."""
        return [each for each in self.proven if each.predicate_type == kind]


@dataclass(frozen=True, slots=True)
class Sought:
    """Statements of one of the types ``kinds`` about one of ``digests``, by one of ``who``."""

    digests: Sequence[str]
    kinds: Collection[str]
    who: Sequence[Signatory]


def hear(pieces: Iterable[Piece], blobs: Blobs, sought: Sought, heard: Heard) -> None:
    """Add to ``heard`` what ``pieces`` prove of what is sought, and why others do not."""
    for piece in pieces:
        reasons: list[str] = []
        try:
            data = blobs.read(piece.layer, limit=MAX_SIZE)
        except CorruptLayoutError as error:
            heard.refused.append(f"{piece}: {error.message}")
            continue
        for who in sought.who:
            if who in heard.silent:
                continue
            try:
                one = said(piece, data, sought.digests, who)
            except ValueError as error:
                reasons.append(str(error))
            except TransientError as error:
                heard.silent.append(who)  # another may prove it without that service
                heard.troubles.append(error)
            else:
                if one.predicate_type in sought.kinds:
                    heard.proven.append(one)
                else:
                    heard.refused.append(f"{piece}: {_other(one, sought.kinds)}")
                break
        else:
            told = "; ".join(dict.fromkeys(reasons)) or "what would prove it does not answer"
            heard.refused.append(f"{piece}: {told}")


def _other(one: Attestation, kinds: Collection[str]) -> str:
    asked = "that the image is signed" if set(kinds) == {SIGNATURE} else "what it was taken for"
    return f"it says {one.predicate_type!a}, not {asked}"


def said(piece: Piece, data: bytes, digests: Collection[str], who: Signatory) -> Attestation:
    """Return what one piece proves; ValueError with the reason if nothing."""
    if piece.kind == attached.OLDER_SIGNATURE:
        payload = simple.SimpleSignature.from_layer(piece.layer, data)
        if not any(payload.is_about(digest) for digest in digests):
            raise ValueError("it is about another image")
        return Attestation(SIGNATURE, {}, piece.layer.digest, who.payload(payload))
    if piece.kind == attached.OLDER_ATTESTATION:
        older = simple.OlderAttestation.from_layer(piece.layer, data)
        statement, proof = who.envelope(older)
    else:
        statement, proof = who.statement(data)
    if not any(statement.is_about(digest) for digest in digests):
        raise ValueError("its statement is about another subject")
    return Attestation(statement.predicate_type, statement.predicate, piece.layer.digest, proof)


def evidence(
    where: Attached, digests: Sequence[str], demand: Demand, who: Sequence[Signatory]
) -> Heard:
    """Gather and hear all that may meet ``demand`` for the image ``digests[0]``.

    What is about another of ``digests``, an index that names the image, counts too. Cosign's older
    kinds are looked at only if what is newer does not do.
    """
    kinds = {SIGNATURE, *(each.type for each in demand.attested)}
    heard = Heard()
    for gather in (where.bundles, where.older):
        found = Found()
        for digest in digests:
            found.add(gather(digest, kinds))
        known = len(heard.found.pieces)
        heard.found.add(found)
        heard.troubles += found.troubles
        hear(heard.found.pieces[known:], where.blobs, Sought(digests, kinds, who), heard)
        if all(heard.of(kind) for kind in kinds):
            break
    return heard


def met(heard: Heard, demand: Demand, names: str, subject: Judged) -> tuple[Attestation, ...]:
    """Return what was proven if it meets ``demand``; EvidenceError with the first reason if not.

    ``names`` says who must have signed. RegistryError or TransientError if what did not answer may
    hold what is lacking.
    """
    if not heard.of(SIGNATURE):
        raise _refusal(heard, subject.digest, "valid signature", names)
    for attested in demand.attested:
        candidates = heard.of(attested.type)
        if not candidates:
            what = f"valid attestation {attested.type}"
            refusal = _refusal(heard, subject.digest, what, names)
            raise UnattestedError(refusal.message, details=refusal.details)
        reasons = _failing(attested, candidates, subject)
        if reasons:
            _raise_trouble(heard)
            raise EvidenceError(
                f"the attestation {attested.type} of {subject.digest} is not what is demanded: "
                + reasons[0],
                details=reasons[1:],
            )
    return tuple(heard.proven)


def _failing(attested: Attested, candidates: Sequence[Attestation], subject: Judged) -> list[str]:
    """Return why none of ``candidates`` does; nothing if one does.

    Of scans only the newest count, and all of that day must do: what was found later is not undone
    by an older report.
    """
    scans = attested.below is not None
    if scans:
        days = [_scanned(each) for each in candidates]
        candidates = [c for c, day in zip(candidates, days, strict=True) if day == max(days)]
    first: list[str] = []
    for each in candidates:
        reasons = conditions.held(attested, each.predicate, subject)
        if bool(reasons) == scans:
            return reasons
        first = first or reasons
    return first


def _scanned(scan: Attestation) -> dt.date:
    try:
        return scans.day(scan.predicate_type, scan.predicate)
    except Unreadable:
        return dt.date.min


def _refusal(heard: Heard, digest: str, what: str, names: str) -> EvidenceError:
    _raise_trouble(heard)
    reasons = [*dict.fromkeys(heard.found.cut), *heard.refused]
    details = [*reasons[1:], *dict.fromkeys(heard.found.passed_over)]
    if len(details) > MAX_DETAILS:
        details = [*details[:MAX_DETAILS], f"and {len(details) - MAX_DETAILS} more"]
    first = reasons[0] if reasons else "nothing of that kind is attached to it"
    return EvidenceError(f"{digest} has no {what} by {names}: {first}", details=details)


def _raise_trouble(heard: Heard) -> None:
    """Raise what did not answer: that no evidence was seen says nothing then."""
    if heard.troubles:
        raise heard.troubles[0]
