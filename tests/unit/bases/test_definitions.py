from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path

import pytest

from imgforge import assets, bases
from imgforge.bases import definitions
from imgforge.bases.image import configuration
from imgforge.errors import InvalidInputError

TEXT = """\
name = "demo"
summary = "A demonstration"
packages = ["libc6"]

[suite.trixie]
end-of-life = 2030-06-30

[[step]]
kind = "ld-so-cache"

[[directory]]
path = "srv/demo"
mode = "0750"

[[file]]
path = "etc/demo"
text = "x"
"""


def parse(text: str) -> definitions.Definition:
    data = text.encode()
    return definitions.parse(data, tomllib.loads(text), "demo.toml")


def test_every_shipped_definition_is_valid_and_alive() -> None:
    names = bases.names()
    assert {"static", "base", "cc", "python-3.13", "python-3.13-dev"} <= set(names)
    for name in names:
        chain = definitions.chain(name)
        assert chain[0].parent is None
        assert chain[-1].name == bases.definition(name).name
        assert chain[-1].end_of_life > dt.date(2026, 1, 1)


def test_runtime_bases_keep_the_contract() -> None:
    for name in bases.names():
        chain = definitions.chain(name)
        config = configuration(chain)
        if name.endswith("-dev"):
            assert config["User"] == "0:0"
            assert chain[-1].shell
        else:
            assert config["User"] == "65532:65532"
            assert config["WorkingDir"] == "/home/nonroot"
        assert "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt" in config["Env"]
        assert "LANG=C.UTF-8" in config["Env"]
        homes = [d for x in chain for d in x.directory if d.path == "home/nonroot"]
        assert [(d.uid, d.gid) for d in homes] == [(65532, 65532)]


def test_a_child_inherits_and_overrides_configuration() -> None:
    runtime = configuration(definitions.chain("python-3.13"))
    builder = configuration(definitions.chain("python-3.13-dev"))
    assert runtime["Entrypoint"] == ["/usr/bin/python3"]
    assert "Entrypoint" not in builder
    assert builder["Cmd"] == ["/bin/sh"]
    assert set(runtime["Env"]) < set(builder["Env"])


def test_added_packages_are_one_more_layer() -> None:
    plain, more = (definitions.chain("cc", packages=p) for p in (False, True))
    assert [d.name for d in more] == ["static", "base", "cc", "packages"]
    assert more[:-1] == plain
    assert definitions.digest(plain) != definitions.digest(more)


def test_words_do_not_change_the_digest_but_content_does() -> None:
    before = definitions.digest([parse(TEXT)])
    assert definitions.digest([parse(TEXT.replace("A demo", "The demo"))]) == before
    assert definitions.digest([parse(TEXT.replace("2030", "2031"))]) == before
    for old, new in (("libc6", "libc7"), ('"x"', '"y"'), ("0750", "0755"), ("trixie", "forky")):
        assert definitions.digest([parse(TEXT.replace(old, new))]) != before


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('path = "etc/demo"', 'path = "/etc/demo"', "file[0].path"),
        ('path = "etc/demo"', 'path = "etc/../demo"', "file[0].path"),
        ('path = "etc/demo"', 'path = "etc//demo"', "file[0].path"),
        ('mode = "0750"', 'mode = "4750"', "directory[0].mode"),
        ('mode = "0750"', "mode = 750", "directory[0].mode"),
        ('mode = "0750"', 'mode = "rwx"', "directory[0].mode"),
        ("ld-so-cache", "run-script", "step[0]"),
        ('"libc6"', '"libc6; rm"', "packages[0]"),
        ("[suite.trixie]", '[suite."../trixie"]', "suite."),
        ('summary = "A demonstration"', "", "summary"),
        ("[[file]]", "[[files]]", "files"),
        ("2030-06-30", '"2030-06-30"', "suite.trixie.end-of-life"),
    ],
)
def test_mistakes_are_named_with_their_line(old: str, new: str, place: str) -> None:
    assert old in TEXT
    with pytest.raises(InvalidInputError) as caught:
        parse(TEXT.replace(old, new))
    assert any(f": {place}" in line and "demo.toml:" in line for line in caught.value.details), (
        caught.value.details
    )


def test_a_suite_can_be_named_and_parents_follow() -> None:
    for name, suite, abi, library in (
        ("cc", "trixie", "debian13", "libssl3t64"),
        ("cc-bookworm", "bookworm", "debian12", "libssl3"),
        ("python-3.11", "bookworm", "debian12 python3.11", "libssl3"),
        ("nodejs-bookworm", "bookworm", "debian12 node18", "libssl3"),
    ):
        chain = definitions.chain(name)
        assert {d.suite_name for d in chain} == {suite}
        assert definitions.abi(chain) == abi
        assert library in {p for d in chain for p in d.packages}
    for name in ("cc-forky", "python-3.13-bookworm", "-bookworm", "bookworm"):
        with pytest.raises(InvalidInputError, match="there is no base"):
            definitions.chain(name)


def test_a_parent_must_have_the_suite(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    head = 'summary = ""\nsuite.%s.end-of-life = 2030-01-01\n'
    (tmp_path / "low.toml").write_text('name = "low"\n' + head % "trixie")
    (tmp_path / "top.toml").write_text('name = "top"\nparent = "low"\n' + head % "bookworm")
    monkeypatch.setattr(assets, "folder", lambda _: tmp_path)
    definitions.load.cache_clear()
    with pytest.raises(InvalidInputError, match="'low' cannot be made of bookworm"):
        definitions.chain("top")
    definitions.load.cache_clear()


def test_an_unknown_base_lists_the_known() -> None:
    with pytest.raises(InvalidInputError, match="no base 'nosuch'") as caught:
        bases.definition("nosuch")
    assert "static" in (caught.value.hint or "")
    with pytest.raises(InvalidInputError):
        bases.definition("../bases/static")


def test_a_name_that_another_has_on_a_suite_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'name = "cc-bookworm"\nsummary = ""\nsuite.trixie.end-of-life = 2030-01-01\n'
    (tmp_path / "cc-bookworm.toml").write_text(text)
    monkeypatch.setenv("IMGFORGE_BASES", str(tmp_path))
    with pytest.raises(InvalidInputError, match=r"is called as .*cc\.toml is on bookworm"):
        definitions.names()
    monkeypatch.delenv("IMGFORGE_BASES")
    with pytest.raises(InvalidInputError, match="there is no base 'cc-trixie'"):
        definitions.chain("cc-trixie")
