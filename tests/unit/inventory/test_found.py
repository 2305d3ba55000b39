from __future__ import annotations

import dataclasses
from pathlib import Path

import madeimage as made
import pytest

from imgforge import bases, inventory
from imgforge.inventory import standing
from imgforge.inventory.declared import Declared, Install, Target
from imgforge.locks.locked import Entry, Locked
from imgforge.oci.layout import Layout
from imgforge.oci.types import Platform

AMD64 = Platform("linux", "amd64")
BASE = [
    made.file("etc/os-release", b'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n'),
    made.file(
        "var/lib/dpkg/status.d/b",
        b"Package: b\nVersion: 1\nArchitecture: all\nDepends: a\nStatus: install ok installed\n",
    ),
    made.file(
        "var/lib/dpkg/status.d/a",
        b"Package: a\nVersion: 1\nArchitecture: all\nStatus: install ok installed\n",
    ),
]
APP = [made.file("app/x")]


def test_components_stand_by_ref(tmp_path: Path) -> None:
    found = inventory.of(made.facts(tmp_path, BASE))
    refs = [component.ref for component in found.components]
    assert refs == sorted(refs)
    assert [c.package.name for c in found.components] == ["a", "b"]
    assert [c.needs for c in found.components] == [(), (refs[0],)]


def test_what_is_recorded_twice_at_one_place_is_listed_once(tmp_path: Path) -> None:
    facts = made.facts(tmp_path, BASE)
    twice = dataclasses.replace(facts, packages=(*facts.packages, *facts.packages))
    assert inventory.of(twice) == inventory.of(facts)


def test_tools_are_listed_apart(tmp_path: Path) -> None:
    gcc = Entry("deb", "gcc", "14", architecture="amd64", hashes=("sha256:00",))
    lombok = Entry("maven", "lombok", "1", 3, "org.projectlombok", scope="build")
    declared = Declared(
        Target(AMD64),
        installs=(Install("app", Locked("gradle.lockfile", (lombok,))),),
        builder=Locked("imgforge.lock", (gcc,)),
        tools={"buildkit": "v0.29.0"},
    )
    found = inventory.of(made.facts(tmp_path, BASE), declared)
    assert [(c.package.purl, c.part, c.declared) for c in found.tools] == [
        (
            "pkg:deb/debian/gcc@14?arch=amd64&distro=debian-13",
            "build",
            "imgforge.lock builder gcc",
        ),
        ("pkg:generic/buildkit@v0.29.0", "build", ""),
        ("pkg:maven/org.projectlombok/lombok@1", "build", "gradle.lockfile:3"),
    ]
    assert found.tools[0].package.hashes == ("sha256:00",)
    assert {c.part for c in found.components} == {""}


def test_the_base_of_somebodys_image_is_only_known_if_its_layers_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout.create(tmp_path / "base")
    image = made.add(layout, [made.tar(*BASE)])
    layout.write_index([image])
    monkeypatch.setattr(bases, "held", {image.digest: layout.path}.get)
    labels = {"Labels": {standing.LABEL: image.digest}}
    facts = made.facts(tmp_path, BASE, APP, config=labels)
    base = standing.base_of(facts)
    assert base == (facts.layers[0].diff_id,)
    assert {c.part for c in inventory.of(facts, base=base).components} == {"base"}
    # On other layers, without the label, or with one of a base that is not here, nobody knows.
    for layers, config in (
        ((APP, BASE), labels),
        ((BASE, APP), {}),
        ((BASE, APP), {"Labels": {standing.LABEL: "sha256:" + "0" * 64}}),
        ((BASE, APP), {"Labels": {standing.LABEL: "../../etc"}}),
    ):
        assert standing.base_of(made.facts(tmp_path, *layers, config=config)) == ()


DEB_FILES = (
    b"/.\n/lib\n/lib/python3\n/lib/python3/req-1.egg-info\n/lib/python3/req-1.egg-info/PKG-INFO\n"
)
OWNED = [
    made.file("etc/os-release", b'ID=debian\nVERSION_ID="13"\n'),
    made.symlink("lib", "usr/lib"),
    made.file(
        "var/lib/dpkg/status",
        b"Package: python3-req\nVersion: 1-1\nArchitecture: all\nStatus: install ok installed\n",
    ),
    made.file("var/lib/dpkg/info/python3-req.list", DEB_FILES),
]
RECORD = made.file("usr/lib/python3/req-1.egg-info/PKG-INFO", b"Name: req\nVersion: 1\n")


@pytest.mark.parametrize(
    ("layers", "owner"),
    [
        ([[*OWNED, RECORD]], "deb:python3-req"),
        ([OWNED, [RECORD]], ""),  # it is not what the distribution brought
        ([[RECORD], OWNED], "deb:python3-req"),
    ],
)
def test_who_brought_a_language_package_is_known(
    tmp_path: Path, layers: list[list[made.Member]], owner: str
) -> None:
    components = inventory.of(made.facts(tmp_path, *layers)).components
    assert {c.package.ecosystem: c.owner for c in components} == {"deb": "", "pypi": owner}
