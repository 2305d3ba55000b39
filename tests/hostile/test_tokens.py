"""Whatever stands where a token or an answer of a service should be is an error, and quickly."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from madeservices import jwt

from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.signing import services
from imgforge.signing.identity_token import Token, read


def middle(data: bytes) -> str:
    return f"a.{base64.urlsafe_b64encode(data).decode().rstrip('=')}.c"


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.binary().map(middle), st.text().map(lambda t: middle(t.encode()))))
def test_no_text_is_more_than_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="a file"):
        read(text, "a file")


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["aud", "exp", "nbf", "iss", "sub", "email"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    ),
)
def test_claims_of_any_type_are_judged(name: str, value: object) -> None:
    try:
        found = read(jwt(**{name: value}), "a file")
    except InvalidInputError as error:
        assert "\n" not in error.message  # noqa: PT017 - either outcome is right
    else:
        assert isinstance(found, Token)
        assert "\n" not in str(found)
        assert len(found.who) == 71


@pytest.mark.parametrize("ends", [float("inf"), float("-inf"), float("nan"), -(10**400), 10**400])
def test_an_end_that_is_no_time_is_no_end(ends: float) -> None:
    with pytest.raises(InvalidInputError):
        read(jwt(exp=ends), "a file")


def test_who_it_is_stays_on_one_line() -> None:
    assert str(read(jwt(email="dev\n\x1b[31m@example.com"), "x")).startswith("dev??[31m@")


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_deep_token_is_no_token(opening: bytes) -> None:
    with pytest.raises(InvalidInputError, match="no identity token"):
        read(middle(opening * 8000), "a file")


@settings(max_examples=200, deadline=None)
@given(st.binary())
def test_no_answer_is_more_than_an_error(body: bytes) -> None:
    for read_entry in (services._v1_entry, services._v2_entry):
        with pytest.raises(EvidenceError, match="the log answers with something else"):
            services._understood("the log", body, read_entry)


@given(st.text(max_size=400))
def test_what_a_service_says_stays_on_one_line_without_tokens(text: str) -> None:
    said = services._words((text + " " + jwt()).encode("utf-8", "replace"))
    assert "\n" not in said
    assert said.isprintable()
    assert jwt()[:30] not in said
