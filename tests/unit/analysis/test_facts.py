from __future__ import annotations

import dataclasses
from pathlib import Path

import madeimage as made


def test_files_are_found_by_name_ending_and_place(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [
            made.file("usr/bin/a.py"),
            made.file("opt/a.py"),
            made.file("a.py"),
            made.symlink("opt/bin", "../usr/bin"),
            made.file("usr/libexec/tool"),
            made.file("Makefile~"),
        ],
    )
    assert set(image.named("a.py")) == {"a.py", "opt/a.py", "usr/bin/a.py"}
    assert len(image.named("a.py")) == 3
    assert image.named("b.py") == ()
    assert image.names == {"usr", "opt", "bin", "libexec", "a.py", "tool", "Makefile~"}
    assert list(image.ending(".py", ".rb")) == ["a.py"]
    assert list(image.ending("~")) == ["Makefile~"]
    assert {name: list(paths) for name, paths in image.commands.items()} == {
        "a.py": ["usr/bin/a.py"],
        "tool": ["usr/libexec/tool"],
    }


def test_what_is_hidden_is_told_from_what_has_another_name(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [
            made.file("gone"),
            made.file("changed", b"old"),
            made.file("kept"),
            made.hardlink("name", "kept"),
            made.folder("usr/bin"),
            made.symlink("bin", "usr/bin"),
            made.file("bin/tool"),
        ],
        [made.file(".wh.gone"), made.file("changed", b"new"), made.file(".wh.kept")],
    )
    assert [(index, entry.path) for index, entry in image.hidden] == [(0, "gone"), (0, "changed")]
    for path, visible in {"gone": False, "changed": False, "kept": True, "bin/tool": True}.items():
        assert image.is_visible(0, path) is visible
    assert image.is_visible(1, "changed")


def test_programs_are_known_by_their_content_under_every_name(tmp_path: Path) -> None:
    members = [made.file("x", mode=0o755), made.hardlink("y", "x", 0o755), made.file("z")]
    image = made.facts(tmp_path, members)
    assert image.identified == ()
    layer = dataclasses.replace(image.layers[0], programs={"x": "busybox", "gone": "bash"})
    known = dataclasses.replace(image, layers=(layer,)).identified
    assert [(fact.path, identity) for fact, identity in known] == [
        ("x", "busybox"),
        ("y", "busybox"),
    ]
