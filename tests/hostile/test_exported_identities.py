"""Identities in policies for clusters: whoever is admitted there is accepted here."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgforge.signing.claims import fits
from imgforge.verify.export.pattern import Unsupported, holder, is_literal

PIECES = ["https", "://", "/", ":", "@", ".", "a", "bc", "-", "evil.org", ".example.com", "%", "+"]
TEXT = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
GLOB = st.lists(
    st.sampled_from([*PIECES, "*", "*", "?", "[ab]", "[!a]", "[!/]", "[:/]", "[a-c]", "[", "]"]),
    max_size=9,
).map("".join)


BOTH = st.lists(
    st.one_of(
        st.sampled_from(PIECES).map(lambda piece: (piece, piece)),
        st.tuples(st.sampled_from(["*", "*", "?", "[ab]", "[!a]", "[!/]", "[:/]"]), TEXT),
    ),
    max_size=7,
).map(lambda pairs: tuple(map("".join, zip(*pairs, strict=True))) or ("", ""))
"""A glob, and a text that something in it might match."""


@pytest.mark.filterwarnings("ignore:Possible nested set")  # RE2 has no nested sets
@settings(max_examples=1500)
@given(st.one_of(st.tuples(GLOB, TEXT), BOTH))
def test_the_expression_accepts_nobody_whom_the_glob_does_not(both: tuple[str, str]) -> None:
    glob, text = both
    try:
        pattern = holder(glob)
    except Unsupported:
        return
    if re.search(pattern, text):
        assert fits(text, glob)


@pytest.mark.parametrize(
    ("glob", "held", "evil"),
    [
        (
            "https://*.example.com/*",
            "https://ci.example.com/acme/web",
            "https://evil.org/.example.com/x",
        ),
        (
            "https://github.com/acme/*",
            "https://github.com/acme/web",
            "https://github.com.evil/acme/",
        ),
        ("*@example.com", "jo@example.com", "https://github.com/evil/x@example.com"),
        ("release-*", "release-bot", "release-://evil.org/x"),
        ("bot@*.org", "bot@example.org", "bot@evil.com/x.org"),
    ],
)
def test_a_wildcard_stays_in_its_part(glob: str, held: str, evil: str) -> None:
    assert fits(held, glob)
    assert re.search(holder(glob), held)
    assert not fits(evil, glob)
    assert not re.search(holder(glob), evil)


def test_a_text_without_wildcards_matches_itself() -> None:
    for text in ("https://github.com/acme/web", "jo@example.com", "robot", "a://b@c/d"):
        assert is_literal(text)
        assert fits(text, text)
