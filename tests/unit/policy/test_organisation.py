"""The organisation's policy is the one that settings pin, or nothing is judged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from madepolicy import Organisation, organisation_in

from imgforge import files, policy
from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.types import sha256
from imgforge.policy import Policy
from imgforge.signing import generate

STRICT = 'fail-on = "low"\n[delegate]\nchecks = ["IF010"]\nmax-days = 30000000\n'


@pytest.fixture
def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    return organisation_in(tmp_path, monkeypatch)


def test_without_settings_the_file_that_is_given_is_all(org: Organisation, tmp_path: Path) -> None:
    assert policy.effective(None, org.environ) == Policy()
    mine = tmp_path / "mine.toml"
    mine.write_text('fail-on = "critical"\nallow-shell = true\n')
    held = policy.effective(mine, org.environ)
    assert (held.fail_on, held.allow_shell) == ("critical", True)
    assert policy.files(mine, org.environ) == (mine,)


@pytest.mark.parametrize("ways", [("digest",), ("key",), ("digest", "key")])
def test_a_pinned_policy_bounds_what_is_given(
    org: Organisation, tmp_path: Path, ways: tuple[str, ...]
) -> None:
    org.write(STRICT)
    org.sign()
    org.pin(*ways)
    assert policy.effective(None, org.environ).fail_on == "low"
    mine = tmp_path / "mine.toml"
    mine.write_text("allow-shell = false\n")
    assert policy.effective(mine, org.environ).fail_on == "low"
    mine.write_text('fail-on = "high"\nallow-shell = true\n')
    with pytest.raises(InvalidInputError, match="asks for more") as error:
        policy.effective(mine, org.environ)
    assert [line.partition(":")[0] for line in error.value.details] == ["fail-on", "allow-shell"]


def test_exceptions_below_are_their_own_and_those_above_are_shared(
    org: Organisation, tmp_path: Path
) -> None:
    entry = '[[ignore]]\ncheck = "IF010"\nreason = "r"\nowner = "o"\nexpires = 2999-01-01\n'
    org.write(STRICT + entry)
    org.pin("digest")
    mine = tmp_path / "mine.toml"
    mine.write_text(entry + 'path = "mine"\n')
    held = policy.effective(mine, org.environ)
    assert [i.path for i in held.ignore] == ["mine"]
    assert [i.path for i in held.inherited] == ["*"]


@pytest.mark.parametrize("ways", [("digest",), ("key",), ("digest", "key")])
def test_a_changed_policy_is_refused_before_it_is_parsed(
    org: Organisation, ways: tuple[str, ...]
) -> None:
    org.write(STRICT)
    org.sign()
    org.pin(*ways)
    org.write("not even toml")
    with pytest.raises(EvidenceError, match=r"org\.toml"):
        policy.effective(None, org.environ)


@pytest.mark.parametrize("what", ["policy", "signature", "key"])
def test_what_is_missing_is_an_error(org: Organisation, what: str) -> None:
    org.write(STRICT)
    bundle = org.sign()
    org.pin("key")
    {"policy": org.file, "signature": bundle, "key": org.folder / "org.pub"}[what].unlink()
    with pytest.raises(InvalidInputError, match="cannot read"):
        policy.effective(None, org.environ)


def test_another_keys_signature_is_refused(org: Organisation, tmp_path: Path) -> None:
    org.write(STRICT)
    org.sign()
    org.pin("key")
    _, other = generate(tmp_path / "other", b"")
    shutil.copy(other, org.folder / "org.pub")
    with pytest.raises(EvidenceError, match="not by this key"):
        policy.effective(None, org.environ)


def test_a_signature_of_another_policy_is_refused(org: Organisation) -> None:
    org.write("allow-root = true\n")
    loose = org.sign().read_bytes()
    org.write(STRICT)
    bundle = org.sign()
    org.pin("key")
    bundle.write_bytes(loose)
    with pytest.raises(EvidenceError, match="over another file"):
        policy.effective(None, org.environ)
    forged = json.loads(loose)
    forged["messageSignature"]["messageDigest"] = {
        "algorithm": "SHA2_256",
        "digest": json.loads(org.sign().read_bytes())["messageSignature"]["messageDigest"][
            "digest"
        ],
    }
    bundle.write_text(json.dumps(forged))
    with pytest.raises(EvidenceError, match="not by this key"):
        policy.effective(None, org.environ)


@pytest.mark.parametrize(
    "text",
    [
        "policy = 1",
        "[policy]",
        '[policy]\nfile = "org.toml"',
        '[policy]\nkey = "org.pub"',
        '[policy]\nfile = "org.toml"\ndigest = "sha256:0"',
        '[policy]\nfile = "org.toml"\nkey = ""',
        '[policy]\nfile = "org.toml"\nkey = "org.pub"\noptional = true',
        "[policy",
    ],
)
def test_settings_that_pin_nothing_are_refused(org: Organisation, text: str) -> None:
    org.write(STRICT)
    org.sign()
    org.settings.write_text(text)
    with pytest.raises(InvalidInputError):
        policy.effective(None, org.environ)
    with pytest.raises(InvalidInputError):
        policy.files(None, org.environ)


def test_the_machines_policy_counts_whatever_else_is_read(
    org: Organisation, tmp_path: Path
) -> None:
    org.write(STRICT)
    org.pin("digest")
    files.SYSTEM.parent.mkdir()
    shutil.copy(org.file, files.SYSTEM.parent)
    shutil.copy(org.settings, files.SYSTEM)
    other = tmp_path / "other.toml"
    other.write_text("")
    for environ in (
        org.environ,
        {"IMGFORGE_CONFIG": str(other)},
        {"IMGFORGE_CONFIG": str(files.SYSTEM)},
        {"XDG_CONFIG_HOME": "/nowhere"},
        {},
    ):
        assert policy.effective(None, environ).fail_on == "low"
    org.write('fail-on = "info"\n')
    org.pin("digest")
    assert policy.effective(None, org.environ).fail_on == "info"
    assert len(policy.layers(None, org.environ)) == 2
    org.write('fail-on = "medium"\n')
    org.pin("digest")
    with pytest.raises(InvalidInputError, match="asks for more"):
        policy.effective(None, org.environ)


def test_settings_that_are_named_must_be_there(org: Organisation, tmp_path: Path) -> None:
    named = {**org.environ, "IMGFORGE_CONFIG": str(tmp_path / "none.toml")}
    with pytest.raises(InvalidInputError, match="cannot read"):
        policy.effective(None, named)


def test_settings_that_cannot_be_looked_at_are_no_reason_to_pass(
    org: Organisation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "etc").write_text("a file where a folder should be")
    assert policy.effective(None, org.environ) == Policy()
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    monkeypatch.setattr(files, "SYSTEM", loop)
    with pytest.raises(InvalidInputError, match="cannot read"):
        policy.effective(None, org.environ)


def test_a_pinned_policy_pins_the_files_it_names(org: Organisation) -> None:
    entry = '[[bases.trust]]\nmatch = "*"\nkey = "base.pub"\n'
    org.write(entry)
    org.pin("digest")
    with pytest.raises(InvalidInputError, match="names files that are not"):
        policy.effective(None, org.environ)
    org.write(f'{entry}digest = "{sha256(b"key")}"\n')
    org.pin("digest")
    (trust,) = policy.effective(None, org.environ).bases.trust
    assert trust.digest == sha256(b"key")


def test_all_that_decides_is_listed(org: Organisation, tmp_path: Path) -> None:
    org.write(f'[[bases.trust]]\nmatch = "*"\nkey = "base.pub"\ndigest = "{sha256(b"key")}"\n')
    bundle = org.sign()
    org.pin("key")
    mine = tmp_path / "mine.toml"
    mine.write_text('[[bases.trust]]\nmatch = "*"\ntrusted-root = "root.json"\n')
    assert policy.files(mine, org.environ) == (
        *(org.settings, org.folder / "org.pub", bundle, org.file, mine),
        *(org.folder / "base.pub", tmp_path / "root.json"),
    )
    for broken in ("not toml", "bases = 1", "[bases]\ntrust = [1]", "bases.trust = 1"):
        mine.write_text(broken)
        assert policy.files(mine, {}) == (mine,)


def test_a_signature_is_replaced_whole_and_is_readable_by_all(org: Organisation) -> None:
    org.write(STRICT)
    before = org.sign().read_bytes()
    bundle = org.sign()
    assert bundle.name == "org.toml.sigstore.json"
    assert bundle.read_bytes() == before
    assert bundle.stat().st_mode & 0o777 == 0o644
    assert not list(org.folder.glob(".new-*"))


def test_no_home_decides_which_key_counts(
    org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org.write(STRICT)
    org.sign()
    shutil.copy(org.folder / "org.pub", tmp_path / "org.pub")
    monkeypatch.setenv("HOME", str(tmp_path))
    org.settings.write_text('[policy]\nfile = "org.toml"\nkey = "~/org.pub"\n')
    with pytest.raises(InvalidInputError, match="cannot read"):
        policy.effective(None, org.environ)
