"""What one valid signature proves: who made it, and who else bears witness to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who must bear witness to a signature beside the signatory.

    ``log``: a transparency log that the trusted root knows holds it. ``timestamp``: an authority
    that the trusted root knows (RFC 3161) saw it. What is not demanded may be there, and is then
    ignored if it cannot be proven.
    """

    log: bool = False
    timestamp: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """``signer`` says who signed, on one line.

    ``claims`` are what a certificate says of it, by the names of :mod:`.claims` (``identity`` and
    ``issuer`` among them); a key has none. ``log`` is the URL of the log that holds the signature
    and ``index`` the entry's; ``times`` are moments (seconds since 1970) at which a log or an
    authority saw it, proven, the earliest first. Empty: nobody did, or nobody was asked.
    """

    signer: str
    claims: Mapping[str, str] = field(default_factory=dict)
    log: str = ""
    index: int | None = None
    times: tuple[int, ...] = ()
