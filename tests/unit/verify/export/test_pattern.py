from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgforge.verify.export.pattern import Unsupported, is_literal, regex

TEXT = st.text(st.sampled_from("ab.-*?[]!^$(){}|+\\/1"), max_size=8)


@pytest.mark.filterwarnings("ignore:Possible nested set")  # RE2 has no nested sets
@given(TEXT, TEXT)
def test_what_the_expression_matches_the_glob_does_too(glob: str, text: str) -> None:
    try:
        pattern = regex(glob)
    except Unsupported:
        return
    assert (re.search(pattern, text) is not None) == fnmatchcase(text, glob)


def test_it_is_anchored_and_escaped() -> None:
    assert regex("https://github.com/acme/*") == "^https://github[.]com/acme/.*$"
    assert not re.search(regex("a.b"), "axb")
    assert not re.search(regex("a.b"), "evil a.b evil")
    assert not re.search(regex("a*"), "a\nb")


@pytest.mark.parametrize("glob", ["[z-a]", "[a&&b]", "[[]", "[]]", "[^a]", "[a\\]"])
def test_an_odd_set_is_refused(glob: str) -> None:
    with pytest.raises(Unsupported, match="set"):
        regex(glob)


def test_sets_are_written_out() -> None:
    assert regex("v[0-9].[!x]") == "^v[0-9][.][^x]$"
    assert is_literal("a.b")
    assert not is_literal("a[b]")
