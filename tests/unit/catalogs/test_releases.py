"""Versions and ranges of stacks."""

from __future__ import annotations

import pytest

from imgforge.catalogs import releases


@pytest.mark.parametrize(
    ("wanted", "inside", "outside"),
    [
        ("", ["0.0.1", "9.9.9"], []),
        ("1.2.0", ["1.2.0"], ["1.2.1", "1.1.9"]),
        ("1.2", ["1.2.0", "1.2.9"], ["1.3.0", "1.1.9"]),
        ("1", ["1.0.0", "1.9.0"], ["2.0.0", "0.9.0"]),
        ("^1.2", ["1.2.0", "1.9.0"], ["1.1.9", "2.0.0"]),
        ("^0.2.1", ["0.2.1", "0.2.9"], ["0.3.0", "0.2.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0", "1.2.2"]),
        (">=1.2,<2", ["1.2.0", "1.99.0"], ["1.1.0", "2.0.0"]),
        (">1.2.0, <=1.3.0", ["1.2.1", "1.3.0"], ["1.2.0", "1.3.1"]),
    ],
)
def test_a_range_has_what_it_says(wanted: str, inside: list[str], outside: list[str]) -> None:
    assert all(releases.allows(wanted, releases.version(v)) for v in inside)
    assert not any(releases.allows(wanted, releases.version(v)) for v in outside)


@pytest.mark.parametrize("wanted", ["latest", "1.2.3.4", ">=", ">=1,", "^^1", "1 2", "v1", "1.x"])
def test_what_is_no_range_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match="is not a bound"):
        releases.check(wanted)


def test_the_newest_is_the_highest_number_and_not_the_last_word() -> None:
    tags = ["1.9.0", "1.10.0", "2.0.0", "latest", "v3.0.0", "sha256-abc", "1.2.03"]
    assert releases.newest(tags) == "2.0.0"
    assert releases.newest(tags, "^1") == "1.10.0"
    assert releases.newest(tags, "^3") is None


@pytest.mark.parametrize("text", ["1.2", "01.2.3", "1.2.3-rc1", "1.2.3\n", "²·1.2"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        releases.version(text)
