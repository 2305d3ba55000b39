from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgforge.signing import statement

DIGEST = "sha256:" + "a" * 64
GOOD = {
    "_type": statement.STATEMENT,
    "subject": [{"name": "app", "digest": {"sha256": "a" * 64}}],
    "predicateType": statement.SPDX,
    "predicate": {},
}


def test_a_statement_is_written_with_names_and_as_v1() -> None:
    subject = statement.Subject("app", DIGEST)
    data = statement.about([subject], statement.SPDX, {}).to_bytes()
    assert json.loads(data) == GOOD
    assert statement.Statement.from_bytes(data).is_about(DIGEST)
    assert not statement.Statement.from_bytes(data).is_about("sha256:" + "b" * 64)


def test_v0_1_and_nameless_subjects_are_read_as_cosign_writes_them() -> None:
    old = {**GOOD, "_type": "https://in-toto.io/Statement/v0.1"}
    assert statement.Statement.from_bytes(json.dumps(old).encode()).is_about(DIGEST)
    nameless = {**GOOD, "subject": [{"digest": {"sha256": "a" * 64}, "annotations": {}}]}
    assert statement.Statement.from_bytes(json.dumps(nameless).encode()).is_about(DIGEST)


def test_subjects_by_other_digests_are_passed_over() -> None:
    several = [
        {"name": "source", "digest": {"gitCommit": "c" * 40}},
        {"name": "app", "digest": {"sha512": "b" * 128, "sha256": "a" * 64}},
        {"uri": "pkg:generic/app@1", "digest": {"sha1": "d" * 40}},
    ]
    read = statement.Statement.from_bytes(json.dumps({**GOOD, "subject": several}).encode())
    assert read.subjects == (statement.Subject("app", DIGEST),)


def test_a_subject_without_name_or_digest_is_not_signed() -> None:
    for subject in (statement.Subject("", DIGEST), statement.Subject("app", "sha256:a")):
        with pytest.raises(ValueError, match="not a subject"):
            statement.about([subject], statement.SPDX, {})


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v2"},
        {"_type": None},
        {"_type": []},
        {"predicateType": ""},
        {"predicateType": ["x"]},
        {"subject": []},
        {"subject": {}},
        {"subject": ["x"]},
        {"subject": [{"name": "app"}]},
        {"subject": [{"name": 1, "digest": {"sha256": "a" * 64}}]},
        {"subject": [{"name": "app", "digest": {"sha256": "A" * 64}}]},
        {"subject": [{"name": "app", "digest": {"sha512": "a" * 128}}]},
        {"subject": [{"name": "app", "digest": {"sha256": "a" * 64 + "\n"}}]},
    ],
    ids=str,
)
def test_a_malformed_statement_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        statement.Statement.from_bytes(json.dumps({**GOOD, **change}).encode())


@given(st.binary(max_size=200))
def test_any_bytes_give_a_statement_or_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        statement.Statement.from_bytes(data)
