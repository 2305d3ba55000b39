from __future__ import annotations

import pytest

from imgforge.analysis.facts import Claim
from imgforge.analysis.packages import apk

PATH = "lib/apk/db/installed"
INSTALLED = """C:Q1v4QhLje3kWlC8DJj+ZfJTjlJRSU=
P:busybox
V:1.36.1-r5
A:x86_64
T:Size optimized toolbox
L:GPL-2.0-only
o:busybox
m:Natanael Copa <ncopa@alpinelinux.org>
D:so:libc.musl-x86_64.so.1 !uutils gone>1 so:none.so
p:/bin/sh cmd:busybox=1.36.1-r5
F:bin
R:busybox
a:0:0:755
Z:Q1mQqMa0D0GPlDgKAQn0MxLYVnZ4A=
F:etc
F:
R:top

P:musl
V:1.2.4-r2
L:MIT
p:so:libc.musl-x86_64.so.1=1
F:lib
R:ld-musl-x86_64.so.1

P:scripts
V:1
L:GPL2+ custom:x
D:/bin/sh busybox>=1 musl~1.2
"""


def test_packages() -> None:
    busybox, musl, scripts = apk.read(PATH, INSTALLED.encode())
    assert (busybox.name, busybox.version) == ("busybox", "1.36.1-r5")
    assert busybox.architecture == "x86_64"
    assert (busybox.source, busybox.licence) == ("busybox", "GPL-2.0-only")
    assert busybox.supplier == "Natanael Copa <ncopa@alpinelinux.org>"
    assert busybox.hashes == ("sha1:bf84212e37b7916942f03263f997c94e39494525",)
    assert busybox.depends == ("gone", "musl")
    assert scripts.depends == ("busybox", "musl")
    assert scripts.licence == "GPL-2.0-or-later AND LicenseRef-apk-custom-x"
    assert (musl.hashes, musl.depends) == ((), ())


def test_files() -> None:
    assert apk.claims(PATH, INSTALLED.encode()) == [
        Claim(PATH, "apk:busybox", "bin/busybox\ntop"),
        Claim(PATH, "apk:musl", "lib/ld-musl-x86_64.so.1"),
    ]


def test_which_files() -> None:
    assert apk.wants(PATH, "installed")
    assert apk.wants(f"usr/{PATH}", "installed")
    assert not apk.wants(f"srv/{PATH}", "installed")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("P:a\n", "no package"),
        ("V:1\n", "no package"),
        ("nonsense\n", "no field"),
        ("P:a\nV:1\nC:Q1!!\n", "no checksum"),
    ],
)
def test_what_is_broken(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        apk.read(PATH, text.encode())
