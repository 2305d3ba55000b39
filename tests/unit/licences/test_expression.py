from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgforge.licences.expression import Simple, canonical, refused, spelled


def against(expression: str, *bad: str) -> list[str]:
    found = canonical(expression)
    assert found is not None
    return refused(found, lambda licence: str(licence) in bad)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("MIT", []),
        ("x11", ["X11"]),
        ("MIT OR X11", []),
        ("X11 OR ISC", ["X11", "ISC"]),
        ("MIT AND X11", ["X11"]),
        ("MIT OR X11 AND ISC", []),
        ("(MIT OR X11) AND ISC", ["ISC"]),
        ("MIT AND (X11 OR (ISC AND Zlib)) AND X11", ["X11", "ISC"]),
        ("GPL-2.0+ OR X11", []),
        ("LicenseRef-x AND MIT", ["LicenseRef-x"]),
        ("GPL-2.0-only WITH Classpath-exception-2.0 AND MIT", []),
    ],
)
def test_or_chooses_and_and_needs_all(expression: str, found: list[str]) -> None:
    assert against(expression, "X11", "ISC", "LicenseRef-x") == found


def test_older_names_of_the_gnu_licences_are_the_newer_ones() -> None:
    seen: list[Simple] = []

    def note(licence: Simple) -> bool:
        seen.append(licence)
        return False

    for said in ("GPL-2.0", "LGPL-2.1+", "GPL-3.0-or-later", "Apache-2.0+", "AGPL-3.0"):
        refused(canonical(said) or "", note)
    assert [(str(licence), licence.later) for licence in seen] == [
        ("GPL-2.0-only", False),
        ("LGPL-2.1-or-later", True),
        ("GPL-3.0-or-later", True),
        ("Apache-2.0+", True),
        ("AGPL-3.0-only", False),
    ]


@pytest.mark.parametrize(
    "said", ["", "  ", "BSD-ish", "MIT AND", "NONE", "NOASSERTION", "(" * 9000]
)
def test_what_is_no_expression_is_none(said: str) -> None:
    assert canonical(said) is None


def test_a_long_expression_is_judged_in_the_time_that_reading_takes() -> None:
    # Multiplied out it would have two to the power of three thousand alternatives.
    assert against(" AND ".join(["(MIT OR X11)"] * 3000), "X11") == []


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("mit", "MIT"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("gpl-2.0+", "GPL-2.0-or-later"),
        ("GPL-*", "GPL-*"),
        ("LicenseRef-acme", "LicenseRef-acme"),
        ("GPL-2.0 WITH classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("GPL-*  WITH Classpath-*", "GPL-* WITH Classpath-*"),
        ("MIT OR ISC", None),
        ("(MIT)", None),
        ("Gnu", None),
        ("GPL-* OR MIT", None),
    ],
)
def test_an_entry_names_one_licence(entry: str, found: str | None) -> None:
    assert spelled(entry) == found


leaves = st.sampled_from(["MIT", "X11", "ISC"])
trees = st.recursive(
    leaves, lambda below: st.tuples(below, st.sampled_from(["AND", "OR"]), below), max_leaves=12
)
Tree = str | tuple["Tree", str, "Tree"]


def written(tree: Tree) -> str:
    if isinstance(tree, str):
        return tree
    return f"({written(tree[0])}) {tree[1]} ({written(tree[2])})"


def holds(tree: Tree, bad: str) -> bool:
    if isinstance(tree, str):
        return tree != bad
    both = (holds(tree[0], bad), holds(tree[2], bad))
    return all(both) if tree[1] == "AND" else any(both)


@settings(deadline=None)  # a busy machine is not a slow function
@given(trees)
def test_it_agrees_with_logic(tree: Tree) -> None:
    assert (not against(written(tree), "X11")) == holds(tree, "X11")
