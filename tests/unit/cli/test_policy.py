from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import tiny
from madepolicy import Organisation, organisation_in

from imgforge.cli.main import main
from imgforge.oci.layout import Layout
from imgforge.oci.types import sha256
from imgforge.policy.schema import json_schema
from imgforge.project import Project

Capture = pytest.CaptureFixture[str]
ENTRY = '[[ignore]]\ncheck = "IF010"\nreason = "ré\\"son"\nowner = "us"\nexpires = 2099-01-31\n'


@pytest.fixture(autouse=True)
def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    made = organisation_in(tmp_path, monkeypatch)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    for name in ("IMGFORGE_CONFIG", "IMGFORGE_POLICY", "IMGFORGE_PUBLIC_KEY", "IMGFORGE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMGFORGE_KEY_PASSWORD", "")
    return made


def test_signs_verifies_and_names_a_policy(org: Organisation, capsys: Capture) -> None:
    org.write('fail-on = "low"\n')
    assert main(["key", "generate", str(org.folder / "k")]) == 0
    capsys.readouterr()
    assert main(["policy", "sign", str(org.file), "--key", str(org.folder / "k.key")]) == 0
    assert capsys.readouterr().out == f"{org.file}.sigstore.json\n"
    verify = ["policy", "verify", str(org.file), "--key", str(org.folder / "k.pub")]
    assert main(verify) == 0
    digest = sha256(org.file.read_bytes())
    captured = capsys.readouterr()
    assert captured.out == f"{digest}\n"
    assert "signed by key sha256:" in captured.err
    assert main(["policy", "digest", str(org.file)]) == 0
    assert capsys.readouterr().out == f"{digest}\n"
    org.write('fail-on = "high"\n')
    assert main(verify) == 5
    assert "was changed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    ['fail-on = "never"\n', '[[bases.trust]]\nmatch = "*"\nkey = "base.pub"\n', "\xff"],
)
def test_what_could_not_be_pinned_is_not_signed(
    org: Organisation, capsys: Capture, text: str
) -> None:
    org.file.write_text(text, encoding="latin-1")
    assert main(["key", "generate", str(org.folder / "k")]) == 0
    assert main(["policy", "sign", str(org.file), "--key", str(org.folder / "k.key")]) == 2
    assert "error" in capsys.readouterr().err
    assert not list(org.folder.glob("*.sigstore.json"))


def test_a_folder_that_cannot_be_written_is_said(org: Organisation, capsys: Capture) -> None:
    org.write("")
    Path(f"{org.file}.sigstore.json").mkdir()
    assert main(["key", "generate", str(org.folder / "k")]) == 0
    assert main(["policy", "sign", str(org.file), "--key", str(org.folder / "k.key")]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert not list(org.folder.glob(".new-*"))


def test_shows_what_holds_and_who_says_it(
    org: Organisation, tmp_path: Path, capsys: Capture
) -> None:
    org.write(
        'fail-on = "medium"\n[severity]\nIF030 = "low"\n[budget]\nsize = "200MB"\n'
        '[delegate]\nchecks = ["IF010"]\n[bases]\nallow = ["a/*"]\n'
        '[[bases.trust]]\nmatch = "a/*"\nexempt = "x"\nowner = "o"\nexpires = 2099-01-31\n'
    )
    org.pin("digest")
    mine = tmp_path / "mine.toml"
    mine.write_text(f"[budget]\nlayers = 9\n{ENTRY}")
    assert main(["policy", "show", "--policy", str(mine)]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    for line in (
        f"files: {org.file}, {mine}",
        f'fail-on = "medium"  # {org.file}',
        "allow-shell = false  # default",
        f'severity.IF030 = "low"  # {org.file}',
        f"budget.size = 200000000  # {org.file}",
        f"budget.layers = 9  # {mine}",
        'ignore IF010: r\\xe9"son (us, until 2099-01-31)',
        'bases.allow = ["a/*"]',
        "bases.trust a/*: exempt x, owner o, expires 2099-01-31",
    ):
        assert line in out.splitlines()
    assert main(["policy", "show", "--policy", str(mine), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["files"] == [str(org.file), str(mine)]
    assert shown["origins"]["budget.layers"] == str(mine)
    assert shown["policy"]["ignore"][0]["owner"] == "us"
    assert shown["policy"]["bases"]["trust"][0]["exempt"] == "x"


def test_says_that_there_is_no_policy(capsys: Capture) -> None:
    assert main(["policy", "show"]) == 0
    assert capsys.readouterr().out.startswith('files: none\nfail-on = "high"  # default\n')


def test_an_exception_that_has_ended_is_shown_as_such(tmp_path: Path, capsys: Capture) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(ENTRY.replace("2099", "1999"))
    assert main(["policy", "show", "--policy", str(mine)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("until 1999-01-31) - EXPIRED")


def test_a_project_that_asks_for_more_is_refused(
    org: Organisation, tmp_path: Path, capsys: Capture
) -> None:
    org.write("")
    org.pin("digest")
    mine = tmp_path / "mine.toml"
    mine.write_text("allow-root = true\n")
    assert main(["policy", "show", "--policy", str(mine)]) == 2
    assert "allow-root: not allowed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["policy", "show"],
        ["check", "LAYOUT"],
        ["build", "PROJECT", "--engine", "native"],
        ["lock", "PROJECT"],
        ["base", "build", "static"],
        ["base", "publish", "static", "registry.test/x", "--key", "none.key"],
    ],
)
def test_nothing_is_judged_by_a_policy_that_was_changed(
    command: list[str],
    org: Organisation,
    make_project: Callable[..., Project],
    tmp_path: Path,
    capsys: Capture,
) -> None:
    layout = Layout.create(tmp_path / "layout")
    layout.write_index([tiny.image(layout)])
    places = {"LAYOUT": str(layout.path), "PROJECT": str(make_project().root)}
    org.write("")
    org.pin("digest")
    org.write("allow-root = true\n")
    assert main([places.get(word, word) for word in command]) == 5
    captured = capsys.readouterr()
    assert "is not the one that" in captured.err
    assert not captured.out


def test_the_schema_of_policies_is_printed(capsys: Capture) -> None:
    assert main(["schema", "--of", "policy"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == json_schema()
    jsonschema.validate({"fail-on": "low"}, schema)


def test_what_is_demanded_of_images_is_shown(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        '[[images]]\nmatch = "acme/*"\nplatforms = "index"\n'
        '[[images.signed-by]]\nkey = "a.pub"\n'
        '[[images.signed-by]]\nidentity = "dev@example.com"\nissuer = "https://id.example.com"\n'
        'ref = "refs/tags/*"\n'
        '[[images.attested]]\ntype = "findings"\nmax-age = 0\nbelow = "high"\n'
    )
    assert main(["policy", "show", "--policy", str(path)]) == 0
    said = (
        "images acme/*: signed by {} or signed by dev@example.com of https://id.example.com "
        "(ref refs/tags/*, log required), https://imgforge.dev/findings/v1 "
        "(below high, max-age 0)\n"
    )
    assert said.format(tmp_path / "a.pub") in capsys.readouterr().out
    assert main(["policy", "show", "--policy", str(path), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["policy"]["images"] == [
        [
            {
                "match": "acme/*",
                "platforms": "index",
                "signed-by": [
                    {"key": str(tmp_path / "a.pub"), "log": "waived", "timestamp": "waived"},
                    {
                        "identity": "dev@example.com",
                        "issuer": "https://id.example.com",
                        "ref": "refs/tags/*",
                        "log": "required",
                        "timestamp": "waived",
                    },
                ],
                "attested": [
                    {"type": "https://imgforge.dev/findings/v1", "below": "high", "max-age": 0}
                ],
            }
        ]
    ]
