"""Why something from a registry is believed, as policies say it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Trust:
    """Why registry bases that ``match`` (a glob) are believed; exactly one of three reasons.

    They are signed by the public key in the file ``key``; or with a certificate that ``issuer``
    had issued to ``identity`` (a glob), under ``trusted_root`` (a file; None is the public
    Sigstore's); or they are ``exempt`` for a reason, at the word of ``owner``, until the last day
    ``expires`` (UTC). ``digest`` (``sha256:<hex>``) is that of the file, if the policy pins it.
    """

    match: str
    key: Path | None = None
    identity: str = ""
    issuer: str = ""
    trusted_root: Path | None = None
    exempt: str = ""
    owner: str = ""
    expires: dt.date | None = None
    digest: str = ""

    @property
    def file(self) -> Path | None:
        """The file that decides, if one does."""
        return self.key or self.trusted_root
