"""Whether one signatory signed an image in a registry, at its mirror or at the original."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.errors import EvidenceError, RegistryError, TransientError
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.signing.statement import SIGNATURE
from imgforge.verify.attached import InRegistry
from imgforge.verify.demand import Demand

if TYPE_CHECKING:
    from imgforge.signing.signatory import Signatory
    from imgforge.verify.judge import Heard


def signature(
    reference: Reference, digest: str, who: Signatory, *, say: Callable[[str], None]
) -> str:
    """Demand ``who``'s signature over ``digest``, at the mirror or the original; return who signed.

    For an index its own signature is enough: it names its images by digest. Counted are Sigstore
    bundles attached to the digest and cosign's older signatures. EvidenceError with every reason
    otherwise; further errors: RegistryError, TransientError.
    """
    from imgforge.oci.mirrors import places
    from imgforge.oci.transport import MissingError

    refused: list[str] = []
    silent: RegistryError | TransientError | None = None
    for place in places(reference):
        heard = _heard(place, digest, who)
        found = heard.of(SIGNATURE)
        if found:
            return found[0].proof.signer
        for trouble in heard.troubles:
            if not isinstance(trouble, TransientError | MissingError):
                raise trouble
            say(f"{place.registry}: {trouble.message}")
            silent = trouble
        refused += [*heard.found.cut, *heard.refused]
    if silent is not None:  # what did not answer may hold the signature
        raise silent
    raise EvidenceError(
        f"{reference.name}@{digest} has no valid signature by {who}: "
        + (refused[0] if refused else "no signature is attached to it"),
        details=refused[1:],
        hint="sign it (cosign sign), or let the policy name who did",
    )


def _heard(place: Reference, digest: str, who: Signatory) -> Heard:
    from imgforge.oci.registry import Registry
    from imgforge.verify import judge

    with (
        tempfile.TemporaryDirectory(prefix="imgforge-verify-") as scratch,
        Registry(place) as registry,
    ):
        where = InRegistry(registry, Layout.create(Path(scratch) / "layout"))
        return judge.evidence(where, [digest], Demand(()), [who])
