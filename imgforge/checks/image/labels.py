"""IF052: labels that say what an image is, missing or wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.oci.types import is_digest
from imgforge.policy.bounds import Policy

PREFIX: Final = "org.opencontainers.image."

RULE: Final = Rule(
    "IF052",
    Severity.LOW,
    "A label that says what the image is lacks or is wrong",
    why="When a vulnerability is announced somebody has to find out what runs where, in which"
    " version and under which licence. Tools read that from these labels; without them, or with"
    " values they cannot read, the image is left out of the answer.",
    remedy="Set title, version and licenses in the spec's [image] table, and a source URL.",
    example='LABEL org.opencontainers.image.licenses="Apache 2"\nLABEL'
    ' org.opencontainers.image.licenses="Apache-2.0"',
    references=(
        "OCI image-spec, annotations.md",
        "hadolint DL3048 to DL3056",
        "NIST SP 800-190 4.2.2",
    ),
)

_WANTED: Final = {
    "title": Severity.LOW,
    "version": Severity.LOW,
    "licenses": Severity.INFO,
}
_URLS: Final = frozenset({"url", "source", "documentation"})
_SCHEMES: Final = frozenset({"http", "https", "git", "ssh", "git+ssh", "git+https"})
_SCP: Final = re.compile(r"[\w.-]+@[\w.-]+:[\w./~-]+")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_LONGEST: Final = 2000
"""Characters of a licence expression: real ones have far fewer, and nesting costs the parser."""
_SPACE: Final = re.compile(r"\s")


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find which of the three most useful lack, and values of the standard ones that are wrong."""
    labels = image.settings.labels
    lacking = [name for name in _WANTED if not labels.get(PREFIX + name, "").strip()]
    if lacking:
        message = f"the image has no label {', '.join(PREFIX + name for name in lacking)}"
        worst = max(_WANTED[name] for name in lacking)
        yield RULE.finding(message, key="missing", severity=worst)
    for name, judge in _JUDGES.items():
        value = labels.get(PREFIX + name, "").strip()
        if value and not judge(value):
            message = f"the label {PREFIX}{name} is {value[:80]!r}, {_EXPECTED[name]}"
            yield RULE.finding(message, key=name)


def _is_licence(text: str) -> bool:
    """Whether ``text`` is an SPDX expression (SPDX 2.3, annex D)."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if len(text) > _LONGEST:
        return False
    try:
        canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return False
    return True


def _is_moment(text: str) -> bool:
    """Whether ``text`` is a moment by RFC 3339, section 5.6."""
    if not _MOMENT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        # The only second that Python lacks is the leap second.
        return text[17:19] == "60"
    return True


def _is_url(text: str) -> bool:
    if _SCP.fullmatch(text):
        return True
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and bool(parts.hostname) and not _SPACE.search(text)


def _is_word(text: str) -> bool:
    return not _SPACE.search(text)


_JUDGES: Final[dict[str, Callable[[str], bool]]] = {
    "licenses": _is_licence,
    "created": _is_moment,
    **dict.fromkeys(sorted(_URLS), _is_url),
    "version": _is_word,
    "revision": _is_word,
    "base.digest": is_digest,
}
_EXPECTED: Final = {
    "licenses": "which is no SPDX licence expression",
    "created": "which is no date and time of RFC 3339",
    **dict.fromkeys(_URLS, "which is no URL"),
    "version": "which has blanks",
    "revision": "which has blanks",
    "base.digest": "which is no digest",
}
