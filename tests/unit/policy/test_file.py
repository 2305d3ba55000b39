from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from imgforge import checks
from imgforge.checks.rules import RULES
from imgforge.errors import InvalidInputError
from imgforge.policy import Bases, Budget, Delegate, Ignore, Policy, Trust, load
from imgforge.policy.schema import json_schema
from imgforge.tomlfile import MAX_BYTES

WHOLE = """\
fail-on = "medium"
allow-shell = true
allow-package-manager = true
allow-root = true
allow-compiler = true
allow-downloader = true
allow-sudo = true
allow-ssh = true

[severity]
IF030 = "info"
IF010 = "critical"

[budget]
size = "200MB"
unpacked = "1.5 GiB"
layers = 20
age = 90
base-age = 30

[[ignore]]
check = "IF010"
path = "usr/bin/*"
key = "su*"
fingerprint = "0123456789abcdef0123456789abcdef"
image = "acme/*"
reason = "r"
owner = "us"
expires = 2030-01-31

[[ignore]]
check = "IF003"
reason = "s"
owner = "them"
expires = 2030-02-01

[delegate]
checks = ["IF030"]
trust = true
max-days = 90

[bases]
allow = ["registry.test/base/*"]

[[bases.trust]]
match = "registry.test/base/*"
key = "base.pub"
digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
"""
ENTRY = '[[ignore]]\ncheck="IF010"\nreason="x"\nowner="y"\nexpires=2030-01-31\n'


def refused(text: str, folder: Path) -> list[str]:
    """Return what is said against this policy, without the file's name."""
    path = folder / "policy.toml"
    path.write_text(text)
    with pytest.raises(InvalidInputError) as error:
        load(path)
    return [line.removeprefix(f"{path}:") for line in error.value.details]


def test_no_file_is_the_default() -> None:
    policy = load(None)
    assert (policy.fail_on, policy.allow_shell, policy.allow_root) == ("high", False, False)
    assert policy.day == dt.datetime.now(dt.UTC).date()


def test_reads_everything(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(WHOLE)
    accepted = (
        Ignore(
            *("IF010", "usr/bin/*", "r", dt.date(2030, 1, 31), "us", "acme/*", "su*"),
            fingerprint="0123456789abcdef0123456789abcdef",
        ),
        Ignore("IF003", "*", "s", dt.date(2030, 2, 1), "them"),
    )
    trust = Trust("registry.test/base/*", tmp_path / "base.pub", digest="sha256:" + "a" * 64)
    assert load(path) == Policy(
        *("medium", True, True, True, True, True, True, True),
        severities={"IF030": "info", "IF010": "critical"},
        budget=Budget(200_000_000, 3 << 29, 20, 90, 30),
        ignore=accepted,
        bases=Bases((("registry.test/base/*",),), (trust,)),
        delegate=Delegate(frozenset({"IF030"}), trust=True, max_days=90),
    )


def test_the_schema_says_what_the_reader_does() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    good: dict[str, Any] = json.loads(json.dumps(tomllib.loads(WHOLE), default=str))
    judge.validate(good)
    apart = {"images", "licences", "stacks", "vulnerabilities"}
    assert schema["properties"].keys() - apart == good.keys()
    entry = good["ignore"][1]
    for key in entry:
        assert not judge.is_valid({"ignore": [{k: v for k, v in entry.items() if k != key}]})
    assert not judge.is_valid({"bases": {"trust": [{"match": "a"}]}})
    assert not judge.is_valid({"bases": {"trust": [{"match": "a", "key": "k", "exempt": "x"}]}})
    other: dict[str, Any]
    for other in ({"fail-on": "never"}, {"budget": {"size": "much"}}, {"severity": {"x": "low"}}):
        assert not judge.is_valid(other)


def test_lists_everything_that_is_wrong_at_once_by_line(tmp_path: Path) -> None:
    text = (
        'fail-on = "never"\nallow-shell = "yes"\nalow-root = true\n'
        '[severity]\nIF030 = "bad"\nIF040 = "low"\nIF090 = "medium"\nIF999 = "low"\nshell = "low"\n'
        '[budget]\nsize = "200 apples"\nlayers = 0\nage = true\nbase-age = -1\nweight = 1\n'
        '[[ignore]]\ncheck = "shell"\npath = 1\nexpires = "2030-01-31"\nwhy = "x"\n'
        '[[ignore]]\nreason = " "\n'
        '[[ignore]]\ncheck = "IF042"\nreason = "x"\nowner = "y"\nexpires = 2030-01-31\n'
        '[delegate]\nchecks = ["IF042", "IF998"]\n'
    )
    found = [line.split("\n")[0] for line in refused(text, tmp_path)]
    assert sorted(line.split(": ", 2)[1] for line in found) == sorted(
        [
            *("fail-on", "allow-shell", "alow-root"),
            *("severity.IF030", "severity.IF040", "severity.IF090", "severity.IF999"),
            *("severity.shell", "budget.size", "budget.layers", "budget.age", "budget.base-age"),
            *("budget.weight", "ignore[0].check", "ignore[0].path", "ignore[0].expires"),
            *("ignore[0].why", "ignore[0].reason", "ignore[0].owner"),
            *("ignore[1].reason", "ignore[1].check", "ignore[1].owner", "ignore[1].expires"),
            *("ignore[2].check", "delegate.checks", "delegate.checks"),
        ]
    )
    assert found[0].startswith("1: fail-on: ")
    assert "3: alow-root: unknown key" in found
    assert any(
        "3: alow-root: unknown key\n    hint: did you mean 'allow-root'?" in line
        for line in refused(text, tmp_path)
    )


def test_every_key_that_an_exception_lacks_is_named(tmp_path: Path) -> None:
    found = refused('[[ignore]]\npath = "*"\n', tmp_path)
    assert [line.split(": ")[1] for line in found] == [
        "ignore[0].check",
        "ignore[0].reason",
        "ignore[0].owner",
        "ignore[0].expires",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "ignore = 1",
        "ignore = [1]",
        "severity = 1",
        "budget = []",
        "delegate = 'IF010'",
        "[delegate]\nchecks = 'IF010'",
        "[delegate]\nchecks = [1]",
        "[budget]\nsize = 0",
        "[budget]\nsize = '0.1B'",
        "[budget]\nsize = 1.5",
        "[budget]\nsize = 99999999999999999999",
        "[budget]\nsize = '999999999999999TiB'",
        "[budget]\nsize = '-1MB'",
        "[budget]\nsize = '1mb'",
        "fail-on = ['high']",
        "allow-root = 1",
        ENTRY.replace("2030-01-31", "2030-01-31T00:00:00Z"),
        ENTRY.replace("IF010", "IF040"),
        ENTRY.replace("IF010", "IF090"),
        ENTRY.replace("IF010", "IF999"),
        ENTRY + 'fingerprint = "ABC"',
        "not toml",
        "\x00",
        "a = " + "[" * 5000,
    ],
)
def test_refuses(text: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(InvalidInputError):
        load(path)


@pytest.mark.parametrize("level", ["medium", "critical"])
def test_integrity_may_be_raised_but_not_lowered(level: str, tmp_path: Path) -> None:
    low = next(rule for rule in RULES if rule.id == "IF044")
    text = f'[severity]\nIF044 = "{level}"\n'
    if checks.Severity.parse(level) < low.severity:
        assert "cannot be lowered" in refused(text, tmp_path)[0]
    else:
        (tmp_path / "policy.toml").write_text(text)
        assert load(tmp_path / "policy.toml").severities == {"IF044": level}


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
    root = Path("/etc/root.json")
    assert load(path).bases == Bases(
        (("registry.test/base/*", "python-3.13"),),
        (
            Trust("registry.test/base/*", key=tmp_path / "keys/base.pub"),
            Trust("gcr.test/*", None, "https://github.com/acme/*", "https://issuer.test", root),
            Trust("public.test/*", identity="a@b.test", issuer="https://i.test"),
            Trust("*", exempt="ticket 123", owner="us", expires=dt.date(2027, 1, 31)),
        ),
    )
    path.write_text("[bases]\nallow = []\n")
    assert load(path).bases == Bases(allow=((),))


def test_lists_everything_that_is_wrong_with_bases_at_once(tmp_path: Path) -> None:
    text = (
        '[bases]\nallow = "*"\nalow = []\n'
        '[[bases.trust]]\nmatch = "a"\n'
        '[[bases.trust]]\nmatch = "k"\nkey = "k"\nexempt = "x"\n'
        '[[bases.trust]]\nkey = 1\nowner = "x"\nwhy = "x"\n'
        '[[bases.trust]]\nmatch = "b"\nidentity = "**"\ndigest = "sha256:1"\n'
        '[[bases.trust]]\nmatch = "c"\nexempt = "two\\nlines"\nexpires = "2027-01-31"\n'
    )
    found = [line.split("\n")[0].split(": ", 1)[1] for line in refused(text, tmp_path)]
    assert sorted(found) == sorted(
        f"bases.{line}"
        for line in [
            "alow: unknown key",
            "allow: is not a list of texts",
            "trust[0]: needs exactly one of key, identity, exempt",
            "trust[1]: needs exactly one of key, identity, exempt",
            "trust[2].why: unknown key",
            "trust[2].owner: does not go with key",
            "trust[2].key: is not a text of one line",
            "trust[2].match: is required",
            "trust[3].issuer: is required",
            "trust[3].digest: is not a digest, sha256: and 64 hexadecimal digits",
            "trust[3].digest: is of no file: there is no trusted-root",
            "trust[3].identity: names nobody, so anybody would do",
            "trust[4].exempt: is not a text of one line",
            "trust[4].expires: is not a day such as 2030-01-31 (without quotes)",
            "trust[4].owner: is required",
        ]
    )


@pytest.mark.parametrize(
    "text", ["bases = 1", "[bases]\ntrust = 1", "[bases]\ntrust = [1]", "[bases]\nallow = [1]"]
)
def test_refuses_what_is_no_table_of_bases(text: str, tmp_path: Path) -> None:
    assert len(refused(text, tmp_path)) == 1


@pytest.mark.parametrize(
    ("said", "size"),
    [("1", 1), ('"1B"', 1), ('"200MB"', 200_000_000), ('"1 KiB"', 1024), ('"0.5 GB"', 500_000_000)],
)
def test_sizes_are_bytes_or_have_a_unit(said: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(f"[budget]\nsize = {said}\n")
    assert load(path).budget == Budget(size=size)


def test_the_policies_that_the_docs_show_are_read(tmp_path: Path) -> None:
    pages = (Path(__file__).parents[3] / "docs/how-to").glob("*.md")
    block = r"```toml\n((?:# \S*(?:policy|org)\.toml\n|\[\[ignore\]\]).*?)```"
    shown = [each for page in pages for each in re.findall(block, page.read_text(), re.DOTALL)]
    assert len(shown) >= 6
    for each in shown:
        (tmp_path / "policy.toml").write_text(each)
        load(tmp_path / "policy.toml")
