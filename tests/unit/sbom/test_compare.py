from __future__ import annotations

from dataclasses import replace

from madeinventory import LIBC, SCOPED, SHADED, digest, whole

from imgforge.analysis.facts import Package
from imgforge.inventory import Component, Inventory
from imgforge.report import inventories
from imgforge.sbom.compare import compare
from imgforge.sbom.document import Document


def image(*packages: Package, part: str = "app") -> Inventory:
    listed = [Component(package, part=part) for package in packages]  # type: ignore[arg-type]
    return replace(whole(), components=tuple(sorted(listed, key=lambda c: c.ref)))


def at(package: Package, version: str, place: str = "x") -> Package:
    purl = f"{package.purl.partition('@7')[0]}@{version}"
    return package._replace(version=version, purl=purl, paths=(place,))


def pairs(before: Inventory, after: Inventory) -> list[tuple[str | None, str | None]]:
    found = compare(before, after)
    return [
        (c.before and c.before.package.version, c.after and c.after.package.version)
        for c in (*found.removed, *found.added, *found.changed)
    ]


def test_an_inventory_does_not_differ_from_itself() -> None:
    found = compare(whole(), whole())
    assert not found
    assert found.same == len(whole().components)


def test_layers_and_places_do_not_count() -> None:
    moved = SHADED._replace(layer=digest("f"), paths=("opt/all.jar",))
    assert not compare(image(SHADED), image(moved))


def test_what_is_added_removed_and_changed() -> None:
    newer = LIBC._replace(version="2.42-1", purl="pkg:deb/debian/libc6@2.42-1")
    found = compare(image(LIBC, SCOPED), image(newer, SHADED))
    assert [c.after and c.after.package.name for c in found.added] == ["log4j-core"]
    assert [c.before and c.before.package.name for c in found.removed] == ["core"]
    assert [c.what for c in found.changed] == [("version",)]
    assert found.same == 0


def test_versions_of_one_name_are_paired_by_version_and_then_by_place() -> None:
    one, two, three = (at(SCOPED, v, p) for v, p in (("1", "a"), ("2", "b"), ("3", "c")))
    assert pairs(image(one, two), image(two, at(SCOPED, "4", "a"))) == [("1", "4")]
    assert pairs(image(one, two, three), image(at(SCOPED, "2", "z"))) == [
        ("1", None),
        ("3", None),
    ]
    assert pairs(image(one), image(one, at(SCOPED, "1", "copy"))) == [(None, "1")]


def test_licences_are_compared_by_what_they_mean() -> None:
    spelt = SCOPED._replace(licence="MIT")
    assert not compare(image(SCOPED), image(spelt))
    other = SCOPED._replace(licence="BUSL-1.1")
    assert [c.what for c in compare(image(SCOPED), image(other)).changed] == [("licence",)]


def test_another_content_under_the_same_version_is_told() -> None:
    other = SCOPED._replace(hashes=(f"sha256:{'9' * 64}",))
    found = compare(image(SCOPED), image(other))
    assert [c.what for c in found.changed] == [("hash",)]
    unknown = SCOPED._replace(hashes=(f"sha1:{'9' * 40}",))
    assert not compare(image(SCOPED), image(unknown))


def test_a_name_of_pypi_is_one_however_it_is_spelt() -> None:
    one = Package("pypi", "Flask_Login", "1", "pkg:pypi/flask-login@1", "", "", ())
    assert not compare(image(one), image(one._replace(name="flask-login")))


def test_parts_count_only_where_both_know_them() -> None:
    assert not compare(image(LIBC, part=""), image(LIBC, part="base"))
    found = compare(image(LIBC, part="app"), image(LIBC, part="base"))
    assert [c.what for c in found.changed] == [("part",)]


def documents() -> tuple[Document, Document]:
    hostile = LIBC._replace(name="a|b\x1b[2J<x>", purl="pkg:deb/debian/x@1", layer=digest("b"))
    return (
        Document("layers", "acme/web:1", 0, image(LIBC)),
        Document("layers", "acme/web:2", 0, image(LIBC._replace(licence="MIT"), hostile)),
    )


def test_a_difference_is_told_in_lines_and_as_a_table() -> None:
    before, after = documents()
    found = compare(before.inventory, after.inventory)
    lines = inventories.difference(found, before, after).splitlines()
    assert lines[0] == "acme/web:1 -> acme/web:2: 1 added, 0 removed, 1 changed, 0 the same"
    assert lines[1] == r"+ deb a|b\x1b[2J<x> 2.41-12 [app, layer 2 of 2]"
    assert lines[2].startswith("~ deb libc6 licence LGPL-2.1-or-later AND Odd terms (of mine) -> ")
    table = inventories.markdown(found, before, after)
    assert r"| + | deb a\|b\x1b[2J&lt;x> |  | 2.41-12 |  | app |" in table
    value = inventories.difference_value(found, before, after)
    assert [each["package"]["version"] for each in value["added"]] == ["2.41-12"]
    assert [each["what"] for each in value["changed"]] == [["licence"]]


def test_the_same_is_told_without_a_table() -> None:
    before, _ = documents()
    found = compare(before.inventory, before.inventory)
    assert "|" not in inventories.markdown(found, before, before)


def test_the_list_is_grouped_by_who_has_to_change_what() -> None:
    text = inventories.text(Document("SPDX 2.3", "acme/web", 0, whole()))
    lines = text.splitlines()
    assert lines[0] == f"acme/web linux/arm64/v8 {digest('d')}"
    assert lines[1].startswith("debian 13 trixie, 2 layers, 4 components: ")
    titles = [line for line in lines if line and not line.startswith(" ")][2:]
    assert titles == [
        "from the base (1)",
        "of the application (2)",
        "whose part is not known (1)",
        "built it, and is not in it (2)",
        "programs that no package owns (2)",
        "licences (7)",
    ]
    assert text.isascii()
    value = inventories.value(Document("SPDX 2.3", "acme/web", 0, whole()))
    assert {c["declared"] for c in value["components"]} == {
        "",
        "imgforge.lock runtime libc6",
        "package-lock.json:12",
    }
