"""Release files: a signature by a trusted key, then the hashes of everything else in a suite.

https://wiki.debian.org/DebianRepository/Format. Only the text that ``gpgv`` hands back is parsed.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from imgforge import process
from imgforge.errors import RegistryError, ToolMissingError

MAX_BYTES = 4 << 20
_SKEW = dt.timedelta(hours=1)
_WEAK_HASHES = {"1", "2", "3"}
"""MD5, SHA-1 and RIPEMD-160 (RFC 9580, 9.5), which apt refuses as well."""

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

    RegistryError if no good signature is on it or a bad one is; ToolMissingError without gpgv.
    A signature by an unknown key beside a good one is no harm: Debian signs with several.
    """
    lines = data.rstrip(b"\n").split(b"\n")
    if lines[0].rstrip() != _BEGIN or lines[-1].rstrip() != _END or data.count(_BEGIN) != 1:
        raise RegistryError(f"{place} is not one signed message")
    with tempfile.TemporaryDirectory(prefix="imgforge-") as folder:
        source, out = Path(folder, "InRelease"), Path(folder, "Release")
        source.write_bytes(data)
        command = ["gpgv", "--homedir", folder, "--status-fd", "1", "--keyring", str(keyring)]
        try:
            result = process.run([*command, "--output", out, source], check=False, timeout=60)
        except ToolMissingError as error:
            raise ToolMissingError(
                "gpgv is not installed, and package archives are believed only by their signature",
                hint="apt-get install gpgv",
            ) from error
        if not _signed(result.stdout.decode(errors="replace")):
            tail = result.stderr.decode(errors="replace").splitlines()[-5:]
            raise RegistryError(
                f"{place} has no valid signature by a key of {keyring}", details=tail
            )
        try:
            return out.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RegistryError(f"{place} holds no signed text") from error


def _signed(status: str) -> bool:
    """Whether gpgv's status lines hold a good signature with a strong hash and no bad one."""
    good, valid = False, False
    for line in status.splitlines():
        words = line.removeprefix("[GNUPG:] ").split()
        match words[:1]:
            case ["BADSIG"]:
                return False
            case ["NEWSIG"]:
                good = False
            case ["GOODSIG"]:
                good = True
            case ["VALIDSIG"]:
                valid = valid or (good and len(words) > 8 and words[8] not in _WEAK_HASHES)  # noqa: PLR2004 - doc/DETAILS
    return valid


def parse(
    text: str, suite: str, *, now: dt.datetime, check_valid_until: bool, place: str
) -> Release:
    """Read a verified Release file; RegistryError if it is another suite's, stale or malformed."""
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
    if suite not in {head.get("Suite"), head.get("Codename")}:
        raise RegistryError(
            f"{place} is for {head.get('Codename')} ({head.get('Suite')}), wanted {suite}"
        )
    date = _date(head.get("Date"), f"{place}: Date")
    if date > now + _SKEW:
        raise RegistryError(f"{place} is dated {date:%Y-%m-%d %H:%M}, in the future")
    if check_valid_until and "Valid-Until" in head:
        until = _date(head["Valid-Until"], f"{place}: Valid-Until")
        if until < now:
            raise RegistryError(
                f"{place} expired on {until:%Y-%m-%d %H:%M}: the mirror is stale",
                hint="use another mirror, or set IMGFORGE_DEBIAN_CHECK_VALID_UNTIL=no if this one "
                "is frozen on purpose",
            )
    return Release(suite, date, files)


def _date(text: str | None, place: str) -> dt.datetime:
    try:
        value = email.utils.parsedate_to_datetime(text or "")
    except ValueError as error:
        raise RegistryError(f"{place} is {text!r}, not a date") from error
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
