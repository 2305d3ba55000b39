"""Globs as policies for clusters hold them: regular expressions of RE2, or paths of images.

A glob is fnmatch's, matched whole; ``*`` crosses ``/``. What RE2 is given never matches more than
the glob does: its dot knows no line breaks, which no identity has. Globs of identities and issuers
(:func:`imgforge.signing.claims.fits`) hold the parts of a URL or a mail address apart, and so must
their expressions: ``https://*.example.com/*`` is no ``https://evil.org/.example.com/x``.
"""

from __future__ import annotations

import re
from typing import Final

_WILD: Final = re.compile(r"[*?[]")
_SET: Final = re.compile(r"\[(!?)([A-Za-z0-9_.@:/-]+)\]")
_RANGE: Final = re.compile(r"(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_.@:/])+-?")
_BRACKETED: Final = frozenset(".+*?()[|$")
_ESCAPED: Final = frozenset("]\\^{}")
_SCHEME: Final = re.compile(r"[A-Za-z0-9+.*?-]+")


class Unsupported(ValueError):  # noqa: N818 - whoever renders collects them
    """A demand that a policy engine cannot hold; the text says which, and why."""


def is_literal(glob: str) -> bool:
    """Whether the glob matches nothing but itself."""
    return not _WILD.search(glob)


def regex(glob: str) -> str:
    """Return the anchored regular expression; Unsupported for an odd set in brackets."""
    return f"^{_expression(glob)}$"


def holder(glob: str) -> str:
    """Return the same for the glob of an identity or an issuer, whose parts match apart.

    Unsupported for a glob of which no expression can say where a part ends.
    """
    if glob == "*":
        return "^.*$"
    scheme, url, rest = glob.partition("://")
    if url:
        if not _SCHEME.fullmatch(scheme):
            raise Unsupported(f"the scheme of {glob!a} is none that is written out here")
        host, slash, path = rest.partition("/")
        parts = (
            _expression(scheme, "/:"),
            "://",
            _expression(host, "/"),
            _expression(slash + path),
        )
        return f"^{''.join(parts)}$"
    local, at, domain = glob.rpartition("@")
    if at and "/" not in glob:
        return f"^{_expression(local, '/')}@{_expression(domain, '/@')}$"
    # Neither a URL nor a mail address, and no wildcard may make one of it.
    return f"^{_expression(glob, '/:@')}$"


def uri(glob: str) -> str:
    """Return the expression of a URI's glob, as conditions on provenance have it."""
    return holder(glob) if "://" in glob else regex(glob)


def _expression(glob: str, never: str = "") -> str:
    """Return the expression of a glob in which no wildcard matches a character of ``never``."""
    out: list[str] = []
    index = 0
    wild = f"[^{never}]" if never else "."
    while index < len(glob):
        one = glob[index]
        index += 1
        if one in "*?":
            out.append(f"{wild}*" if one == "*" else wild)
        elif one == "[" and "]" in glob[index + 1 :]:
            found = _SET.match(glob, index - 1)
            if (
                found is None
                or not _ordered(found[2])
                or (not found[1] and set(never) & set(found[2]))
            ):
                raise Unsupported(f"the set in {glob!a} is none that is written out here")
            out.append(f"[^{never}{found[2]}]" if found[1] else f"[{found[2]}]")
            index = found.end()
        else:
            out.append(_escaped(one))
    return "".join(out)


def _ordered(members: str) -> bool:
    if not _RANGE.fullmatch(members):
        return False
    return all(pair[0] <= pair[2] for pair in re.findall(r"[A-Za-z0-9]-[A-Za-z0-9]", members))


def _escaped(one: str) -> str:
    if one in _BRACKETED:
        return f"[{one}]"
    return f"\\{one}" if one in _ESCAPED else one
