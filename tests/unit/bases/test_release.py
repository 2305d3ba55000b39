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


def test_a_pocket_goes_by_its_suite_not_by_the_code_name_it_shares() -> None:
    pocket = TEXT.replace("Suite: stable", "Suite: noble-updates").replace("trixie", "noble", 1)
    assert parse(pocket, "noble-updates").suite == "noble-updates"
    with pytest.raises(RegistryError, match="wanted noble"):
        parse(pocket, "noble")


def test_a_release_file_without_sha256_says_nothing() -> None:
    with pytest.raises(RegistryError, match="no SHA256"):
        parse(TEXT.replace("SHA256:", "SHA1:"))
