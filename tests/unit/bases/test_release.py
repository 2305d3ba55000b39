from __future__ import annotations

import datetime as dt

import pytest

from imgforge.bases import release
from imgforge.errors import RegistryError

NOW = dt.datetime(2026, 1, 10, tzinfo=dt.UTC)
TEXT = f"""\
Origin: Debian
Suite: stable
Codename: trixie
Date: Fri, 09 Jan 2026 10:00:00 UTC
Valid-Until: Fri, 16 Jan 2026 10:00:00 UTC
MD5Sum:
 d41d8cd98f00b204e9800998ecf8427e 5 main/binary-amd64/Packages.xz
SHA256:
 {"a" * 64}       12 main/binary-amd64/Packages.xz
 {"b" * 64}  9678380 main/binary-arm64/Packages.xz
"""


def parse(text: str = TEXT, suite: str = "trixie", **changes: bool) -> release.Release:
    check = changes.get("check", True)
    return release.parse(text, suite, now=NOW, check_valid_until=check, place="InRelease")


def test_hashes_come_from_the_sha256_section_alone() -> None:
    found = parse()
    assert found.date == dt.datetime(2026, 1, 9, 10, tzinfo=dt.UTC)
    assert found.files == {
        "main/binary-amd64/Packages.xz": ("a" * 64, 12),
        "main/binary-arm64/Packages.xz": ("b" * 64, 9678380),
    }


@pytest.mark.parametrize("suite", ["trixie", "stable"])
def test_a_suite_goes_by_either_of_its_names(suite: str) -> None:
    assert parse(suite=suite).suite == suite


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("Codename: trixie", "Codename: sid", "wanted trixie"),
        ("Date: Fri, 09 Jan", "Date: Sun, 11 Jan", "in the future"),
        ("Date: Fri, 09 Jan 2026 10:00:00 UTC", "Date: soon", "not a date"),
        ("Date:", "Dates:", "not a date"),
        ("Valid-Until: Fri, 16", "Valid-Until: Fri, 09", "expired on 2026-01-09"),
        ("Valid-Until: Fri, 16 Jan", "Valid-Until: never", "not a date"),
        ("a" * 64, "a" * 63, "malformed line"),
        (" 9678380 ", " -1 ", "malformed line"),
    ],
)
def test_defects_are_refused(old: str, new: str, complaint: str) -> None:
    assert old in TEXT
    with pytest.raises(RegistryError, match=complaint):
        parse(TEXT.replace(old, new))


def test_a_frozen_mirror_may_be_believed_past_its_date() -> None:
    old = TEXT.replace("Valid-Until: Fri, 16", "Valid-Until: Fri, 09")
    assert parse(old, check=False).files


GOOD = "[GNUPG:] GOODSIG 0123 Debian\n"
VALID = "[GNUPG:] VALIDSIG ABCD 2026-01-09 1767952800 0 4 0 1 {hash} 01 ABCD\n"


@pytest.mark.parametrize(
    ("status", "believed"),
    [
        ("[GNUPG:] NEWSIG\n" + GOOD + VALID.format(hash=8), True),
        ("[GNUPG:] NEWSIG\n" + GOOD + VALID.format(hash=2), False),
        ("[GNUPG:] NEWSIG\n[GNUPG:] EXPKEYSIG 0123 x\n" + VALID.format(hash=8), False),
        ("[GNUPG:] NEWSIG\n[GNUPG:] REVKEYSIG 0123 x\n" + VALID.format(hash=8), False),
        ("[GNUPG:] NEWSIG\n" + GOOD + "[GNUPG:] NEWSIG\n" + VALID.format(hash=8), False),
        (
            "[GNUPG:] NEWSIG\n[GNUPG:] ERRSIG 99 1 8 01 0 9\n[GNUPG:] NO_PUBKEY 99\n"
            "[GNUPG:] NEWSIG\n" + GOOD + VALID.format(hash=10),
            True,
        ),
        ("[GNUPG:] NEWSIG\n" + GOOD + VALID.format(hash=8) + "[GNUPG:] BADSIG 99 x\n", False),
        ("[GNUPG:] GOODSIG 0123 x\n[GNUPG:] VALIDSIG\n", False),
        ("", False),
    ],
)
def test_only_a_good_signature_with_a_strong_hash_counts(status: str, *, believed: bool) -> None:
    assert release._signed(status) is believed
