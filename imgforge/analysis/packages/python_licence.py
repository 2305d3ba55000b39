"""The licence of a Python distribution, which three fields of its metadata may tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from imgforge.analysis.packages.document import text

_CLASSIFIERS: Final = {
    "Academic Free License (AFL)": "AFL-3.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CMU License (MIT-CMU)": "MIT-CMU",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "Zope Public License": "ZPL-2.1",
    "zlib/libpng License": "Zlib",
}
_LONGEST: Final = 100
"""Characters of a License field that still name a licence instead of quoting its text."""
_EXPRESSION: Final = re.compile(r"MIT|ISC|Zlib|Unlicense|.* (?:AND|OR|WITH) .*|\S+-\d[\w.+-]*")
"""What looks as SPDX's identifiers and expressions do."""


def licence(fields: Mapping[str, str], classifiers: Sequence[str]) -> str:
    """Return the expression (PEP 639), else what ``License`` or the one classifier name."""
    if fields.get("license-expression"):
        return text(fields["license-expression"], 1000)
    said = text(fields.get("license"), _LONGEST + 1)
    if said and _EXPRESSION.fullmatch(said) and len(said) <= _LONGEST:
        return said
    named = {c.rsplit(" :: ", 1)[-1] for c in classifiers if c.startswith("License :: OSI")}
    known = [_CLASSIFIERS.get(name, "") for name in named]
    if len(known) == 1 and known[0]:
        return known[0]
    return said if len(said) <= _LONGEST else ""
