"""Which release of a well-known program or library a binary is or has in it, by its own words.

Each entry's mark is looked for with all others at once; only where it is does the expression read
the version beside it. What many programs carry (``OpenSSL 3.0.22 25 Aug 2026``) says what is linked
into them. The texts are their sources' own, and were compared with Debian 12's programs.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Known(NamedTuple):
    """``cpe`` is the vendor and product that NVD files it under; ``itself`` what the file is."""

    name: str
    mark: bytes
    version: re.Pattern[bytes]
    cpe: str
    itself: bool = True


_RELEASE: Final = rb"([0-9]+\.[0-9]+\.[0-9]+)"

TABLE: Final = (
    Known("node", b"node.js/v", re.compile(rb"\0node\.js/v" + _RELEASE), "nodejs:node.js"),
    Known(
        "python",
        b"%.80s (%.80s) %.80s",
        re.compile(
            rb"\0(3\.[0-9]+\.[0-9]+)(?:(?:a|b|rc)[0-9]+|\+)?\0(?:%\.80s \(%\.80s\)|strict\0)"
        ),
        "python:python",
    ),
    Known("nginx", b"nginx version: nginx/", re.compile(rb"nginx/" + _RELEASE), "f5:nginx"),
    Known("php", b"X-Powered-By: PHP/", re.compile(rb"X-Powered-By: PHP/" + _RELEASE), "php:php"),
    Known(
        "ruby",
        b"Yukihiro Matsumoto",
        re.compile(rb"\0ruby " + _RELEASE + rb"(?:p[0-9]+)? \("),
        "ruby-lang:ruby",
    ),
    Known(
        "postgresql",
        b"postgres (PostgreSQL) ",
        re.compile(rb"postgres \(PostgreSQL\) ([0-9]+\.[0-9]+(?:\.[0-9]+)?)"),
        "postgresql:postgresql",
    ),
    Known(
        "bash",
        b"@(#)Bash version ",
        re.compile(rb"@\(#\)Bash version " + _RELEASE),
        "gnu:bash",
    ),
    Known(
        "busybox", b"BusyBox v", re.compile(rb"BusyBox v" + _RELEASE + rb" \("), "busybox:busybox"
    ),
    Known(
        "memcached",
        b"memcached 1.",
        re.compile(rb"\0memcached " + _RELEASE + rb"\0"),
        "memcached:memcached",
    ),
    Known(
        "glibc",
        b"GNU C Library (",
        re.compile(rb"GNU C Library \([^)\0]*\) stable release version ([0-9]+\.[0-9]+)"),
        "gnu:glibc",
    ),
    Known(
        "openssl",
        b"crypto/mem_sec.c",  # the library's own: what is linked to it has the version too
        re.compile(
            rb"\0OpenSSL ([0-9]\.[0-9]\.[0-9]+[a-z]{0,2}) [0-9]{1,2} [A-Z][a-z]{2} 20[0-9]{2}\0"
        ),
        "openssl:openssl",
        itself=False,
    ),
    Known(
        "curl",
        b"libcurl/",
        re.compile(rb"\0libcurl/" + _RELEASE + rb"\0"),
        "haxx:libcurl",
        itself=False,
    ),
    Known(
        "expat",
        b"\0expat_",
        re.compile(rb"\0expat_" + _RELEASE + rb"\0"),
        "libexpat_project:libexpat",
        itself=False,
    ),
    Known(
        "zlib",
        b" Mark Adler ",
        re.compile(rb" (?:in|de)flate (1\.[0-9]+(?:\.[0-9]+)*) Copyright 1995-"),
        "zlib:zlib",
        itself=False,
    ),
)


def version(entry: Known, data: bytes) -> str:
    """Return the version that stands in ``data``, where the mark is; empty if none does."""
    found = entry.version.search(data)
    if found is None:
        return ""
    return next(group for group in found.groups() if group is not None).decode()


def cpe(entry: Known, release: str) -> str:
    """Return its CPE 2.3 name."""
    return f"cpe:2.3:a:{entry.cpe}:{release}:*:*:*:*:*:*:*"
