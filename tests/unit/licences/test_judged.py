from __future__ import annotations

import pytest

from imgforge.analysis.facts import Package
from imgforge.inventory import Component, Inventory
from imgforge.inventory.component import Part
from imgforge.licences import judged
from imgforge.policy.licences import Licences

CLASSPATH = "GPL-2.0-only WITH Classpath-exception-2.0"


def inventory(*licences: str, part: Part = "app") -> Inventory:
    packages = (
        Package("pypi", f"p{number}", "1", "", licence, "", (f"at/{number}",))
        for number, licence in enumerate(licences)
    )
    components = tuple(Component(package, part) for package in packages)
    return Inventory("sha256:1", None, None, (), components, tools=components)


def minded(*licences: str, **policy: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    found = judged.judge(inventory(*licences), [Licences(**policy)])  # type: ignore[arg-type]
    return [(each.component.package.licence, each.refused) for each in found]


@pytest.mark.parametrize(
    ("licence", "allow", "deny", "refused"),
    [
        ("MIT", ("MIT",), (), ()),
        ("MIT", ("mit",), (), ()),
        ("ISC", ("MIT",), (), ("ISC",)),
        ("GPL-2.0-only", (), ("GPL-*",), ("GPL-2.0-only",)),
        ("MIT", ("*",), ("MIT",), ("MIT",)),
        ("LicenseRef-acme-1", ("LicenseRef-acme-*",), (), ()),
        # An exception grants more, so the licence's own word counts unless there is one of it.
        (CLASSPATH, ("GPL-2.0-only",), (), ()),
        (CLASSPATH, (), ("GPL-*",), (CLASSPATH,)),
        (CLASSPATH, ("MIT", "* WITH Classpath-exception-2.0"), ("GPL-*",), ()),
        (CLASSPATH, ("GPL-*",), ("GPL-* WITH *",), (CLASSPATH,)),
        # Whoever may take a later version may take this one, too.
        ("GPL-2.0-or-later", ("GPL-2.0-only",), (), ()),
        ("GPL-2.0-or-later", (), ("GPL-2.0-or-later",), ("GPL-2.0-or-later",)),
        ("GPL-2.0-or-later", (), ("GPL-2.0-only",), ()),
        ("GPL-2.0-only", ("GPL-2.0-or-later",), (), ("GPL-2.0-only",)),
        ("Apache-1.1+", ("Apache-1.1",), (), ()),
        ("Apache-1.1+", ("Apache-1.1",), ("Apache-1.1",), ("Apache-1.1+",)),
    ],
)
def test_a_licence_is_allowed_and_not_denied(
    licence: str, allow: tuple[str, ...], deny: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    wanted = [(licence, refused)] if refused else []
    assert minded(licence, allow=allow, deny=deny) == wanted


def test_what_nobody_knows_is_told_and_worse_where_a_list_allows() -> None:
    for policy, strict in ((Licences(allow=("MIT",)), True), (Licences(deny=("MIT",)), False)):
        found = list(judged.judge(inventory("", "see the file"), [policy]))
        assert [(each.unknown, each.strict) for each in found] == [(True, strict)] * 2
        assert [each.message for each in found] == [
            "the pypi package p0 1: its metadata says nothing",
            "the pypi package p1 1: its metadata says 'see the file', which is no SPDX expression",
        ]


def test_a_message_stays_a_line_whatever_the_expression() -> None:
    names = " AND ".join(f"LicenseRef-{number}" for number in range(500))
    (found,) = judged.judge(inventory(names), [Licences(allow=("MIT",))])
    assert len(found.refused) == 500
    assert len(found.message) < 700
    assert found.message.endswith("LicenseRef-7, ... are not allowed")


def test_the_base_is_left_out_only_if_the_policy_says_so() -> None:
    policy = Licences(deny=("MIT",), base=False)
    assert not list(judged.judge(inventory("MIT", part="base"), [policy]))
    assert list(judged.judge(inventory("MIT", part=""), [policy]))
    assert list(judged.judge(inventory("MIT", part="base"), [policy, Licences(deny=("MIT",))]))


def test_each_policy_is_met_by_itself_and_told_once() -> None:
    policies = [Licences(deny=("MIT",)), Licences(deny=("MIT", "ISC")), Licences(allow=("ISC",))]
    found = list(judged.judge(inventory("MIT", "ISC", "Zlib", ""), policies))
    assert [(each.component.package.name, each.refused) for each in found] == [
        ("p0", ("MIT",)),
        ("p1", ("ISC",)),
        ("p2", ("Zlib",)),
        ("p3", ()),
    ]
    assert found[3].strict
