from __future__ import annotations

from pathlib import Path

import madeimage as made

from imgforge.analysis import ImageFacts
from imgforge.analysis.facts import DIRECTORY, FILE, SYMLINK


def paths(image: ImageFacts) -> list[str]:
    assert image.problems == ()
    return sorted(image.files)


def test_a_whiteout_removes_what_is_below_it(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [made.folder("a"), made.file("a/b/c"), made.file("a/d"), made.file("ab")],
        [made.file("a/.wh.b")],
    )
    assert paths(image) == ["a", "a/d", "ab"]
    assert not image.is_visible(0, "a/b/c")
    assert image.is_visible(0, "a/d")


def test_whiteouts_spare_their_own_layer_in_any_order(tmp_path: Path) -> None:
    for members in (
        [made.file("a/x"), made.file("a/.wh..wh..opq"), made.file(".wh.f"), made.file("f")],
        [made.file("f"), made.file(".wh.f"), made.file("a/.wh..wh..opq"), made.file("a/x")],
    ):
        image = made.facts(tmp_path, [made.file("a/old/deep"), made.file("f")], members)
        assert paths(image) == ["a", "a/x", "f"]
        assert image.files["f"].layer == 1


def test_an_opaque_root_hides_everything(tmp_path: Path) -> None:
    image = made.facts(tmp_path, [made.file("a/b")], [made.file(".wh..wh..opq"), made.file("c")])
    assert paths(image) == ["c"]


def test_a_whiteout_of_nothing_is_harmless(tmp_path: Path) -> None:
    assert paths(made.facts(tmp_path, [made.file("a")], [made.file("b/.wh.c")])) == ["a"]


def test_replacing_kinds(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [made.folder("d"), made.file("d/x"), made.file("f"), made.folder("kept", 0o700)],
        [made.file("d"), made.folder("f"), made.file("f/y"), made.folder("kept", 0o755)],
    )
    assert paths(image) == ["d", "f", "f/y", "kept"]
    assert (image.files["d"].kind, image.files["f"].kind) == (FILE, DIRECTORY)
    assert image.files["kept"].mode == 0o755


def test_a_directory_keeps_its_content_when_it_is_repeated(tmp_path: Path) -> None:
    image = made.facts(tmp_path, [made.folder("d"), made.file("d/x")], [made.folder("d", 0o711)])
    assert paths(image) == ["d", "d/x"]


def test_hard_links_share_an_inode(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [made.file("bin/a", b"x", 0o755), made.hardlink("bin/b", "bin/a", 0o4755)],
        [made.file("bin/.wh.a")],
    )
    assert paths(image) == ["bin", "bin/b"]
    fact = image.files["bin/b"]
    assert (fact.kind, fact.mode, fact.origin, fact.size) == (FILE, 0o4755, "bin/a", 1)
    assert image.is_visible(0, "bin/a")


def test_a_hard_links_header_changes_every_name(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [made.file("a", mode=0o755)],
        [made.hardlink("b", "a", 0o4755)],
    )
    assert image.files["a"].mode == 0o4755
    assert image.files["a"].layer == 0


def test_rewriting_one_name_leaves_the_other(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [made.file("a", b"one", 0o4755), made.hardlink("b", "a", 0o4755), made.file("a", b"two")],
    )
    assert (image.files["a"].mode, image.files["b"].mode) == (0o644, 0o4755)
    assert image.files["b"].size == 3


def test_names_below_a_linked_directory_land_in_it(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [made.folder("usr/bin"), made.symlink("bin", "usr/bin"), made.symlink("abs", "/usr")],
        [made.file("bin/tool"), made.file("abs/lib/x"), made.hardlink("bin/again", "bin/tool")],
        [made.file("bin/.wh.again")],
    )
    assert paths(image) == ["abs", "bin", "usr", "usr/bin", "usr/bin/tool", "usr/lib", "usr/lib/x"]
    assert image.files["usr/bin/tool"].origin == "bin/tool"
    assert image.files["bin"].kind == SYMLINK


def test_a_directory_replaces_a_link_as_containerd_does(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [made.file("usr/bin/sh"), made.symlink("bin", "usr/bin")],
        [made.folder("bin"), made.file("bin/tool")],
    )
    assert image.files["bin"].kind == DIRECTORY
    assert "bin/tool" in image.files


def test_look_ups_stay_inside_the_image(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [
            made.file("etc/real"),
            made.symlink("a/up", "../../../../etc/real"),
            made.symlink("a/abs", "/etc/../etc/./real"),
            made.symlink("chain", "a/abs"),
            made.symlink("dangling", "nowhere"),
        ],
    )
    for path in ("/a/up", "a/abs", "chain", "/etc/real", "./etc//real", "../../etc/real"):
        assert image.resolve(path) == "etc/real", path
    for path in ("dangling", "etc/real/x", "none", "etc/real/.."):
        assert image.lookup(path) is None, path
    assert image.resolve("/") == ""


def test_shipped_lists_what_later_layers_hide(tmp_path: Path) -> None:
    image = made.facts(tmp_path, [made.file("a")], [made.file(".wh.a")])
    assert [(layer, entry.path) for layer, entry in image.shipped()] == [(0, "a")]
    assert paths(image) == []


def test_names_that_come_after_a_removal_can_be_removed_too(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [made.folder("d"), made.folder("d/e"), made.file("d/e/x"), made.file("d/f")],
        [made.file("d/.wh.e"), made.folder("d/g"), made.file("d/g/y"), made.file("d/h")],
        [made.file("d/g/.wh..wh..opq"), made.file("d/.wh.h")],
    )
    assert paths(image) == ["d", "d/f", "d/g"]


def test_an_inode_outlives_its_first_name_and_is_not_its_successors(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [made.file("a", b"x"), made.hardlink("b", "a", 0o4755), made.file("a", b"yy", 0o600)],
    )
    assert (image.files["a"].mode, image.files["a"].size) == (0o600, 2)
    assert (image.files["b"].mode, image.files["b"].size) == (0o4755, 1)


def test_a_directory_that_hides_files_between_others_is_still_a_directory(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [made.folder("d"), made.file("d/a"), made.symlink("d", "e"), made.file("d/b")],
    )
    assert sorted(image.files) == ["d", "e", "e/b"]
    assert image.files["e/b"].origin == "d/b"
