from __future__ import annotations

from collections.abc import Iterable

import pytest
from madeindex import archive, stanza

from imgforge.bases import index
from imgforge.bases.closure import close
from imgforge.bases.index import Index, Relation
from imgforge.errors import InvalidInputError, RegistryError


def names(where: Index, *wanted: str, below: Iterable[str] = (), exclude: str = "") -> list[str]:
    under = [where.named(name)[0] for name in below]
    return [c.package.name for c in close(where, wanted, below=under, exclude=exclude.split())]


def test_dependencies_are_followed_recommendations_are_not() -> None:
    where = archive(
        stanza("app", Depends="lib (>= 1)", Pre_Depends="boot", Recommends="doc"),
        stanza("lib", Depends="data"),
        stanza("boot"),
        stanza("data"),
        stanza("doc"),
    )
    assert names(where, "app") == ["app", "boot", "data", "lib"]


def test_cycles_end() -> None:
    where = archive(stanza("a", Depends="b"), stanza("b", Depends="a"))
    assert names(where, "a") == ["a", "b"]


def test_the_newest_version_of_all_suites_is_taken() -> None:
    where = archive(
        stanza("a", "1:1.9"), updates=[stanza("a", "1:1.10~rc1"), stanza("a", "1:1.10")]
    )
    (found,) = close(where, ["a"], below=[], exclude=[])
    assert (found.package.version, found.package.suite) == ("1:1.10", "trixie-updates")


def test_a_bound_may_ask_for_an_older_version() -> None:
    where = archive(stanza("a", Depends="b (<< 2)"), stanza("b", "1"), stanza("b", "2"))
    assert [c.package.version for c in close(where, ["a"], below=[], exclude=[])] == ["1", "1"]


def test_the_first_alternative_that_exists_is_taken() -> None:
    where = archive(stanza("a", Depends="gone | b | c"), stanza("b"), stanza("c"))
    assert names(where, "a") == ["a", "b"]


def test_an_alternative_that_is_there_already_is_enough() -> None:
    where = archive(stanza("a", Depends="b | c"), stanza("b"), stanza("c"))
    assert names(where, "a", below=["c"]) == ["a"]


def test_virtual_packages_go_by_priority_then_name() -> None:
    where = archive(
        stanza("a", Depends="mta"),
        stanza("zmail", Provides="mta", Priority="standard"),
        stanza("amail", Provides="mta", Priority="optional"),
        stanza("bmail", Provides="mta (= 3)", Priority="optional"),
    )
    assert names(where, "a") == ["a", "zmail"]
    assert names(where, "a", exclude="zmail") == ["a", "amail"]


@pytest.mark.parametrize(
    ("relation", "satisfied"),
    [("v", True), ("v (>= 2)", True), ("v (= 3)", True), ("v (>= 4)", False), ("w (>= 1)", False)],
)
def test_a_provided_version_counts_as_policy_says(relation: str, *, satisfied: bool) -> None:
    where = archive(stanza("a", Depends=relation), stanza("p", Provides="v (= 3), w"))
    if satisfied:
        assert names(where, "a") == ["a", "p"]
    else:
        with pytest.raises(RegistryError, match="a needs"):
            names(where, "a")


def test_architecture_qualifiers_are_understood() -> None:
    where = archive(stanza("a", Depends="b:any (>= 1), c:amd64"), stanza("b"), stanza("c"))
    assert names(where, "a") == ["a", "b", "c"]


def test_excluded_packages_are_left_out_unless_wanted_themselves() -> None:
    where = archive(stanza("a", Depends="shell, b | shell"), stanza("shell"), stanza("b"))
    assert names(where, "a", exclude="shell") == ["a", "b"]
    assert names(where, "a", "shell", exclude="shell") == ["a", "shell"]


def test_what_lies_below_is_not_taken_again() -> None:
    where = archive(stanza("a", Depends="lib"), stanza("lib"))
    assert names(where, "a", "lib", below=["lib"]) == ["a"]


def test_nothing_is_guessed() -> None:
    where = archive(
        stanza("a", Depends="b (>= 2)"),
        stanza("b", "1"),
        stanza("c", Depends="b (<< 2)"),
        stanza("d", Conflicts="e"),
        stanza("e"),
        stanza("f", Breaks="g (<< 2)"),
        stanza("g", "1"),
    )
    with pytest.raises(RegistryError, match=r"a needs b \(>= 2\), which nothing"):
        names(where, "a")
    with pytest.raises(InvalidInputError, match="no package nosuch"):
        names(where, "nosuch")
    with pytest.raises(RegistryError, match="d conflicts with e"):
        names(where, "d", "e")
    with pytest.raises(RegistryError, match="f conflicts with g"):
        names(where, "f", "g")
    clash = archive(
        stanza("x", Depends="y (>= 2), z"),
        stanza("y", "2"),
        stanza("y", "1"),
        stanza("z", Depends="y (<< 2)"),
    )
    with pytest.raises(RegistryError, match="y 2 was taken already"):
        names(clash, "x")


def test_a_package_may_conflict_with_what_it_provides() -> None:
    where = archive(stanza("a", Provides="mta", Conflicts="mta"))
    assert names(where, "a") == ["a"]


@pytest.mark.parametrize(
    ("a", "b"),
    [("1~rc1", "1"), ("1", "1-1"), ("9", "10"), ("1.0", "1:0.1"), ("1+deb13u9", "1+deb13u10")],
)
def test_versions_are_ordered_as_debian_orders_them(a: str, b: str) -> None:
    assert index.compare(a, b) < 0 < index.compare(b, a)
    assert index.compare(a, a) == 0
    assert Relation("x", "<<", b).accepts(a)
    assert not Relation("x", ">=", b).accepts(a)


def test_the_source_package_and_its_version_are_kept() -> None:
    where = archive(stanza("libc6", "2+b1", Source="glibc (2)"), stanza("bash", "3"))
    libc, bash = where.named("libc6")[0].package, where.named("bash")[0].package
    assert (libc.source, libc.source_version) == ("glibc", "2")
    assert (bash.source, bash.source_version) == ("bash", "3")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pool/main/a_1_amd64.deb", "../../etc/passwd"),
        ("pool/main/a_1_amd64.deb", "http://evil.test/a.deb"),
        ("a" * 64, "A" * 64),
        ("Size: 10", "Size: -10"),
        ("Size: 10", "Size: ten"),
        ("Version: 1", "Version: 1 2"),
        ("Architecture: amd64\n", ""),
        ("Version: 1\n", "Version: 1\nDepends: b (>> 1) c\n"),
    ],
)
def test_a_stanza_that_lies_is_refused(old: str, new: str) -> None:
    text = stanza("a")
    assert old in text
    with pytest.raises(RegistryError):
        archive(text.replace(old, new)).named("a")
