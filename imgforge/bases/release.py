"""Release files: a signature by a trusted key, then the hashes of everything else in a suite.

https://wiki.debian.org/DebianRepository/Format. Signatures are judged by Sequoia (pysequoia), as
apt itself does by now; only the text that it hands back is parsed.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.errors import InvalidInputError, RegistryError

if TYPE_CHECKING:
    import pysequoia

MAX_BYTES = 4 << 20
_MAX_KEYRING = 4 << 20
_SKEW = dt.timedelta(hours=1)
_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
_END = b"-----END PGP SIGNATURE-----"


@dataclass(frozen=True, slots=True)
class Release:
    """A verified Release file. ``files`` maps paths to (sha256 in hex, size in bytes)."""

    suite: str
    date: dt.datetime
    files: dict[str, tuple[str, int]]


def verify(data: bytes, keyring: Path, place: str) -> str:
    """Return the text of ``data`` (InRelease) that a key of ``keyring`` signed.

    One good signature is demanded: by a key that is neither expired nor revoked, over a hash that
    is not weak (MD5, SHA-1 and the like are refused). Others beside it do no harm, Debian signs
    with several keys. RegistryError if there is none; InvalidInputError if the keyring is none.
    """
    import pysequoia

    lines = data.rstrip(b"\n").split(b"\n")
    if lines[0].rstrip() != _BEGIN or lines[-1].rstrip() != _END or data.count(_BEGIN) != 1:
        raise RegistryError(f"{place} is not one signed message")
    keys = _keys(keyring)
    try:
        verified = pysequoia.verify(data, store=lambda _: keys)
    except (RuntimeError, OSError, ValueError) as error:
        # Below the first line there may be a stack trace.
        raise RegistryError(
            f"{place} has no valid signature by a key of {keyring}",
            details=[str(error).split("\n", 1)[0][:200]],
            hint="the mirror lies, or the keyring is older than the archive's keys",
        ) from error
    if not verified.valid_sigs or verified.bytes is None:
        raise RegistryError(f"{place} has no valid signature by a key of {keyring}")
    try:
        return verified.bytes.decode()
    except UnicodeDecodeError as error:
        raise RegistryError(f"{place} is signed, but no text") from error


def _keys(keyring: Path) -> list[pysequoia.Cert]:
    import pysequoia

    hint = "it must hold OpenPGP certificates, binary or in ASCII armour"
    try:
        with keyring.open("rb") as file:
            data = file.read(_MAX_KEYRING + 1)
        if len(data) > _MAX_KEYRING:
            raise InvalidInputError(f"the keyring {keyring} is over {_MAX_KEYRING >> 20} MiB")
        found = pysequoia.Cert.split_bytes(data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInputError(f"cannot read the keyring {keyring}: {reason}") from error
    except RuntimeError as error:
        raise InvalidInputError(f"{keyring} is not a keyring", hint=hint) from error
    if not found:
        raise InvalidInputError(f"the keyring {keyring} holds no key", hint=hint)
    return found


def parse(
    text: str, suite: str, *, now: dt.datetime, check_valid_until: bool, place: str
) -> Release:
    """Read a verified Release file; RegistryError if it is another suite's, stale or malformed.

    ``now`` is the moment it must hold at: the present, or a snapshot's.
    """
    head: dict[str, str] = {}
    files: dict[str, tuple[str, int]] = {}
    section = ""
    for line in text.splitlines():
        if not line.startswith(" "):
            section, _, value = line.partition(":")
            head[section] = value.strip()
        elif section == "SHA256":
            found = re.fullmatch(r" ([0-9a-f]{64}) +(\d{1,12}) (\S+)", line.rstrip())
            if not found:
                raise RegistryError(f"{place}: malformed line {line[:80]!r}")
            files[found[3]] = (found[1], int(found[2]))
    if not _is_for(suite, head):
        raise RegistryError(
            f"{place} is for {head.get('Codename')} ({head.get('Suite')}), wanted {suite}"
        )
    if not files:
        raise RegistryError(f"{place} lists no SHA256, and nothing weaker is believed")
    date = _date(head.get("Date"), f"{place}: Date")
    if date > now + _SKEW:
        raise RegistryError(f"{place} is dated {date:%Y-%m-%d %H:%M}, in the future")
    if check_valid_until and "Valid-Until" in head:
        until = _date(head["Valid-Until"], f"{place}: Valid-Until")
        if until < now:
            raise RegistryError(
                f"{place} expired on {until:%Y-%m-%d %H:%M}: the mirror is stale",
                hint="use another mirror; if this one is frozen on purpose, set check-valid-until "
                "to false (IMGFORGE_DEBIAN_CHECK_VALID_UNTIL=no, or IMGFORGE_UBUNTU_…)",
            )
    return Release(suite, date, files)


def _is_for(suite: str, head: dict[str, str]) -> bool:
    """Whether a Release file is ``suite``'s, by its code name or by what it is just now.

    Ubuntu's pockets share a code name (``noble-updates`` is Suite, Codename ``noble``), and one
    may not stand for another.
    """
    named, code = head.get("Suite", ""), head.get("Codename", "")
    return suite == named or (suite == code and not named.startswith(f"{code}-"))


def _date(text: str | None, place: str) -> dt.datetime:
    try:
        value = email.utils.parsedate_to_datetime(text or "")
    except ValueError as error:
        raise RegistryError(f"{place} is {text!r}, not a date") from error
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
