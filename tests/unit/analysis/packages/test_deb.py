from __future__ import annotations

import pytest

from imgforge.analysis.facts import Claim
from imgforge.analysis.packages import deb

STATUS = "var/lib/dpkg/status"


def entry(name: str, **fields: str) -> str:
    lines = {"Package": name, "Status": "install ok installed", "Version": "1", **fields}
    return "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in lines.items()) + "\n"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("var/lib/dpkg/status", True),
        ("usr/lib/dpkg/status", True),
        ("var/lib/dpkg/status-old", False),
        ("srv/var/lib/dpkg/status", False),
        ("var/lib/dpkg/status.d/libc6", True),
        ("var/lib/dpkg/status.d/libc6.md5sums", True),
        ("var/lib/dpkg/status.d/libc6.postinst", False),
        ("var/lib/dpkg/info/libc6:amd64.list", True),
        ("var/lib/dpkg/info/libc6:amd64.md5sums", False),
        ("etc/apt/sources.list", False),
    ],
)
def test_which_files(path: str, wanted: bool) -> None:  # noqa: FBT001
    assert deb.wants(path, path.rpartition("/")[2]) is wanted


@pytest.mark.parametrize(
    ("state", "there"),
    [
        ("install ok installed", True),
        ("hold ok installed", True),
        ("install reinstreq half-installed", True),
        ("install ok unpacked", True),
        ("install ok half-configured", True),
        ("install ok triggers-pending", True),
        ("deinstall ok config-files", False),
        ("purge ok not-installed", False),
    ],
)
def test_whatever_has_files_is_listed(state: str, there: bool) -> None:  # noqa: FBT001
    found = deb.read(STATUS, entry("a", Status=state).encode())
    assert [package.name for package in found] == ["a"] * there


@pytest.mark.parametrize(
    ("said", "source", "version"),
    [
        ("glibc", "glibc", ""),
        ("glibc (2.36-9)", "glibc", "2.36-9"),
        ("glibc  ( 1:2.36-9 )", "glibc", "1:2.36-9"),
        ("", "", ""),
    ],
)
def test_sources(said: str, source: str, version: str) -> None:
    (found,) = deb.read(STATUS, entry("libc6", Source=said).encode())
    assert (found.source, found.source_version) == (source, version)


def test_needs_are_what_is_there() -> None:
    text = (
        entry("app", Pre_Depends="libc6 (>= 2.36)", Depends="nano | editor, mail:any [linux], app")
        + entry("vim", Provides="editor (= 1), mail")
        + entry("libc6", Depends="gone | lost")
        + entry("old", Status="deinstall ok config-files", Provides="lost")
    )
    app, vim, libc6 = deb.read(STATUS, text.encode())
    assert app.depends == ("libc6", "vim")
    assert vim.depends == ()
    # Of a record that stands alone nobody can tell which; what is not there makes no edge.
    assert libc6.depends == ("gone", "lost")


def test_a_paragraph_without_a_name_is_no_record() -> None:
    with pytest.raises(ValueError, match="Package"):
        deb.read(STATUS, b"Version: 1\n")
    with pytest.raises(ValueError, match="no field"):
        deb.read(STATUS, b"nonsense\n")


def test_files_of_a_package() -> None:
    path = "var/lib/dpkg/info/libc6:amd64.list"
    data = b"/.\n/lib\n/lib/x.so\n/usr\n/usr/share\n/usr/share/doc\n/usr/share/doc/\xff\n"
    assert deb.read(path, data) == []
    assert deb.claims(path, data) == [Claim(path, "deb:libc6", "lib/x.so\nusr/share/doc/\udcff")]


def test_files_of_a_package_in_a_small_image() -> None:
    path = "var/lib/dpkg/status.d/libc6.md5sums"
    data = b"0" * 32 + b"  lib/x.so\n" + b"a" * 32 + b"  ./usr/a b\n"
    assert deb.read(path, data) == []
    assert deb.claims(path, data) == [Claim(path, "deb:libc6", "lib/x.so\nusr/a b")]
    with pytest.raises(ValueError, match="no checksum"):
        deb.claims(path, b"what is this\n")
    assert deb.claims(STATUS, entry("a").encode()) == []


def test_what_was_moved_aside_belongs_to_who_moved_it() -> None:
    path = "var/lib/dpkg/diversions"
    assert deb.wants(path, "diversions")
    text = "/bin/sh\n/bin/sh.distrib\ndash\n/usr/bin/x\n/usr/bin/x.real\n:\n"
    assert deb.claims(path, text.encode()) == [
        Claim(path, "deb:dash", "bin/sh.distrib"),
        Claim(path, "deb:dpkg", "usr/bin/x.real"),
    ]
    assert deb.read(path, text.encode()) == []
    assert deb.claims(path, b"") == []
    with pytest.raises(ValueError, match="triples"):
        deb.claims(path, b"/bin/sh\n/bin/sh.distrib\n")
