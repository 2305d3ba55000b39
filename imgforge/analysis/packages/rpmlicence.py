"""Licences of RPM packages: SPDX expressions, or the short names that Fedora used before them.

Those short names (Callaway's, fedoraproject.org/wiki/Licensing:Main) do not always say which of
SPDX's licences is meant: ``BSD`` is any of several. What is not certain becomes
``LicenseRef-Callaway-NAME``, as Fedora itself writes it. A ``with exceptions`` names none, so what
is left is the licence without them.
"""

from __future__ import annotations

import re
from typing import Final

from imgforge.analysis.packages.licence import gnu, known, translated, unknown

_NAMES: Final = {
    "agplv3": "AGPL-3.0-only",
    "agplv3+": "AGPL-3.0-or-later",
    "artistic 2.0": "Artistic-2.0",
    "asl 1.0": "Apache-1.0",
    "asl 1.1": "Apache-1.1",
    "asl 2.0": "Apache-2.0",
    "boost": "BSL-1.0",
    "bsd with advertising": "BSD-4-Clause",
    "cc0": "CC0-1.0",
    "epl-1.0": "EPL-1.0",
    "epl-2.0": "EPL-2.0",
    "ijg": "IJG",
    "isc": "ISC",
    "libpng": "Libpng",
    "mplv1.0": "MPL-1.0",
    "mplv1.1": "MPL-1.1",
    "mplv2.0": "MPL-2.0",
    "ofl": "OFL-1.1",
    "openssl": "OpenSSL",
    "postgresql": "PostgreSQL",
    "sleepycat": "Sleepycat",
    "unlicense": "Unlicense",
    "w3c": "W3C",
    "wtfpl": "WTFPL",
    "zlib": "Zlib",
    "zplv2.0": "ZPL-2.0",
    "zplv2.1": "ZPL-2.1",
}
"""Short names that mean one licence, in lower case."""

_EXCEPTIONS: Final = re.compile(r"\s+with\s+.*exceptions?$", re.IGNORECASE)


def licence(said: str) -> str:
    """Return the expression for the field ``License``."""
    return translated(said, _one) if said else ""


def _one(name: str) -> str:
    plain = _EXCEPTIONS.sub("", name)
    return (
        _NAMES.get(plain.lower())
        or gnu(plain)
        or known(plain.replace(" ", "-"))
        or unknown("Callaway", plain)
    )
