from __future__ import annotations

import json
from pathlib import Path

import heldproject
import madeimage as made
import pytest

from imgforge import inventory
from imgforge.analysis import analyse
from imgforge.analysis.facts import Package
from imgforge.cli.main import main
from imgforge.licences import notices, places
from imgforge.oci.layout import CorruptLayoutError, Layout
from imgforge.report import notices as report

METADATA = b"Metadata-Version: 2.4\nName: %s\nVersion: 1.0\nLicense-Expression: MIT\n"


def collect(folder: Path, *layers: list[made.Member]) -> notices.Notices:
    layout = Layout.create(folder / "layout")
    image = made.add(layout, [made.tar(*members) for members in layers])
    facts = analyse(layout, image)
    return notices.collect(layout, image, facts, inventory.of(facts))


def installed(name: str, licence: bytes, path: str = "LICENSE") -> list[made.Member]:
    place = f"app/{name}-1.0.dist-info"
    return [
        made.file(f"{place}/METADATA", METADATA % name.encode()),
        made.file(f"{place}/{path}", licence),
    ]


def test_a_text_is_told_once_however_many_have_it(tmp_path: Path) -> None:
    mit = b"MIT License\r\n\r\nmay   \r\n"
    found = collect(
        tmp_path,
        installed("one", mit),
        installed("two", mit.replace(b"\r", b""), "licenses/sub/COPYING.txt"),
        [made.file("app/license.py", b"code"), made.file("app/one-1.0.dist-info/RECORD", b"")],
    )
    assert [(n.name, n.licence, len(n.texts)) for n in found.packages] == [
        ("one", "MIT", 1),
        ("two", "MIT", 1),
    ]
    (text,) = found.texts.values()
    assert text.content == "MIT License\n\nmay\n"
    assert text.paths == ("app/one-1.0.dist-info/LICENSE", *text.paths[1:])
    written = report.render("acme/web", found)
    assert written.count("MIT License") == 1
    assert "pypi one 1.0: MIT [1]\npypi two 1.0: MIT [1]\n" in written
    value = json.loads(report.as_json("acme/web", found))
    assert value["packages"][0]["texts"] == list(value["texts"])


def test_debians_texts_bring_the_common_ones_that_they_name(tmp_path: Path) -> None:
    found = collect(tmp_path, list(heldproject.BASE))
    (notice,) = found.packages
    paths = [path for text in notice.texts for path in found.texts[text].paths]
    assert paths == ["usr/share/doc/tool/copyright", "usr/share/common-licenses/GPL-2"]


def test_links_are_followed_and_what_is_hidden_is_not_told(tmp_path: Path) -> None:
    status = b"Package: %s\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n"
    found = collect(
        tmp_path,
        [
            made.file("var/lib/dpkg/status.d/a", status % b"a"),
            made.file("var/lib/dpkg/status.d/b", status % b"b"),
            made.file("usr/share/doc/a/copyright", b"old"),
            made.symlink("usr/share/doc/b", "a"),
        ],
        [made.file("usr/share/doc/a/copyright", b"new\xff\x1b[31m")],
    )
    assert [len(notice.texts) for notice in found.packages] == [1, 1]
    (text,) = found.texts.values()
    assert text.content == "new\xff?[31m\n"


def test_debians_packages_of_one_source_share_their_text(tmp_path: Path) -> None:
    status = (
        b"Package: %s\nStatus: install ok installed\nVersion: 1\nSource: s\nArchitecture: all\n\n"
    )
    found = collect(
        tmp_path,
        [
            made.file("var/lib/dpkg/status.d/a", status % b"a"),
            made.file("var/lib/dpkg/status.d/b", status % b"b"),
            made.file("usr/share/doc/b/copyright", b"text"),
        ],
    )
    assert [len(notice.texts) for notice in found.packages] == [1, 1]


def test_a_package_without_a_text_is_told_as_such(tmp_path: Path) -> None:
    found = collect(tmp_path, installed("one", b"x", "other.txt"))
    assert (found.packages[0].texts, found.texts) == ((), {})
    assert "of 1 there is none here" in report.render("x", found)


def test_a_text_over_the_limit_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "MAX_TEXT", 9)
    with pytest.raises(CorruptLayoutError, match=r"LICENSE is over 9 bytes"):
        collect(tmp_path, installed("one", b"0123456789"))


@pytest.mark.parametrize(
    ("package", "path"),
    [
        (
            Package("npm", "x", "1", "", "", "", ("m/@s/x/package.json",), "", "", "", "@s"),
            "m/@s/x/LICENSE",
        ),
        (
            Package("gem", "x", "1", "", "", "", ("g/specifications/x-1.gemspec",)),
            "g/gems/x-1/MIT-LICENSE.txt",
        ),
        (
            Package(
                *("composer", "x", "1", "", "", "", ("v/composer/installed.json",), "", "", ""),
                namespace="acme",
            ),
            "v/acme/x/LICENCE.md",
        ),
        (Package("rpm", "x", "1", "", "", "", ("rpmdb",)), "usr/share/licenses/x/COPYING"),
        (Package("apk", "x", "1", "", "", "", ("db",)), "usr/share/licenses/x/BSD.txt"),
    ],
)
def test_each_ecosystem_has_its_places(package: Package, path: str, tmp_path: Path) -> None:
    image = made.facts(tmp_path, [made.file(path), made.file("LICENSE"), made.file("m/LICENSE")])
    assert places.of(package, image, places.index(image)) == [path]


def test_the_command_writes_what_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout.create(tmp_path / "layout")
    layout.write_index([made.add(layout, [made.tar(*heldproject.BASE)])])
    assert main(["notices", str(layout.path)]) == 0
    text = capsys.readouterr().out
    assert "deb tool 1.0: GPL-2.0-only [1] [2]" in text
    out = tmp_path / "notices.json"
    assert main(["notices", str(layout.path), "--format", "json", "-o", str(out)]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads(out.read_text())["digest"] == layout.index()[0].digest
