from __future__ import annotations

import datetime as dt
import subprocess

import pytest

from imgforge.bases import definitions, distributions, release
from imgforge.errors import InvalidInputError


def test_every_definitions_suite_belongs_to_a_distribution() -> None:
    for name in definitions.names():
        for suite in definitions.load(name).suite:
            assert suite in distributions.of(suite).suites


def test_no_suite_belongs_to_two() -> None:
    every = [suite for name in distributions.names() for suite in distributions.load(name).suites]
    assert len(every) == len(set(every))


@pytest.mark.parametrize("name", distributions.names())
def test_every_suite_lies_in_one_archive_for_each_architecture(name: str) -> None:
    for architecture in ("amd64", "arm64"):
        archives = distributions.load(name).archive
        patterns = [p for a in archives if a.serves(architecture) for p in a.suites]
        assert sorted(patterns) == ["{suite}", "{suite}-security", "{suite}-updates"]


@pytest.mark.parametrize(
    ("name", "owners"),
    [
        ("debian", {"(12/bookworm)", "(13/trixie)"}),
        ("ubuntu", {"(2018)"}),
    ],
)
def test_the_keyrings_that_ship_hold_archive_keys_alone(name: str, owners: set[str]) -> None:
    ring = distributions.load(name).own_keyring
    shown = subprocess.run(
        ["/usr/bin/gpgv", "--keyring", ring, "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "invalid keyring" not in shown.stderr.lower()
    users = [str(user) for key in release._keys(ring) for user in key.user_ids]
    assert {word for user in users for word in user.split() if word.startswith("(")} == owners
    assert all("Archive" in user or "Stable Release" in user for user in users)


def test_the_keyrings_that_ship_are_good_for_a_year_at_least() -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(365)
    for name in distributions.names():
        for key in release._keys(distributions.load(name).own_keyring):
            assert key.expiration is None or key.expiration > soon
            assert not key.is_revoked


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'potato'"):
        distributions.of("potato")
