from __future__ import annotations

from pathlib import Path

import madeimage as made
import pytest

from imgforge.analysis.packages import debcopyright
from imgforge.sbom.parts import expression as valid

PATH = "usr/share/doc/a/copyright"
FORMAT = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"


def licence(text: str) -> str:
    found = debcopyright.read(PATH, text.encode())
    for note in found:
        assert (note.ecosystem, note.name, note.paths, note.found) == ("deb", "a", (PATH,), "note")
        assert valid(note.licence) is not None
    return "".join(note.licence for note in found)


@pytest.mark.parametrize(
    ("short", "expected"),
    [
        ("GPL-2", "GPL-2.0-only"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("LGPL", "LGPL-2.0-or-later"),
        ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
        ("Expat", "MIT"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("Artistic", "Artistic-1.0-Perl"),
        ("zlib", "Zlib"),
        ("OpenLDAP-2.8", "OLDAP-2.8"),
        ("public-domain", "LicenseRef-dep5-public-domain"),
        ("PD", "LicenseRef-dep5-public-domain"),
        ("MIT/X11", "LicenseRef-dep5-MIT-X11"),
        ("permissive (as is)", "LicenseRef-dep5-permissive-as-is"),
        ("???", "LicenseRef-dep5-unnamed"),
        ("Apache-2.0 with LLVM exception", "Apache-2.0 WITH LLVM-exception"),
        ("GPL-2+ with Libtool exception", "GPL-2.0-or-later WITH Libtool-exception"),
        ("GPL-2+ with some exception", "GPL-2.0-or-later"),
        ("X with Libtool exception", "LicenseRef-dep5-X"),
        ("GPL-2+ or Expat", "(GPL-2.0-or-later OR MIT)"),
        ("GPL-2+ or ISC and Zlib", "(GPL-2.0-or-later OR ISC AND Zlib)"),
        ("GPL-1+ or Artistic, and Expat", "((GPL-1.0-or-later OR Artistic-1.0-Perl) AND MIT)"),
        ("Expat, or ISC and Zlib", "(MIT OR (ISC AND Zlib))"),
    ],
)
def test_short_names(short: str, expected: str) -> None:
    assert debcopyright.expression(short) == expected
    assert licence(f"{FORMAT}Files: *\nLicense: {short}\n") == expected


def test_every_group_of_files_counts_and_texts_do_not() -> None:
    text = (
        f"{FORMAT}Files: *\nLicense: GPL-2+\n\nFiles: b\nLicense: ISC\n text\n\n"
        "License: Zlib\n only the text\n"
    )
    assert licence(text) == "GPL-2.0-or-later AND ISC"
    assert licence(f"{FORMAT.strip()}\nLicense: ISC\n\nLicense: Zlib\n text\n") == "ISC"


MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy of
this software and associated documentation files (the "Software"), to deal in
the Software without restriction, including without limitation the rights to
use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies
of the Software, and to permit persons to whom the Software is furnished to do
so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND"""
LATER = "version 2 of the License, or (at your option) any later version."
COMMON = "The text is in /usr/share/common-licenses"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"under the GNU GPL, {LATER} {COMMON}/GPL-2.", "GPL-2.0-or-later"),
        (f"under the GNU GPL, version 2. {COMMON}/GPL-2'.", "GPL-2.0-only"),
        (f"under the GNU GPL, {LATER} {COMMON}/GPL.", "GPL-2.0-or-later"),
        (f"under some GPL. {COMMON}/GPL.", ""),
        (f"General Public License, {LATER} Library General Public License. {COMMON}/GPL-2", ""),
        (f"version 3 of the GNU GPL. {COMMON}/GPL-2", ""),
        (f"Apache License. Tests: GNU General Public License. {COMMON}/Apache-2.0", ""),
        (f"GPL, version 3. A module: same terms as Perl. {COMMON}/GPL-3 {COMMON}/Artistic", ""),
        (f"version 2 or version 3 of it. {COMMON}/GPL.", ""),
        (f"{COMMON}/Apache-2.0", "Apache-2.0"),
        (f"{COMMON}/Apache-2.0, and {COMMON}/LGPL-2.1", ""),
        (f"Permission to use it is granted. Debian's part is under {COMMON}/GPL-2", ""),
        (f"It is in the public domain. Debian's part is under {COMMON}/GPL-2", ""),
        (f"{COMMON}/Artistic alternatively {COMMON}/GPL-2", ""),
        (f"{COMMON}/BSD-1999", ""),
        (f"Same terms as Perl: {COMMON}/GPL-1 {COMMON}/Artistic",
         "(Artistic-1.0-Perl OR GPL-1.0-or-later)"),
        (MIT, "MIT"),
        (MIT.replace("sublicense", "borrow"), ""),
        (f"{MIT} {COMMON}/MPL-2.0", "MIT AND MPL-2.0"),
        (f"{MIT}. Redistribution and use in source and binary forms", ""),
        ("All rights reserved.", ""),
    ],
)  # fmt: skip
def test_free_prose_says_only_what_is_certain(text: str, expected: str) -> None:
    assert licence(text) == expected


def test_which_files() -> None:
    assert debcopyright.wants(PATH, "copyright")
    for path in ("usr/share/doc/copyright", "usr/share/doc/a/b/copyright", "srv/doc/a/copyright"):
        assert not debcopyright.wants(path, "copyright")


def test_packages_that_share_a_folder_of_documents(tmp_path: Path) -> None:
    names = ("gcc-12-base", "libgcc-s1", "libstdc++6", "lost")
    status = "".join(f"Package: {name}\nVersion: 1\n\n" for name in names)
    facts = made.facts(
        tmp_path,
        [
            made.file("var/lib/dpkg/status", status.encode()),
            made.file("usr/share/doc/gcc-12-base/copyright", MIT.encode()),
            made.symlink("usr/share/doc/libgcc-s1", "gcc-12-base"),
            made.symlink("usr/share/doc/libstdc++6", "/usr/share/doc/gcc-12-base"),
            made.symlink("usr/share/doc/lost", "/etc"),
        ],
    )
    assert [(p.name, p.licence) for p in facts.packages] == [
        *((name, "MIT") for name in names[:3]),
        ("lost", ""),
    ]


def _record(name: str, more: str) -> made.Member:
    head = f"Package: {name}\nVersion: 12.2-1\nArchitecture: all\nStatus: install ok installed\n"
    return made.file(f"var/lib/dpkg/status.d/{name}", (head + more).encode())


def test_where_the_link_is_gone_a_needed_package_of_the_source_says_it(tmp_path: Path) -> None:
    """Minimal images keep copyright files, and not the links to others' folders."""
    facts = made.facts(
        tmp_path,
        [
            made.file("usr/share/doc/gcc-12-base/copyright", MIT.encode()),
            _record("gcc-12-base", "Source: gcc-12\n"),
            _record("libgcc-s1", "Source: gcc-12\nDepends: gcc-12-base (= 12.2-1), libc6\n"),
            _record("other", "Depends: gcc-12-base\n"),
            _record("unneeded", "Source: gcc-12\n"),
            _record("own", "Source: gcc-12\nDepends: gcc-12-base\n"),
            made.file("usr/share/doc/own/README"),
        ],
    )
    licences = {package.name: package.licence for package in facts.packages}
    assert {name for name, licence in licences.items() if licence} == {"gcc-12-base", "libgcc-s1"}
