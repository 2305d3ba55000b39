"""What a certificate of Fulcio says of its holder, and whether that is what was asked for.

Source: github.com/sigstore/fulcio, ``docs/oid-info.md``. The extensions 1.3.6.1.4.1.57264.1.8 and
above are DER UTF8Strings; the older ones, .1 to .6, are bare text, GitHub's, and read only where
the newer one is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_ARC: Final = "1.3.6.1.4.1.57264.1."
_GITHUB: Final = "https://github.com/"
_GITHUB_ISSUER: Final = "https://token.actions.githubusercontent.com"
_UTF8: Final = 0x0C
_MOST: Final = 4096
"""Characters; the longest claim that is believed to be one."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim is, and the last arcs of its extension's OID (0: it has none)."""

    what: str
    arc: int = 0
    older: int = 0


CLAIMS: Final[Mapping[str, Claim]] = {
    "identity": Claim("the subject: a mail address, or the URI of a workflow or a workload"),
    "issuer": Claim("who says so: the URL of the OpenID Connect issuer", 8, 1),
    "repository": Claim("URI of the source repository", 12, 5),
    "ref": Claim("ref of the source, such as refs/heads/main", 14, 6),
    "commit": Claim("digest of the source, such as a Git commit", 13, 3),
    "workflow": Claim("URI of the build configuration that was started, with its ref", 18),
    "workflow-commit": Claim("digest of the build configuration that was started", 19),
    "workflow-name": Claim("name of the workflow (GitHub, deprecated)", 0, 4),
    "signer": Claim("URI of the build instructions that signed, such as a reusable workflow", 9),
    "signer-commit": Claim("digest of the build instructions that signed", 10),
    "trigger": Claim("event that started the build, such as push", 20, 2),
    "runner": Claim("where it ran, such as github-hosted or self-hosted", 11),
    "run": Claim("URI of the very run", 21),
    "owner": Claim("URI of the source repository's owner", 16),
    "owner-id": Claim("identifier of the owner, which no later owner of the name gets", 17),
    "repository-id": Claim("identifier of the repository, which no later one of the name gets", 15),
    "visibility": Claim("visibility of the source repository then: public or private", 22),
    "environment": Claim("deployment environment of the job", 23),
}
"""The claims by name, as policies and reports use them."""


def read(certificate: Certificate) -> dict[str, str]:
    """Return all claims that the certificate makes; ValueError if one cannot be understood.

    A certificate has one subject. Text that could mislead whoever reads it (a NUL, a newline, a
    mark that turns the line round) is left out, so that nothing demanded of it can hold: people
    name workflows and branches as they like. In an identity or an issuer, in which letters of
    other scripts mislead too, it makes the certificate invalid: Fulcio issues no such thing.
    """
    found = {"identity": _subject(certificate)}
    for name, claim in CLAIMS.items():
        text = _text(certificate, claim)
        if text is None:
            text = _older(certificate, name, found.get("issuer"))
        if text is not None and _plain(text):
            found[name] = text
    issuer = found.get("issuer")
    if not issuer or not issuer.isascii():
        raise ValueError("the certificate does not say who issued the identity")
    if _older(certificate, "issuer", None) not in (None, issuer):
        raise ValueError("the certificate names two issuers")
    return found


def unmet(claims: Mapping[str, str], wanted: Mapping[str, str]) -> str | None:
    """Return what of ``wanted`` (globs by claims' names) does not hold, or None if all does."""
    for name, pattern in wanted.items():
        value = claims.get(name)
        if value is None:
            return f"the certificate does not say its {name}"
        if not fits(value, full(name, pattern)):
            said = "it was issued to" if name == "identity" else f"its {name} is"
            short = "://" in value and "://" not in full(name, pattern)
            tip = f", and {pattern!a} has no https://" if short else ""
            return f"{said} {value[:300]!a}{tip[:200]}"
    return None


def full(name: str, pattern: str) -> str:
    """Return a pattern in full: ``acme/web`` is GitHub's ``https://github.com/acme/web``.

    That holds for ``repository`` and ``owner`` alone. A lone ``*`` stays: anything.
    """
    short = name in ("repository", "owner") and "://" not in pattern and pattern != "*"
    return _GITHUB + pattern if short else pattern


def fits(value: str, pattern: str) -> bool:
    """Whether the glob matches all of ``value``; case counts.

    ``*`` crosses ``/``, but never leaves the part it stands in: of a URL the scheme and host match
    apart from the path, of a mail address what is before the ``@`` apart from the domain, and
    neither kind matches the other. So ``https://*.example.com/*`` is no
    ``https://evil.org/.example.com/x``, and ``*@example.com`` no branch of that name. A lone ``*``
    matches anything.
    """
    if pattern == "*":
        return True
    parts, globs = _parts(value), _parts(pattern)
    return len(parts) == len(globs) and all(
        fnmatchcase(part, glob) for part, glob in zip(parts, globs, strict=True)
    )


def _parts(text: str) -> tuple[str, ...]:
    scheme, url, rest = text.partition("://")
    if url:
        host, slash, path = rest.partition("/")
        return scheme, host, slash + path, ""
    local, at, domain = text.rpartition("@")
    return (local, domain) if at and "/" not in text else (text,)


def _subject(certificate: Certificate) -> str:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise ValueError("the certificate names no subject") from None
    if len(names) != 1:
        raise ValueError(f"the certificate names {len(names)} subjects")
    (name,) = names
    if isinstance(name, x509.RFC822Name | x509.UniformResourceIdentifier):
        text = name.value
    elif isinstance(name, x509.OtherName) and name.type_id.dotted_string == f"{_ARC}7":
        text = _utf8string(name.value)
    else:
        raise ValueError("the certificate's subject is neither a mail address nor a URI")
    if not text or not text.isascii() or not _plain(text):
        raise ValueError(f"the certificate's subject is {text[:200]!a}")
    return text


def _older(certificate: Certificate, name: str, issuer: str | None) -> str | None:
    """Read a claim's older extension. GitHub's repositories lack their host there."""
    raw = _raw(certificate, CLAIMS[name].older)
    if raw is None:
        return None
    text = raw.decode()
    if name != "repository":
        return text
    return _GITHUB + text if issuer == _GITHUB_ISSUER else None


def _text(certificate: Certificate, claim: Claim) -> str | None:
    raw = _raw(certificate, claim.arc)
    return None if raw is None else _utf8string(raw)


def _raw(certificate: Certificate, arc: int) -> bytes | None:
    from cryptography import x509

    if not arc:
        return None
    try:
        found = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(f"{_ARC}{arc}"))
    except x509.ExtensionNotFound:
        return None
    if not isinstance(found.value, x509.UnrecognizedExtension):
        raise ValueError(f"the certificate's extension {arc} cannot be read")  # noqa: TRY004
    return found.value.value


def _utf8string(der: bytes) -> str:
    """Read a DER UTF8String (X.690, sections 8.1.3 and 8.23) and nothing behind it."""
    if len(der) < 2 or der[0] != _UTF8:  # noqa: PLR2004 - tag and length
        raise ValueError("the certificate holds something else than a UTF8String")
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if len(der) != start + length or start > 4:  # noqa: PLR2004 - 65535 bytes will do
        raise ValueError("a UTF8String in the certificate has another length than it says")
    return der[start:].decode()


def _plain(text: str) -> bool:
    return len(text) <= _MOST and text.isprintable() and text == text.strip()
