"""Judging a variable by its name alone, and a value by whether it could be meant seriously."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from typing import Final


def listed(text: str) -> frozenset[str]:
    """Return the words of ``text``: how long lists are written here."""
    return frozenset(text.split())


_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_SECRET: Final = listed(
    "password passwd passphrase passcode secret secrets token apikey credential credentials"
    " privatekey secretkey accesskey authtoken pat pwd pass"
)
_TAILS: Final = ("password", "passwd", "passphrase", "apikey", "authtoken", "secretkey")
_LAST_ONLY: Final = frozenset({"pat", "pwd", "pass"})
_PAIRS: Final = frozenset(
    (first, "key")
    for first in listed(
        "api private secret access encryption signing master session auth account"
        " storage license hmac jwt"
    )
) | {("connection", "string"), ("auth", "header")}
_HARMLESS_END: Final = listed(
    "file files path dir directory ttl expiry expires expiration expire age lifetime length len"
    " size name names id ids url uri endpoint host port algorithm alg algo type kind header format"
    " prefix suffix timeout min max minimum maximum policy enabled disabled required optional count"
    " limit limits issuer audience class provider store backend manager mode hint prompt"
    " regex pattern validator validators version rotation interval days hours minutes seconds"
    " location mount ref field column param parameter rounds cost scope scopes hash hasher hashers"
    " digest checksum cache usage budget"
)
_HARMLESS: Final = frozenset({"public", "no", "disable", "skip", "allow", "require", "max", "min"})

_PLACEHOLDER: Final = re.compile(
    r"""(?xi)
      \s* | [*x.\-_0#?]+ | (?:true|false|yes|no|on|off|null|none|nil|undefined|empty|disabled)
    | .*\$[{(a-z_].* | .*\{\{.* | .*\{%.* | %\([^)]*\)s | <.*> | \[.*\] | .*%[a-z_]+%.*
    | .*(?:example|changeme|change[-_ ]me|change[-_ ]this|placeholder|your[-_ ]|redacted|dummy
      |foobar|insert[-_ ]|replace[-_ ]|todo|fixme|xxxx|\*\*\*\*|\.\.\.).*
    | (?:/run/secrets|/var/run/secrets|/etc|/secrets|file:|vault:|env:|sops:|arn:aws:|ref\+)[^\s]*
    """
)


def words(name: str) -> list[str]:
    """Split ``MAX_TOKENS``, ``maxTokens`` or ``max-tokens`` into lower-case words."""
    return [word.lower() for word in _WORDS.findall(name)]


def secret_name(name: str) -> bool:
    """Whether a variable called ``name`` is expected to hold a secret itself.

    ``DB_PASSWORD`` and ``apiToken`` are; ``DB_PASSWORD_FILE``, ``TOKEN_TTL``, ``PWD``,
    ``GPG_KEY``, ``AWS_ACCESS_KEY_ID`` and ``MAX_TOKENS`` are not.
    """
    parts = words(name)
    while parts and parts[-1].isdigit():
        parts.pop()
    if not parts or parts[-1] in _HARMLESS_END or parts[0] in _HARMLESS:
        return False
    if len(parts) > 1 and parts[-1] in _LAST_ONLY and parts[-1] != "pat":
        return True
    if any(part.endswith(_TAILS) for part in parts):
        return True
    if any(part in _SECRET and part not in _LAST_ONLY for part in parts):
        return True
    pairs = itertools.pairwise(parts)
    return any(pair in _PAIRS for pair in pairs) or (
        len(parts) > 1 and parts[-1] == "pat" and parts[-2] in {"github", "gitlab", "azure", "gh"}
    )


def placeholder(value: str) -> bool:
    """Whether ``value`` stands for a secret without being one: a reference, a blank, a sample."""
    text = value.strip().strip("\"'")
    return _PLACEHOLDER.fullmatch(text) is not None or len(set(text)) < 3  # noqa: PLR2004 - "abab"


def entropy(text: bytes) -> float:
    """Return the Shannon entropy of ``text`` in bits a byte; 0 if it is empty."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) if total else 0.0
