from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from imgforge.errors import InvalidInputError
from imgforge.policy import Bases, Ignore, Policy, Trust, load, named
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
    assert load(path) == Policy("medium", True, True, True, ignore=ignore)


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


def test_reads_which_bases_are_trusted_and_why(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        '[bases]\nallow = ["registry.test/base/*", "python-3.13"]\n'
        '[[bases.trust]]\nmatch = "registry.test/base/*"\nkey = "keys/base.pub"\n'
        '[[bases.trust]]\nmatch = "gcr.test/*"\nidentity = "https://github.com/acme/*"\n'
        'issuer = "https://issuer.test"\ntrusted-root = "/etc/root.json"\n'
        '[[bases.trust]]\nmatch = "public.test/*"\nidentity = "a@b.test"\nissuer = "https://i.test"\n'
        '[[bases.trust]]\nmatch = "*"\nexempt = "ticket 123"\nowner = "us"\nexpires = 2027-01-31\n'
    )
    policy = load(path)
    root = Path("/etc/root.json")
    assert policy.bases == Bases(
        ("registry.test/base/*", "python-3.13"),
        (
            Trust("registry.test/base/*", key=tmp_path / "keys/base.pub"),
            Trust("gcr.test/*", None, "https://github.com/acme/*", "https://issuer.test", root),
            Trust("public.test/*", identity="a@b.test", issuer="https://i.test"),
            Trust("*", exempt="ticket 123", owner="us", expires=dt.date(2027, 1, 31)),
        ),
    )
    assert named(policy) == (tmp_path / "keys/base.pub", root)
    path.write_text("[bases]\nallow = []\n")
    assert load(path).bases == Bases(allow=())


def test_lists_everything_that_is_wrong_with_bases_at_once(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        '[bases]\nallow = "*"\nalow = []\n'
        '[[bases.trust]]\nmatch = "a"\n'
        '[[bases.trust]]\nkey = "k"\nexempt = "x"\n'
        '[[bases.trust]]\nkey = 1\nowner = "x"\nwhy = "x"\n'
        '[[bases.trust]]\nmatch = "b"\nidentity = "**"\n'
        '[[bases.trust]]\nmatch = "c"\nexempt = "two\\nlines"\nexpires = "2027-01-31"\n'
    )
    with pytest.raises(InvalidInputError) as error:
        load(path)
    assert [line.removeprefix("bases.") for line in error.value.details] == [
        "alow: unknown key",
        "allow: not a list of names or references, * allowed",
        "trust[0]: needs exactly one of key, identity, exempt",
        "trust[1]: needs exactly one of key, identity, exempt",
        "trust[2].why: unknown key",
        "trust[2].owner: does not go with key",
        "trust[2].key: not a text of one line",
        "trust[2].match: missing",
        "trust[3].issuer: missing",
        "trust[3].identity: names nobody, so anybody would do",
        "trust[4].exempt: not a text of one line",
        "trust[4].expires: not a date such as 2030-01-31",
        "trust[4].owner: missing",
    ]


@pytest.mark.parametrize(
    "text", ["bases = 1", "[bases]\ntrust = 1", "[bases]\ntrust = [1]", "[bases]\nallow = [1]"]
)
def test_refuses_what_is_no_table_of_bases(text: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match="is invalid"):
        load(path)
