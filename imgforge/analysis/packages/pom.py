"""What a ``pom.xml`` (Maven's POM reference) says of a package, read without expanding anything.

A document type, which alone can define entities, makes a file one that is not read.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from xml.sax.saxutils import unescape

_TAG: Final = re.compile(r"</?([A-Za-z_][\w.:-]*)[^<>]*>")
_DEPTH: Final = 32
_LICENCES: Final = (
    (r"apache.*2(\.0)?", "Apache-2.0"),
    (r"apache.*1\.1", "Apache-1.1"),
    (r"(the )?mit( license)?", "MIT"),
    (r".*\b(bsd.?3|3.clause.bsd|(new|revised) bsd).*", "BSD-3-Clause"),
    (r".*\b(bsd.?2|2.clause.bsd|simplified bsd).*", "BSD-2-Clause"),
    (r".*eclipse public license.*2(\.0)?|epl.?2(\.0)?", "EPL-2.0"),
    (r".*eclipse public license.*1(\.0)?|epl.?1(\.0)?", "EPL-1.0"),
    (r".*eclipse distribution license.*|edl.?1(\.0)?", "BSD-3-Clause"),
    (r".*mozilla public license.*2(\.0)?|mpl.?2(\.0)?", "MPL-2.0"),
    (r".*mozilla public license.*1\.1|mpl.?1\.1", "MPL-1.1"),
    (r"cc0.*", "CC0-1.0"),
    (r"cddl.?1\.0", "CDDL-1.0"),
    (r"cddl.?1\.1", "CDDL-1.1"),
    (r"bouncy castle licen[cs]e", "MIT"),
    (r"https?://(www\.)?apache\.org/licenses/license-2\.0(\.txt|\.html)?", "Apache-2.0"),
    (r"https?://(www\.)?opensource\.org/licenses?/mit(-license\.php)?", "MIT"),
    (r"https?://(www\.)?eclipse\.org/legal/epl-?(v1)?-?(v20|2\.0)(\.html)?/?", "EPL-2.0"),
    (r"https?://(www\.)?eclipse\.org/legal/epl-v10(\.html)?", "EPL-1.0"),
    (r"https?://(www\.)?opensource\.org/licenses/apache-?2\.0(\.php)?", "Apache-2.0"),
)
_KNOWN: Final = tuple((re.compile(pattern), spdx) for pattern, spdx in _LICENCES)


class Pom(NamedTuple):
    """``version`` (its parent's, if it has none), ``licence`` and ``organisation``; or empty."""

    version: str = ""
    licence: str = ""
    organisation: str = ""


def read(text: str) -> Pom:
    """Return what is said; nothing if the file is no such document."""
    found = _texts(text)
    names = [licence(name) for name in found.get("project/licenses/license/name", ())]
    # Whoever uses it may choose: so says the reference.
    several = [f"({name})" if " " in name and len(names) > 1 else name for name in names if name]
    return Pom(
        next(iter(found.get("project/version") or found.get("project/parent/version", [])), ""),
        " OR ".join(dict.fromkeys(several)),
        next(iter(found.get("project/organization/name", [])), ""),
    )


def _texts(text: str) -> dict[str, list[str]]:
    """Return the texts by the names of the elements that they are in; none if it is no XML."""
    found: dict[str, list[str]] = {}
    stack: list[str] = []
    at = 0
    while (start := text.find("<", at)) >= 0:
        if text.startswith("<!--", start):
            at = text.find("-->", start) + 3
            if at < len("-->"):
                return {}
            continue
        if text.startswith("<?", start):
            at = start + 2
            continue
        tag = _TAG.match(text, start)
        if tag is None or len(stack) > _DEPTH:
            return {}
        at = tag.end()
        if text.startswith("</", start):
            if not stack or stack.pop() != tag[1]:
                return {}
        elif not tag[0].endswith("/>"):
            stack.append(tag[1])
            value = text[at : text.find("<", at)].strip()
            if value and len(stack) <= len(("project", "licenses", "license", "name")):
                found.setdefault("/".join(stack), []).append(unescape(value))
    return found


def licence(name: str) -> str:
    """Return SPDX's identifier for a licence's usual names and addresses, else ``name``."""
    short = " ".join(name.partition(";")[0].strip('"').split())[:200]
    plain = re.sub(r"[,()]|\bthe\b", " ", short.lower())
    plain = " ".join(plain.split())
    return next((spdx for known, spdx in _KNOWN if known.fullmatch(plain)), short)
