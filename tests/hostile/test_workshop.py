"""Stacks, expectations and repositories that mean harm, in the hands of the workshop."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from ownstack import TEMPLATE, change, made

from imgforge.cli.main import main
from imgforge.dockerfile import hadolint
from imgforge.errors import InvalidInputError
from imgforge.trial import expect
from imgforge.workshop import census


@pytest.fixture(autouse=True)
def _without_hadolint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hadolint, "installed", lambda: False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "IF220"),
        ("{{ cycler.__init__.__globals__.os.system('id') }}", "IF2"),
        ("{% include '/etc/passwd' %}", "IF220"),
        ("{% include '../../etc/passwd' %}", "IF220"),
        ("{{ 'x' * 10 ** 9 }}", "IF220"),
        ("{% for a in range(10 ** 9) %}x{% endfor %}", "IF220"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "IF220"),
        ("FROM scratch AS mine", "IF221"),
        ("ADD https://example.com/x /x", "IF220"),
    ],
)
def test_templates_that_mean_harm_are_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    folder = made(tmp_path, template=("{{ before }}", f"{{{{ before }}}}\n{text}"))
    assert main(["stack", "lint", str(folder), "--format", "json"]) == 10
    out = capsys.readouterr().out
    assert words in out
    assert "root:x:0" not in out


@pytest.mark.parametrize("kind", ["link", "large", "binary"])
def test_templates_that_are_none_are_refused(tmp_path: Path, kind: str) -> None:
    folder = made(tmp_path)
    path = folder / TEMPLATE
    path.unlink()
    if kind == "link":
        path.symlink_to("/etc/passwd")
    else:
        path.write_bytes(b"#" * (10 << 20) if kind == "large" else b"\xff\xfe")
    for verb in ("lint", "show", "test"):
        assert main(["stack", verb, str(folder)]) == 2
    assert main(["stack", "new", str(tmp_path / "copy"), "--from", str(folder)]) == 2
    assert not (tmp_path / "copy").exists()


def test_an_expectation_reaches_nothing_outside(tmp_path: Path) -> None:
    folder = made(tmp_path) / "tests/basic"
    change(folder / "expect.toml", "[[runs]]", 'prepare = ["../../../../bin/true"]\n[[runs]]')
    with pytest.raises(InvalidInputError, match="there is no"):
        expect.prepare(expect.read(folder), folder)


def test_a_tree_of_repositories_that_means_harm(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/imgforge.toml").symlink_to("/dev/zero")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/imgforge.toml").write_bytes(b"x" * (2 << 20))
    (tmp_path / "c").mkdir()
    os.mkfifo(tmp_path / "c/imgforge.toml")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/imgforge.toml").write_text("[" * 100000, encoding="utf-8")
    (tmp_path / "e\x1b[2J").mkdir()
    (tmp_path / "e\x1b[2J/imgforge.toml").write_text("", encoding="utf-8")
    for name, lock in (("f", b""), ("g", b"[" * 100000), ("h", b"[runtime]\na = " + b"9" * 5000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "imgforge.toml").write_text('[stack]\nname = "python"\n')
        (tmp_path / name / "imgforge.lock").write_bytes(lock)
    (tmp_path / "f/imgforge.lock").unlink()
    os.mkfifo(tmp_path / "f/imgforge.lock")
    uses = census.take([tmp_path], census.How(lambda _: None, offline=True))
    assert len(uses) == 6
    assert all(use.problem for use in uses)


def test_names_cannot_move_the_terminals_cursor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "e\x1b[2J").mkdir()
    (tmp_path / "e\x1b[2J/imgforge.toml").write_text("", encoding="utf-8")
    assert main(["stack", "who", str(tmp_path)]) == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["show", "diff", "who"])
def test_a_stacks_words_cannot_either(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = made(tmp_path / "old")
    new = made(tmp_path / "new")
    text = (new / "stack.toml").read_text(encoding="utf-8")
    evil = re.sub(r'(?m)^(\s*doc|mend) = ".*"$', r'\1 = "\\u001b[2Jevil"', text)
    assert evil != text
    (new / "stack.toml").write_text(evil, encoding="utf-8")
    arguments = {"show": [new], "diff": [old, new], "who": [tmp_path]}[verb]
    main(["stack", verb, *map(str, arguments)])
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert verb == "who" or "evil" in said.out
