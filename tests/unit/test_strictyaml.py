from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgforge.strictyaml import load, load_all, load_object

LAUGHS = b"a: &a [x]\n" + b"".join(
    f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n".encode()
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_scalars_stay_the_text_they_are() -> None:
    text = b"v: 1.10\nb: true\nn: ~\ne:\nq: '1'\nl: [1, {a: b}]\n"
    assert load(text) == {
        "v": "1.10",
        "b": "true",
        "n": "~",
        "e": "",
        "q": "1",
        "l": ["1", {"a": "b"}],
    }


def test_documents() -> None:
    assert load(b"") == ""
    assert load_all(b"---\na: 1\n---\n- b\n") == [{"a": "1"}, ["b"]]
    with pytest.raises(ValueError, match="several documents"):
        load(b"--- a\n--- b\n")
    with pytest.raises(ValueError, match="not a YAML map"):
        load_object(b"- a\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "anchors or aliases"),
        (b"a: *b\n", "anchors or aliases"),
        (b"a: !!python/object/apply:os.system [x]\n", "the tag"),
        (b"a: !x y\n", "the tag"),
        (b"a: 1\na: 2\n", "repeats"),
        (b"a: {<<: {b: c}}\n", "merges"),
        (b"? [a]\n: b\n", "no text"),
        (b"[" * 1_000_000, "no YAML"),
        (b"- " * 100_000 + b"x", "nested"),
        (b"a: \xff", "no YAML"),
        (b"a: [\n", "no YAML in line"),
        (b"- x\n" * 2_000_001, "over 2000000"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_refused_is_refused_soon(text: bytes, said: str) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match=said):
        load(text)
    assert time.process_time() - start < 20


@given(st.binary(max_size=200) | st.text("ab:-[]{}&*!?|>'\"# \n\t", max_size=60).map(str.encode))
def test_any_bytes_are_a_document_or_an_error(data: bytes) -> None:
    with suppress(ValueError):
        load_all(data)
