from __future__ import annotations

import pytest

from imgforge.dockerfile.words import ExpansionError, expand, split

ENV = {"V": "foo.bar.tar.gz", "E": "", "S": "a*b?", "P": "a/b/c/b", "W": "x y"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a$V-$E-$U.", "afoo.bar.tar.gz--."),
        ("${V}x", "foo.bar.tar.gzx"),
        ("'$V' \"$V\" \\$V", "$V foo.bar.tar.gz $V"),
        ('"a\\"b\\x\\\\"', 'a"b\\x\\'),
        ("a\\ b\\", "a b"),
        ("${U:-d} ${E:-d} ${E-d} ${U-}", "d d  "),
        ("${V:+a} ${E:+a} ${E+a} ${U+a}", "a  a "),
        ("${U:-${E:-$V}}", "foo.bar.tar.gz"),
        ("${U:-'a }'}", "a }"),
        ("${V%.*} ${V%%.*} ${V#*.} ${V##*.}", "foo.bar.tar foo bar.tar.gz gz"),
        ("${S%\\?} ${S#a\\*} ${V%?z} ${V#x}", "a*b b? foo.bar.tar. foo.bar.tar.gz"),
        ("${P/b/X} ${P//b/X} ${P/\\//-} ${P//\\//-} ${P/*b/}", "a/X/c/b a/X/c/X a-b/c/b a-b-c-b "),
        ("$ $- $1x $$", "$  x "),
        ("<<EOF < << x", "<<EOF < << x"),
    ],
)
def test_words_are_expanded(word: str, expected: str) -> None:
    assert expand(word, ENV).text == expected


def test_unquoted_spaces_end_words() -> None:
    assert expand("a '$W b'  $W \"c d\"", {**ENV}).words == ("a", "$W b", "x", "y", "c d")


@pytest.mark.parametrize("word", ["${U}", "$U", "${U:-a}", "${U%x}", "${U/a/b}", "${U:?no}"])
def test_what_is_not_set_can_be_kept(word: str) -> None:
    found = expand(f"a{word}-b", {}, keep_unset=True)
    assert found.text == f"a{word}-b"
    assert found.unset == {"U"}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("'a", "single-quote"),
        ('"a', "double-quote"),
        ("${a", "unsupported modifier"),
        ("${", "missing '}'"),
        ("${}", "bad substitution"),
        ("${a:-b", "missing '}'"),
        ("${a/b", "missing '/'"),
        ("${a^b}", "unsupported modifier"),
        ("${V:#b}", "unsupported modifier"),
        ("${U:?it is needed}", "U: it is needed"),
        ("${U?}", "U: is not allowed to be unset"),
        ("${E:?}", "E: is not allowed to be empty"),
        ("${V#\\a}", "invalid pattern"),
    ],
)
def test_what_buildkit_refuses(word: str, message: str) -> None:
    with pytest.raises(ExpansionError, match=message):
        expand(word, ENV)


def test_another_escape() -> None:
    assert expand('a`$V\\b`"', ENV, escape="`").text == 'a$V\\b"'


def test_quotes_are_letters_in_heredocs() -> None:
    assert expand("'$E\" \\$V", ENV, plain_quotes=True).text == "'\" $V"


def test_words_are_split_with_their_quotes() -> None:
    assert split("a='b c'  d=\"e \\\" f\" g\\ h ''") == ("a='b c'", 'd="e \\" f"', "g\\ h", "''")
