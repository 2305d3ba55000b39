from __future__ import annotations

import pytest
from condition import against

from imgforge.verify.conditions.where import parse

KIND = "https://example.com/any/v1"
RFC = {
    "foo": ["bar", "baz"],
    "": "empty",
    "a/b": "slash",
    "c%d": "percent",
    "e^f": "caret",
    "g|h": "bar",
    'k"l': "quote",
    " ": "space",
    "m~n": "tilde",
    "~1": "both",
    "yes": True,
    "no": False,
    "one": 1,
    "ten": 10,
    "half": 0.5,
    "huge": 10**400,
    "none": None,
    "text": "true",
    "lines": "a\nb/c",
}


@pytest.mark.parametrize(
    ("pointer", "wanted"),
    [
        ("/foo/0", "bar"),
        ("/foo/1", "b*"),
        ("/", "empty"),
        ("/a~1b", "slash"),
        ("/c%d", "percent"),
        ("/e^f", "caret"),
        ("/g|h", "bar"),
        ('/k"l', "quote"),
        ("/ ", "space"),
        ("/m~0n", "tilde"),
        ("/~01", "both"),
        ("/yes", "true"),
        ("/no", "false"),
        ("/one", "1"),
        ("/half", "0.5"),
        ("/text", "true"),
        ("/lines", "a*c"),
    ],
)
def test_what_stands_there_is_found(pointer: str, wanted: str) -> None:
    """The pointers are those of RFC 6901, section 5."""
    assert against(RFC, KIND, where={pointer: wanted}) == []


@pytest.mark.parametrize(
    ("pointer", "wanted"),
    [
        ("", "*"),
        ("/foo", "*"),
        ("/foo/2", "*"),
        ("/foo/-", "*"),
        ("/foo/00", "*"),
        ("/foo/01", "*"),
        ("/foo/-1", "*"),
        ("/foo/1.0", "*"),
        ("/foo/9999999999999999999", "*"),
        ("/foo/\u0661", "*"),
        ("/foo/0/0", "*"),
        ("/nothing", "*"),
        ("/foo/0", "BAR"),
        ("/foo/0", "ba"),
        ("/yes", "1"),
        ("/yes", "True"),
        ("/yes", "*"),
        ("/one", "true"),
        ("/one", "1.0"),
        ("/ten", "1*"),
        ("/huge", "*"),
        ("/none", "null"),
        ("/none", "*"),
        ("/a/b", "slash"),
        ("foo", "*"),
        ("/~", "*"),
        ("/~2", "*"),
    ],
)
def test_what_does_not_stand_there_is_a_reason(pointer: str, wanted: str) -> None:
    (reason,) = against(RFC, KIND, where={pointer: wanted})
    assert reason.startswith(ascii(pointer))


def test_each_place_is_judged() -> None:
    assert len(against(RFC, KIND, where={"/one": "2", "/yes": "true", "/no": "true"})) == 2


def test_what_is_printed_is_harmless() -> None:
    (reason,) = against({"a": "\x1b[2J\u202e" + "x" * 5000}, KIND, where={"/a": "y"})
    assert reason.startswith("'/a': '\\x1b[2J\\u202exxx")
    assert "...'" not in reason


def test_a_long_text_fits_nothing() -> None:
    assert against({"a": "x" * 10_001}, KIND, where={"/a": "*"})


@pytest.mark.parametrize("pointer", ["a", "~", "/a~", "/~2b", "/~~0"])
def test_pointers_that_are_none_are_refused(pointer: str) -> None:
    with pytest.raises(ValueError, match="pointer"):
        parse(pointer)
