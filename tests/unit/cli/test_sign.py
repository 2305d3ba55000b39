"""The commands that sign: what they answer, and what they load."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest
import tiny

from imgforge.cli import options
from imgforge.cli.main import main
from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Layout
from imgforge.signing import generate, statement

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("IMGFORGE_KEY_PASSWORD", "secret")
    monkeypatch.delenv("SIGSTORE_ID_TOKEN", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    generate(tmp_path / "k", b"secret")
    made = Layout.create(tmp_path / "layout")
    made.write_index([tiny.image(made)])
    return made


def ran(layout: Layout, *arguments: str) -> int:
    command, *rest = arguments
    return main([command, str(layout.path), *rest])


def test_an_image_is_signed_once(layout: Layout, capsys: Capture) -> None:
    key = str(layout.path.parent / "k.key")
    (top,) = layout.index()
    assert ran(layout, "sign", "--key", key, "--name", "acme/web") == 0
    assert capsys.readouterr().out == f"acme/web@{top.digest}\n"
    assert ran(layout, "sign", "--key", key, "--name", "acme/web", "--format", "json") == 0
    captured = capsys.readouterr()
    (answer,) = json.loads(captured.out)
    assert answer["digest"] == top.digest
    assert answer["signer"].startswith("the key sha256:")
    assert [each["added"] for each in answer["attached"]] == [False]
    assert f"about to sign {top.digest}" in captured.err


def test_a_report_is_attested(layout: Layout, capsys: Capture) -> None:
    folder = layout.path.parent
    (folder / "review.json").write_text('{"ok": true}')
    asked = ("attest", "--key", str(folder / "k.key"), "--predicate", str(folder / "review.json"))
    assert ran(layout, *asked, "--type", "https://example.com/review/v1", "--format", "json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [e["predicateType"] for e in answer["attached"]] == ["https://example.com/review/v1"]
    assert ran(layout, *asked, "--type", "spdx") == 2
    assert "is not an SPDX document" in capsys.readouterr().err
    assert ran(layout, *asked, "--type", "sbom") == 2
    assert "no predicate type" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ((), 2, "nothing says who signs"),
        (("--keyless", "--key", "k"), 2, "exclude each other"),
        (("--log",), 2, "none is asked for"),
        (("--keyless", "--offline"), 2, "cannot be done --offline"),
        (("--keyless",), 2, "needs an identity token"),
        (("--key", "none.key"), 2, "none.key"),
    ],
)
def test_what_cannot_be_signed_is_one_line(
    layout: Layout, capsys: Capture, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    before = layout.index()
    assert ran(layout, "sign", *arguments) == code
    captured = capsys.readouterr()
    (error,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert reason in error
    assert captured.out == ""
    assert layout.index() == before


def test_there_must_be_something_to_do_for_witnesses(layout: Layout, capsys: Capture) -> None:
    public = str(layout.path.parent / "k.pub")
    assert ran(layout, "log", "--key", public, "--no-log") == 2
    assert "leaves nothing to do" in capsys.readouterr().err


def test_signing_with_a_key_loads_neither_sigstore_nor_an_http_client(layout: Layout) -> None:
    program = (
        "import sys; from imgforge.cli.main import main; code = main(sys.argv[1:]);"
        "print(sorted({'sigstore', 'httpx', 'requests', 'tuf', 'pydantic'} & set(sys.modules)));"
        "sys.exit(code)"
    )
    asked = ["sign", str(layout.path), "--key", str(layout.path.parent / "k.key"), "-q"]
    done = subprocess.run(
        [sys.executable, "-c", program, *asked], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_a_build_attests_is_read_from_its_flags() -> None:
    given = options.attested(["vuln=report.json", "https://example.com/x?a=b=review.json"])
    assert given == (
        (statement.VULNERABILITIES, Path("report.json")),
        ("https://example.com/x?a=b", Path("review.json")),
    )
    for text, reason in (
        ("vuln", "malformed"),
        ("=x", "malformed"),
        ("spdx=x", "makes and signs that itself"),
        ("nothing=x", "no predicate type"),
    ):
        with pytest.raises(InvalidInputError, match=reason):
            options.attested([text])
    with pytest.raises(InvalidInputError, match="given twice"):
        options.attested(["vuln=a", f"{statement.VULNERABILITIES}=b"])


def test_each_flag_has_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGFORGE_KEYLESS", "1")
    monkeypatch.setenv("IMGFORGE_TIMESTAMP", "1")
    monkeypatch.setenv("IMGFORGE_IDENTITY_TOKEN", "token")
    monkeypatch.setenv("IMGFORGE_SIGSTORE_TRUST_CONFIG", "trust.json")
    parser = argparse.ArgumentParser()
    options.signing(parser)
    asked = options.sign_with(parser.parse_args([]))
    assert (asked.key, asked.keyless, asked.log, asked.timestamp) == (None, True, False, True)
    assert (asked.token, asked.trust_config) == (Path("token"), Path("trust.json"))
