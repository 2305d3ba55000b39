from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import madeimage
import pytest
from madeimage import Member, file, folder, symlink

from imgforge.analysis import analyse
from imgforge.bases import difference
from imgforge.bases.difference import Change, Difference, FileChange
from imgforge.oci.layout import CorruptLayoutError, Layout
from imgforge.oci.types import Platform
from imgforge.report import difference as report

STATUS = "var/lib/dpkg/status.d/"
RELEASE = file("etc/os-release", b'ID=debian\nVERSION_ID="13"\n')


def package(name: str, version: str) -> Member:
    text = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: X <x@y.z>\n"
    return file(STATUS + name, text.encode())


def compared(
    tmp_path: Path,
    left: Sequence[Sequence[Member]],
    right: Sequence[Sequence[Member]],
    *,
    configs: tuple[dict[str, object], dict[str, object]] = ({}, {}),
) -> Difference:
    layouts = [Layout.create(tmp_path / side) for side in ("left", "right")]
    images = [
        madeimage.add(layout, [madeimage.tar(*members) for members in layers], config=config)
        for layout, layers, config in zip(layouts, (left, right), configs, strict=True)
    ]
    facts = [analyse(layout, image) for layout, image in zip(layouts, images, strict=True)]
    return difference.compare(facts[0], layouts[0], facts[1], layouts[1])


def test_an_image_is_the_same_as_itself(tmp_path: Path) -> None:
    layers = [[RELEASE, package("libc6", "1"), file("a", b"1")]]
    found = compared(tmp_path, layers, layers)
    assert found.same
    assert found.digests[0] == found.digests[1]
    assert "the same image" in report.render({Platform("linux", "amd64"): found})


def test_packages_are_added_removed_and_changed(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        [[RELEASE, package("gone", "1"), package("libc6", "2.41-1")]],
        [[RELEASE, package("new", "3"), package("libc6", "2.41-2")]],
    )
    assert found.packages == (
        Change("deb/gone", "1", None),
        Change("deb/libc6", "2.41-1", "2.41-2"),
        Change("deb/new", None, "3"),
    )


def test_content_of_the_same_size_is_read_and_compared(tmp_path: Path) -> None:
    """Size and mode say nothing: a library patched in place must show."""
    found = compared(tmp_path, [[file("lib.so", b"aaaa")]], [[file("lib.so", b"abaa")]])
    (changed,) = found.changed
    assert (changed.path, changed.changes[0].what) == ("lib.so", "content")


def test_the_same_files_in_other_layers_are_no_difference(tmp_path: Path) -> None:
    one = [[file("a", b"1"), file("b", b"2")]]
    two = [[file("b", b"2")], [file("a", b"1")]]
    found = compared(tmp_path, one, two)
    assert found.same
    assert found.digests[0] != found.digests[1]
    shown = report.render({Platform("linux", "amd64"): found})
    assert "the same files and configuration" in shown


def test_modes_bits_owners_links_and_capabilities_show(tmp_path: Path) -> None:
    attribute = {"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}
    left = [
        file("mode", mode=0o644),
        file("su", mode=0o755),
        file("owner", uid=0),
        file("cap", mode=0o755),
        symlink("link", "a"),
        file("kind"),
    ]
    right = [
        file("mode", mode=0o600),
        file("su", mode=0o4755),
        file("owner", uid=7),
        file("cap", mode=0o755, pax_headers=attribute),
        symlink("link", "b"),
        folder("kind"),
    ]
    changes = {c.path: c.changes for c in compared(tmp_path, [left], [right]).changed}
    assert changes["mode"] == (Change("mode", "0644", "0600"),)
    assert changes["su"] == (Change("bits", "", "setuid"),)
    assert changes["owner"] == (Change("owner", "0:0", "7:0"),)
    assert changes["cap"][0].what == "capability"
    assert changes["link"] == (Change("link", "a", "b"),)
    assert changes["kind"][0] == Change("kind", "file", "directory")


def test_a_new_file_tells_what_gives_it_power(tmp_path: Path) -> None:
    found = compared(tmp_path, [[]], [[file("usr/bin/su", b"x", mode=0o4755)]])
    added = found.added[-1]
    assert isinstance(added, FileChange)
    assert Change("bits", None, "setuid") in added.changes
    shown = report.render({Platform("linux", "amd64"): found})
    assert "+ usr/bin/su, setuid" in shown


def test_what_a_whiteout_hides_is_not_compared(tmp_path: Path) -> None:
    found = compared(tmp_path, [[file("a")], [file(".wh.a", b"")]], [[]])
    assert found.same


def test_configuration_is_compared_variable_by_variable(tmp_path: Path) -> None:
    configs: tuple[dict[str, object], dict[str, object]] = (
        {"User": "1:1", "Env": ["A=1", "B=2"], "Labels": {"x": "1"}},
        {"User": "2:2", "Env": ["A=1", "C=3"], "Labels": {"x": "2"}, "Entrypoint": ["/a"]},
    )
    found = compared(tmp_path, [[file("a")]], [[file("a")]], configs=configs)
    assert found.configuration == (
        Change("Entrypoint", None, ["/a"]),
        Change("Env B", "2", None),
        Change("Env C", None, "3"),
        Change("Labels x", "1", "2"),
        Change("User", "1:1", "2:2"),
    )


def test_sizes_count_a_file_of_two_names_once(tmp_path: Path) -> None:
    members = [file("a", b"12345"), madeimage.hardlink("b", "a")]
    assert compared(tmp_path, [members], [members]).sizes[0].unpacked == 5


def test_all_of_it_is_json_and_printable(tmp_path: Path) -> None:
    found = compared(tmp_path, [[file("a\x1b[31m")]], [[file("\xfc")]])
    assert json.loads(json.dumps(found.to_json()))["same"] is False
    shown = report.render({Platform("linux", "amd64"): found})
    assert shown.isascii()
    assert "\x1b" not in shown


def test_a_layer_that_changed_since_it_was_analysed_is_refused(tmp_path: Path) -> None:
    layouts = [Layout.create(tmp_path / side) for side in ("left", "right")]
    images = [
        madeimage.add(layout, [madeimage.tar(file("a", data))])
        for layout, data in zip(layouts, (b"aa", b"ab"), strict=True)
    ]
    facts = [analyse(layout, image) for layout, image in zip(layouts, images, strict=True)]
    blob = layouts[1].blob_path(facts[1].layers[0].digest)
    blob.write_bytes(gzip.compress(madeimage.tar(file("a", b"aa"))))
    with pytest.raises(CorruptLayoutError, match="cannot be read"):
        difference.compare(facts[0], layouts[0], facts[1], layouts[1])
