from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from imgforge.errors import InvalidInputError
from imgforge.policy import Ignore, Policy, load
from imgforge.tomlfile import MAX_BYTES


def test_no_file_is_the_default() -> None:
    policy = load(None)
    assert (policy.fail_on, policy.allow_shell, policy.allow_root) == ("high", False, False)
    assert policy.day == dt.datetime.now(dt.UTC).date()


def test_reads_everything(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        'fail-on = "medium"\nallow-shell = true\nallow-package-manager = true\nallow-root = true\n'
        '[[ignore]]\ncheck = "IF010"\npath = "usr/bin/*"\nreason = "r"\nexpires = 2030-01-31\n'
        '[[ignore]]\ncheck = "IF003"\nreason = "s"\n'
    )
    ignore = (Ignore("IF010", "usr/bin/*", "r", dt.date(2030, 1, 31)), Ignore("IF003", "*", "s"))
    assert load(path) == Policy("medium", True, True, True, ignore)


def test_lists_everything_that_is_wrong_at_once(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        'fail-on = "never"\nallow-shell = "yes"\nalow-root = true\n'
        '[[ignore]]\ncheck = "shell"\npath = 1\nexpires = "2030-01-31"\nwhy = "x"\n'
        '[[ignore]]\nreason = " "\n'
    )
    with pytest.raises(InvalidInputError) as error:
        load(path)
    assert [line.partition(":")[0] for line in error.value.details] == [
        "alow-root",
        "allow-shell",
        "fail-on",
        "ignore[0].why",
        "ignore[0].path",
        "ignore[0].reason",
        "ignore[0].check",
        "ignore[0].expires",
        "ignore[1].check",
        "ignore[1].reason",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "ignore = 1",
        "ignore = [1]",
        "fail-on = ['high']",
        "allow-root = 1",
        "[[ignore]]\ncheck='IF001'\nreason='x'\nexpires=2030-01-31T00:00:00Z",
        "[[ignore]]\ncheck='IF040'\nreason='the digest is fine'",
        "not toml",
        "\x00",
    ],
)
def test_refuses(text: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(InvalidInputError):
        load(path)


def test_refuses_what_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(InvalidInputError, match="cannot read"):
            load(path)
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(InvalidInputError, match="over"):
        load(large)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'fail-on = "\xff"')
    with pytest.raises(InvalidInputError):
        load(latin)
