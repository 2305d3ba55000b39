"""Debian packages: ``dpkg/status``, or one file a package in ``status.d`` as small images have.

Licences come from the machine-readable copyright files (DEP-5, copyright-format 1.0); a package
with a free-form one has none here. Both are control files (Debian policy, 5.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import Package

ECOSYSTEM: Final = "deb"
NAMES: Final = frozenset({"status", "copyright"})
FOLDERS: Final = frozenset({"status.d"})

_STATUS: Final = "var/lib/dpkg/status"
_FORMAT: Final = "copyright-format"
_SPDX: Final = {
    "apache-2": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "artistic-2.0": "Artistic-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "cc0-1.0": "CC0-1.0",
    "expat": "MIT",
    "gfdl-1.3": "GFDL-1.3-only",
    "isc": "ISC",
    "mit": "MIT",
    "mpl-2.0": "MPL-2.0",
    "openssl": "OpenSSL",
    "unicode-3.0": "Unicode-3.0",
    "zlib": "Zlib",
}
_GNU: Final = re.compile(r"(a?gpl|lgpl)-([1-3](?:\.[0-9])?)(\+|-or-later|-only)?")


def wants(path: str, name: str) -> bool:
    """Whether this records packages, or is the copyright file of one."""
    if name == "copyright":
        return path.startswith("usr/share/doc/") and path.count("/") == 4  # noqa: PLR2004
    return path == _STATUS or (path.startswith(_STATUS + ".d/") and not name.endswith(".md5sums"))


def read(path: str, data: bytes) -> list[Package]:
    """Return installed packages, or one note of a copyright file."""
    text = data.decode(errors="replace")
    if path.endswith("/copyright"):
        return _licence(path, text)
    found = []
    for fields in paragraphs(text):
        name, version = fields.get("package", ""), fields.get("version", "")
        if not name:
            raise ValueError("a paragraph has no Package field")
        if fields.get("status", "install ok installed").split()[-1:] != ["installed"]:
            continue
        found.append(
            Package(
                ECOSYSTEM,
                name,
                version,
                purl="",
                licence="",
                supplier=fields.get("maintainer", ""),
                paths=(path,),
                architecture=fields.get("architecture", ""),
                source=fields.get("source", ""),
            )
        )
    return found


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Read a control file: field names in lower case, continuation lines joined by newlines."""
    for paragraph in re.split(r"\n(?:[ \t]*\n)+", text.replace("\r\n", "\n")):
        fields: dict[str, list[str]] = {}
        last: list[str] | None = None
        for line in paragraph.split("\n"):
            if line[:1] in {" ", "\t"}:
                if last is not None:
                    last.append(line.strip())
            elif line and not line.startswith("#"):
                key, colon, value = line.partition(":")
                if not colon:
                    raise ValueError(f"no field in the line {line[:80]!r}")
                last = fields[key.strip().lower()] = [value.strip()]
        if fields:
            yield {key: "\n".join(lines) for key, lines in fields.items()}


def _licence(path: str, text: str) -> list[Package]:
    if _FORMAT not in text[:400]:
        return []
    names: dict[str, None] = {}
    try:
        for fields in paragraphs(text):
            short = fields.get("license", "").split("\n", 1)[0].strip()
            if short and "files" in fields:
                names[short] = None
    except ValueError:
        return []  # free prose after all: copyright files are not records
    licence = " AND ".join(dict.fromkeys(map(_expression, names)))
    name = path.split("/")[3]
    if not licence:
        return []
    return [Package(ECOSYSTEM, name, "", "", licence, "", (path,), found="note")]


def _expression(short: str) -> str:
    """Turn a short name such as ``GPL-2+ or Expat`` into SPDX's, as far as they are known."""
    parts = re.split(r"\s+(or|and)\s+", short.replace(",", ""), flags=re.IGNORECASE)
    out = " ".join(
        part.upper() if part.lower() in {"or", "and"} else _identifier(part) for part in parts
    )
    return f"({out})" if " OR " in out or " AND " in out else out


def _identifier(short: str) -> str:
    gnu = _GNU.fullmatch(short.lower())
    if gnu is None:
        return _SPDX.get(short.lower(), short)
    family, version, suffix = gnu.groups()
    number = version if "." in version else version + ".0"
    later = "only" if suffix in {None, "-only"} else "or-later"
    return f"{family.upper()}-{number}-{later}"
