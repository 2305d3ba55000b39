"""Licences of Debian packages: ``usr/share/doc/NAME/copyright``.

Machine-readable files (DEP-5, copyright-format 1.0) name a licence for every group of files; their
short names become SPDX's. A name that SPDX has not becomes ``LicenseRef-dep5-NAME``, which stands
for the text in that very file. An exception that SPDX does not know is left out, for nobody has to
use what it permits beside the licence. Of free-form files only what is certain is taken: the common
licence that one refers to, or a text that is always the same, if there is no sign of another.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from imgforge.analysis.facts import Package
from imgforge.analysis.packages.deb import ECOSYSTEM, paragraphs
from imgforge.analysis.packages.licence import gnu, known, unknown

_FOLDER: Final = "usr/share/doc/"
_FORMAT: Final = "copyright-format"
_FIELDS: Final = frozenset({"format", "files", "license"})
_LARGEST: Final = 8 << 20
_LONGEST: Final = 400
"""Characters of a short name; what is longer quotes a text."""

_NAMES: Final = {
    "agpl-3": "AGPL-3.0-only",
    "apache-2": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "artistic-1": "Artistic-1.0-Perl",
    "artistic-2": "Artistic-2.0",
    "boost-1.0": "BSL-1.0",
    "bsd-0-clause": "0BSD",
    "bsd-2": "BSD-2-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3": "BSD-3-Clause",
    "bsd-4": "BSD-4-Clause",
    "cc0": "CC0-1.0",
    "efl-1": "EFL-1.0",
    "efl-2": "EFL-2.0",
    "epl-1": "EPL-1.0",
    "epl-2": "EPL-2.0",
    "expat": "MIT",
    "mpl-1": "MPL-1.0",
    "mpl-2": "MPL-2.0",
    "openldap-2.8": "OLDAP-2.8",
    "perl": "(Artistic-1.0-Perl OR GPL-1.0-or-later)",
    "psf-2": "PSF-2.0",
    "qpl": "QPL-1.0",
    "sil-1.1": "OFL-1.1",
    "ufl-1.0": "Ubuntu-font-1.0",
    "zope-1.1": "ZPL-1.1",
    "zope-2.0": "ZPL-2.0",
    "zope-2.1": "ZPL-2.1",
    "zpl-2": "ZPL-2.0",
}
"""Short names (copyright-format 1.0, 7.1.1, and what is in use for the same) that SPDX spells
otherwise, in lower case."""

_EXCEPTIONS: Final = {
    "bison": "Bison-exception-2.2",
    "classpath": "Classpath-exception-2.0",
    "font": "Font-exception-2.0",
    "gcc runtime library": "GCC-exception-3.1",
    "libtool": "Libtool-exception",
    "linux-syscall-note": "Linux-syscall-note",
    "llvm": "LLVM-exception",
}
"""Exceptions of which Debian's name says which of SPDX's it is."""

_EXCEPTION: Final = re.compile(r"(.+?)\s+with\s+(.+?)(?:\s+exceptions?)?", re.IGNORECASE)
_WORDS: Final = re.compile(r"(\s*,\s*and\s+|\s*,\s*or\s+|\s+and\s+|\s+or\s+)", re.IGNORECASE)

_REFERENCE: Final = re.compile(r"/usr/share/common-licenses/([A-Za-z]+(?:-[0-9.]*[0-9])?)")
_LATER: Final = re.compile(r"\bany later version\b|\bor \(at your option\) any\b")
_VERSION: Final = re.compile(r"\bversion ([123](?:\.[0-9])?)\b")
_FAMILY: Final = re.compile(
    r"\b((?:(?:lesser|library|affero) )?general public|free documentation) licen[cs]e"
)
_FAMILIES: Final = {
    "general public": "GPL",
    "lesser general public": "LGPL",
    "library general public": "LGPL",
    "affero general public": "AGPL",
    "free documentation": "GFDL",
}
_PERL: Final = re.compile(r"\bsame terms as (?:the )?perl\b")
_OTHER: Final = re.compile(
    r"\bredistributions? (?:and use|of source|in binary)|\bpermission (?:to|is)\b|\bpermitted\b"
    r"|\bpublic domain\b|\bfreely\b|\bwithout (?:fee|restriction)\b|\blicen[cs]e agreement\b"
    r"|\b(?:bsd|mit|x11|expat|isc|psf) licen[cs]e|\bmozilla\b|\bcreative commons\b|\bas is\b"
    r"|\bdual[- ]licen[cs]ed\b|\balternatively\b"
)
"""Signs of a licence beside the one that a file refers to."""

_COMMON: Final = {
    "Apache-2.0": "Apache-2.0",
    "Artistic": "Artistic-1.0-Perl",
    "BSD": "BSD-3-Clause",
    "CC0-1.0": "CC0-1.0",
    "MPL-1.1": "MPL-1.1",
    "MPL-2.0": "MPL-2.0",
}
_TEXTS: Final = {
    "MIT": re.compile(
        r"permission is hereby granted, free of charge, to any person obtaining a copy of this "
        r"software and associated documentation files \(the \"software\"\), to deal in the "
        r"software without restriction, including without limitation the rights to use, copy, "
        r"modify, merge, publish, distribute, sublicense, and/or sell copies of the software, and "
        r"to permit persons to whom the software is furnished to do so, subject to the following "
        r"conditions: the above copyright notice and this permission notice shall be included in "
        r"all copies or substantial portions of the software\. the software is provided \"as is\""
    ),
    "ISC": re.compile(
        r"permission to use, copy, modify, and(?:/or)? distribute this software for any purpose "
        r"with or without fee is hereby granted, provided that the above copyright notice and this "
        r"permission notice appear in all copies\. the software is provided \"as is\" and"
    ),
    "Zlib": re.compile(
        r"permission is granted to anyone to use this software for any purpose, including "
        r"commercial applications, and to alter it and redistribute it freely, subject to the "
        r"following restrictions: 1\. the origin of this software must not be misrepresented; you "
        r"must not claim that you wrote the original software\. if you use this software in a "
        r"product, an acknowledgment in the product documentation would be appreciated but is not "
        r"required\. 2\. altered source versions must be plainly marked as such, and must not be "
        r"misrepresented as being the original software\. 3\. this notice may not be removed or "
        r"altered from any source distribution"
    ),
}
"""Texts (in lower case, white space as single blanks) that are that licence and no other."""

NAMES: Final = frozenset({"copyright"})


def wants(path: str, name: str) -> bool:
    """Whether this is the copyright file of a package."""
    return name == "copyright" and path.startswith(_FOLDER) and path.count("/") == 4  # noqa: PLR2004


def read(path: str, data: bytes) -> list[Package]:
    """Return one note of a package's licence, or none; ValueError if it is too large for one."""
    if len(data) > _LARGEST:
        raise ValueError(f"the copyright file has over {_LARGEST} bytes")
    text = data.decode(errors="replace")
    licence = _declared(text) if _FORMAT in text[:400] else ""
    licence = licence or _certain(text)
    if not licence:
        return []
    name = path.split("/")[3]
    return [Package(ECOSYSTEM, name, "", "", licence, "", (path,), found="note")]


def expression(short: str) -> str:
    """Turn a short name such as ``GPL-2+ or Expat`` into SPDX's.

    ``and`` binds closer than ``or``, and a comma before either less close than both
    (copyright-format 1.0, 7.1.3). The result is in parentheses if it is no single licence.
    """
    words = _WORDS.split(short.strip())
    loose: list[str] = []
    tight: list[str] = []
    for word in words:
        if word.lstrip().startswith(",") and _WORDS.fullmatch(word):
            loose += [_joined(tight), word.strip(" \t,").upper()]
            tight = []
        elif _WORDS.fullmatch(word):
            tight.append(word.strip().upper())
        else:
            tight.append(_one(word.strip(" \t,")))
    return _joined([*loose, _joined(tight)])


def _joined(parts: list[str]) -> str:
    """Join names and operators; ``A OR B AND C`` reads the same in SPDX (annex D.4.5)."""
    return parts[0] if len(parts) == 1 else f"({' '.join(parts)})"


@cache
def _one(short: str) -> str:
    """Return SPDX's for one licence, with or without an exception."""
    match = _EXCEPTION.fullmatch(short)
    if match is not None:
        licence = _one(match[1])
        exception = _EXCEPTIONS.get(match[2].lower())
        if exception is None or licence.startswith(("LicenseRef", "(")) or " " in licence:
            return licence
        return f"{licence} WITH {exception}"
    return _NAMES.get(short.lower()) or gnu(short) or known(short) or _own(short)


def _own(short: str) -> str:
    return unknown("dep5", "public-domain" if short.lower() in {"pd", "publicdomain"} else short)


def _declared(text: str) -> str:
    """Return what a machine-readable file says; nothing if it is free prose after all."""
    names: dict[str, None] = {}
    whole = ""
    try:
        for fields in paragraphs(text, _FIELDS):
            short = fields.get("license", "").split("\n", 1)[0].strip()
            if "files" in fields and short and len(short) <= _LONGEST:
                names[short] = None
            elif "format" in fields and len(short) <= _LONGEST:
                whole = short
    except ValueError:
        return ""
    if not names and whole:
        names[whole] = None
    return " AND ".join(dict.fromkeys(map(expression, names)))


def _certain(text: str) -> str:
    """Return what a free-form file says, if nothing else can be meant.

    That is one common licence that it refers to, or texts that are known, and no sign of another:
    Debian's own part often has another licence than what it is about.
    """
    plain = " ".join(text.split()).lower()
    referred = set(_REFERENCE.findall(text))
    found = {name for name, body in _TEXTS.items() if body.search(plain)}
    for name in found:
        plain = _TEXTS[name].sub("", plain)
    said = set(_VERSION.findall(plain))
    if _PERL.search(plain) and {n.partition("-")[0] for n in referred} <= {"Artistic", "GPL"}:
        found.add(_NAMES["perl"] if said <= {"1"} else "")
    elif len(referred) == 1:
        found.add(_referred(referred.pop(), plain, said))
    elif referred:
        return ""
    if "" in found or _OTHER.search(plain):
        return ""
    return " AND ".join(sorted(found))


def _referred(name: str, plain: str, said: set[str]) -> str:
    """Return the licence that the reference to a common one means in the text ``plain``.

    ``said`` are the versions that it speaks of. Nothing is returned if it names another licence of
    the GNU project too, for then it has several.
    """
    family, _, version = name.partition("-")
    gnu_family = family if family in _FAMILIES.values() else ""
    if {_FAMILIES[word] for word in _FAMILY.findall(plain)} - {gnu_family}:
        return ""
    if not gnu_family:
        return _COMMON.get(name, "")
    if len(said | ({version} - {""})) != 1:
        return ""
    number = version or said.pop()
    return gnu(f"{family}-{number}{'+' if _LATER.search(plain) else ''}")
