from __future__ import annotations

import pytest
from madeindex import archive, stanza

from imgforge.bases import counterparts
from imgforge.bases.index import Index
from imgforge.errors import InvalidInputError


def library(name: str, source: str, **fields: str) -> str:
    return stanza(name, Source=source, **fields)


def test_the_headers_are_of_the_same_source_and_depend_on_the_library() -> None:
    where = archive(
        library("libpq5", "postgresql-17"),
        library("libpq-dev", "postgresql-17", Depends="libpq5 (= 1), libssl-dev"),
        library("postgresql-server-dev-17", "postgresql-17", Depends="libpq-dev"),
        library("other-dev", "other", Depends="libpq5"),
        library("psql", "postgresql-17", Depends="libpq5"),
    )
    assert counterparts.of(where, ["libpq5"]) == ("libpq-dev",)


def test_what_only_gathers_others_is_left_out_and_several_may_be_taken() -> None:
    where = archive(
        library("libx1", "x"),
        library("libx-dev", "x", Depends="libx1"),
        library("libx-tools-dev", "x", Depends="libx1"),
        library("libx-all-dev", "x", Depends="libx1, libx-dev"),
    )
    assert counterparts.of(where, ["libx1"]) == ("libx-dev", "libx-tools-dev")


def test_a_renamed_library_is_found_by_what_it_provides() -> None:
    where = archive(
        library("libcurl4t64", "curl", Provides="libcurl4 (= 1)"),
        library("libcurl4-openssl-dev", "curl", Depends="libcurl4t64 (= 1)"),
    )
    assert counterparts.of(where, ["libcurl4"]) == ("libcurl4-openssl-dev",)


def test_programs_need_none_and_libraries_do() -> None:
    where = archive(stanza("ffmpeg"), stanza("libodd1"))
    assert counterparts.of(where, ["ffmpeg"]) == ()
    with pytest.raises(InvalidInputError, match="compiling against libodd1") as caught:
        counterparts.of(where, ["libodd1"])
    assert "build-packages" in caught.value.hint


def test_those_that_exclude_each_other_are_for_a_person_to_choose() -> None:
    where = archive(
        library("liby1", "y"),
        library("liby-a-dev", "y", Depends="liby1", Conflicts="liby-b-dev"),
        library("liby-b-dev", "y", Depends="liby1"),
    )
    with pytest.raises(InvalidInputError, match="one of liby-a-dev, liby-b-dev"):
        counterparts.of(where, ["liby1"])
    assert counterparts.of(where, ["liby1"], ["liby-b-dev"]) == ()


def test_an_unknown_library_is_named() -> None:
    with pytest.raises(InvalidInputError, match="no package libnone1"):
        counterparts.of(Index([]), ["libnone1"])
