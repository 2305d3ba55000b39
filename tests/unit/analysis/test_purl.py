from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL

from imgforge.analysis.facts import Package
from imgforge.analysis.purl import build

DEBIAN = {"ID": "debian", "VERSION_ID": "13"}
FEDORA = {"ID": "fedora", "VERSION_ID": "41"}
ALPINE = {"ID": "alpine", "VERSION_ID": "3.22.1"}


def package(kind: str, namespace: str, name: str, version: str, arch: str = "") -> Package:
    return Package(kind, name, version, "", "", "", ("x",), arch, namespace=namespace)


@pytest.mark.parametrize(
    ("row", "release", "expected"),
    [
        (
            ("deb", "", "libstdc++6", "1:12~rc1+b2", "amd64"),
            DEBIAN,
            "pkg:deb/debian/libstdc%2B%2B6@1:12~rc1%2Bb2?arch=amd64&distro=debian-13",
        ),
        (("deb", "", "base-files", "1"), {}, "pkg:deb/debian/base-files@1"),
        (
            ("apk", "", "musl", "1.2.5-r10", "x86_64"),
            ALPINE,
            "pkg:apk/alpine/musl@1.2.5-r10?arch=x86_64&distro=alpine-3.22.1",
        ),
        (
            ("rpm", "", "ImageMagick", "1:7.1-3.fc41", "x86_64"),
            FEDORA,
            "pkg:rpm/fedora/ImageMagick@7.1-3.fc41?arch=x86_64&distro=fedora-41&epoch=1",
        ),
        (
            ("rpm", "", "bash", "0:5-1.fc41"),
            FEDORA,
            "pkg:rpm/fedora/bash@5-1.fc41?distro=fedora-41",
        ),
        (("pypi", "", "foo-bar", "1!2.0"), DEBIAN, "pkg:pypi/foo-bar@1%212.0"),
        (("npm", "@types", "node", "22.1.0"), DEBIAN, "pkg:npm/%40types/node@22.1.0"),
        (("npm", "", "JSONStream", "1.3.5"), DEBIAN, "pkg:npm/jsonstream@1.3.5"),
        (
            ("maven", "org.Apache.x", "Bar-api", "1.0-SNAPSHOT"),
            DEBIAN,
            "pkg:maven/org.Apache.x/Bar-api@1.0-SNAPSHOT",
        ),
        (
            ("golang", "github.com/BurntSushi", "toml", "v2.0.0+incompatible"),
            DEBIAN,
            "pkg:golang/github.com/BurntSushi/toml@v2.0.0%2Bincompatible",
        ),
        (("golang", "", "stdlib", "1.22.1"), DEBIAN, "pkg:golang/stdlib@1.22.1"),
        (("golang", "example.com", "a", ""), DEBIAN, "pkg:golang/example.com/a"),
        (("cargo", "", "serde_json", "1.0.1"), DEBIAN, "pkg:cargo/serde_json@1.0.1"),
        (("gem", "", "RedCloth", "4.3"), DEBIAN, "pkg:gem/RedCloth@4.3"),
        (("composer", "Symfony", "Console", "v7.1"), DEBIAN, "pkg:composer/symfony/console@v7.1"),
        (("nuget", "", "Newtonsoft.Json", "13.0.3"), {}, "pkg:nuget/Newtonsoft.Json@13.0.3"),
        (("conda", "", "numpy", "2.0"), {}, "pkg:conda/numpy@2.0"),
        (("generic", "", "openssl", "3.0.11"), {}, "pkg:generic/openssl@3.0.11"),
        (("generic", "a b", "ü?#", "1%2"), {}, "pkg:generic/a%20b/%C3%BC%3F%23@1%252"),
    ],
)
def test_the_reference_library_reads_and_writes_the_same(
    row: tuple[str, ...], release: dict[str, str], expected: str
) -> None:
    made = build(package(*row), release)
    assert made == expected
    assert PackageURL.from_string(made).to_string() == made


@given(
    st.sampled_from(["pypi", "maven", "golang", "cargo", "gem", "composer", "nuget", "generic"]),
    st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), max_size=3),
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1).filter("/".__ne__),
    st.text(st.characters(exclude_categories=["C", "Z"])),
)
def test_nothing_breaks_out_of_its_place(
    kind: str, namespace: list[str], name: str, version: str
) -> None:
    namespace = [part.replace("/", "-") for part in namespace]
    name = name.replace("/", "-")
    if kind in {"pypi", "cargo", "gem", "nuget"}:
        namespace = []
    if kind == "composer":  # letters whose small form is of several characters
        namespace = [part.lower() for part in namespace]
        name = name.lower()
    made = build(package(kind, "/".join(namespace), name, version), {})
    read = PackageURL.from_string(made)
    assert read.type == kind
    assert (read.namespace or "") == "/".join(namespace)
    assert (read.version or "") == version
    if kind != "pypi":
        assert read.name == name


def test_bytes_that_are_no_text_stay_what_they_are() -> None:
    assert build(package("deb", "", "a\udcff", "1"), {}) == "pkg:deb/debian/a%FF@1"
