from __future__ import annotations

from collections.abc import Callable

import maderpm
import pytest

from imgforge.analysis.facts import Claim
from imgforge.analysis.packages import rpm

SQLITE = "var/lib/rpm/rpmdb.sqlite"

BASH = maderpm.header(
    name="bash",
    version="5.1.8",
    release="6.el9",
    epoch=[1],
    vendor="Red Hat, Inc.",
    licence="GPLv3+",
    arch="x86_64",
    source="bash-5.1.8-6.el9.src.rpm",
    provides=["bash", "config(bash)", "/bin/sh"],
    requires=["/bin/sh", "libc.so.6()(64bit)", "rpmlib(CompressedFileNames)", "filesystem"],
    modes=[0o100755, 0o40755, 0o120777],
    folder_of=[0, 1, 0],
    basenames=["bash", "bash", "sh"],
    folders=["/usr/bin/", "/usr/share/doc/"],
)
GLIBC = maderpm.header(
    name="glibc",
    version="2.34",
    release="100.el9",
    epoch=[0],
    provides=["glibc", "libc.so.6()(64bit)"],
    requires=["(langpacks-core-font(en) if langpacks-en)", "(bash >= 5 or (zsh with ksh))"],
    modes=[0o100755],
    folder_of=[0],
    basenames=["libc.so.6"],
    folders=["/lib64/"],
)
NODE = maderpm.header(name="nodejs", requires=["/lib64/libc.so.6"], module="nodejs:18:80:ad")
MAKERS: tuple[tuple[str, Callable[..., bytes]], ...] = (
    ("rpmdb.sqlite", maderpm.sqlite),
    ("Packages.db", maderpm.ndb),
    ("Packages", maderpm.berkeley),
)


@pytest.mark.parametrize(("name", "make"), MAKERS)
@pytest.mark.parametrize("folder", ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"])
def test_each_database_says_the_same(name: str, make: Callable[..., bytes], folder: str) -> None:
    path = f"{folder}/{name}"
    assert rpm.wants(path, name)
    data = make(BASH, GLIBC, NODE)
    bash, glibc, node = rpm.read(path, data)
    assert (bash.name, bash.version, bash.architecture) == ("bash", "1:5.1.8-6.el9", "x86_64")
    assert (bash.source, bash.source_version) == ("bash", "5.1.8-6.el9")
    assert (bash.licence, bash.supplier) == ("GPL-3.0-or-later", "Red Hat, Inc.")
    assert (glibc.version, node.version) == ("2.34-100.el9", "1-2")
    assert (bash.depends, glibc.depends, node.depends) == (("glibc",), ("bash",), ("glibc",))
    assert node.purl == "nodejs:18:80:ad"  # what the purl is made with
    assert rpm.claims(path, data) == [
        Claim(path, "rpm:bash", "usr/bin/bash\nusr/bin/sh"),
        Claim(path, "rpm:glibc", "lib64/libc.so.6"),
    ]


def test_a_big_endian_berkeley_database() -> None:
    (found,) = rpm.read("var/lib/rpm/Packages", maderpm.berkeley(BASH, order=">"))
    assert found.name == "bash"


def test_full_paths_of_packages_of_the_nineties() -> None:
    data = maderpm.sqlite(maderpm.header(old_files=["/bin/a", "/etc"], modes=[0o100755, 0o40755]))
    assert rpm.claims(SQLITE, data) == [Claim(SQLITE, "rpm:a", "bin/a")]


def test_a_log_beside_a_database_is_no_package_list() -> None:
    for name in ("rpmdb.sqlite-wal", "rpmdb.sqlite-journal"):
        assert rpm.wants(f"var/lib/rpm/{name}", name)
        with pytest.raises(ValueError, match="not up to date"):
            rpm.read(f"var/lib/rpm/{name}", b"frames")


def test_what_is_no_database_is_not_read() -> None:
    for path in ("srv/Packages", "var/lib/rpm/sub/Packages", "var/lib/rpm/Name", "Packages"):
        assert not rpm.wants(path, path.rpartition("/")[2])


def test_the_list_of_an_image_without_a_database() -> None:
    path = "var/lib/rpmmanifest/container-manifest-2"
    line = "glibc\t2.35-2.cm2\t1653816591\t1653628955\tMicrosoft Corporation\t(none)\t10855265"
    openssl = "openssl-libs\t1.1.1k-15.cm2\t1\t1\tMicrosoft Corporation\t1\t4365048\tx86_64\t1"
    data = f"{line}\tx86_64\t0\tglibc-2.35-2.cm2.src.rpm\n{openssl}\t(none)\n".encode()
    assert rpm.wants(path, "container-manifest-2")
    glibc, libs = rpm.read(path, data)
    assert (glibc.version, glibc.source) == ("2.35-2.cm2", "glibc")
    assert glibc.source_version == "2.35-2.cm2"
    assert (libs.version, libs.architecture, libs.source) == ("1:1.1.1k-15.cm2", "x86_64", "")
    assert rpm.claims(path, data) == []
    with pytest.raises(ValueError, match="no package in the line"):
        rpm.read(path, b"glibc 2.35\n")


@pytest.mark.parametrize(
    ("said", "expression"),
    [
        ("MIT", "MIT"),
        (
            "GPLv2+ and (ASL 2.0 or BSD)",
            "GPL-2.0-or-later AND (Apache-2.0 OR LicenseRef-Callaway-BSD)",
        ),
        ("GPLv2+ with exceptions and LGPLv2.1", "GPL-2.0-or-later AND LGPL-2.1-only"),
        ("Public Domain", "LicenseRef-Callaway-Public-Domain"),
        ("GPL-2.0-or-later WITH GCC-exception-2.0", "GPL-2.0-or-later WITH GCC-exception-2.0"),
        ("CC0 1.0 OR MPLv2.0", "CC0-1.0 OR MPL-2.0"),
        ("", ""),
    ],
)
def test_licences(said: str, expression: str) -> None:
    data = maderpm.sqlite(maderpm.header(licence=said))
    assert rpm.read(SQLITE, data)[0].licence == expression
