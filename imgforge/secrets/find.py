"""Finding credentials in text, whichever engine says where to look closely.

An engine only names the rules that may match somewhere in a text; the very same regular
expressions then decide. So the fast engine and the plain one cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from imgforge.analysis.programs import MARKS, Mark
from imgforge.secrets.catalogue import RULES, Rule
from imgforge.secrets.confirm import CHECKS, sample
from imgforge.secrets.names import entropy, listed, placeholder, secret_name
from imgforge.secrets.published import unpublished

Candidates = Callable[[bytes], Sequence[Rule | Mark]]
"""Names the rules (not ``config_only``) that may match in some bytes, and the marks in them."""

LONGEST: Final = 16 << 10
"""Bytes; no match is longer, so windows that overlap by this much lose none."""

_ASSIGNMENT_RULE: Final = Rule(
    "assigned-secret", "secret assigned to a name", "", (), 2.8, bounded=False, config_only=True
)
_ASSIGNMENT: Final = re.compile(
    rb"""(?mx) ^ [ \t]* (?:export[ ]+|-[ ]+|(?:set|ENV|ARG)[ ]+)?
    ["']? ([A-Za-z_][A-Za-z0-9_.-]{2,63}) ["']?
    [ \t]* [=:] [ \t]* (?: "([^"\r\n]{8,300})" | '([^'\r\n]{8,300})' | ([^\s"'#;,]{8,300}) )"""
)
_LITERAL: Final = re.compile(
    rb"""(?x) (?<![A-Za-z0-9_.-]) ["']? ([A-Za-z_][A-Za-z0-9_.-]{2,63}) ["']? \]? [ \t]*
    (?: [:=]=? | => | , ) [ \t]* (?: "([^"\r\n]{8,300})" | '([^'\r\n]{8,300})' )"""
)
"""An assignment of a string anywhere in a line: in program text, and in JSON of one line."""

_XML: Final = re.compile(rb"""(?x) <([A-Za-z_][A-Za-z0-9_.:-]{2,63})> () () ([^\s<>]{8,300}) </""")
_CONFIG_ENDS: Final = (
    *(".env", ".ini", ".cfg", ".conf", ".cnf", ".properties", ".yaml", ".yml", ".toml"),
    *(".tfvars", ".secret", ".secrets", ".credentials", ".netrc", ".npmrc", ".pypirc", ".pgpass"),
    *(".tfstate", ".tf", ".sh", ".bash"),
)
_CONFIG_NAMES: Final = listed(
    "credentials config.json .dockerconfigjson .dockercfg appsettings.json secrets.json"
    " settings.json application.json .git-credentials .my.cnf .envrc environment kubeconfig"
    " auth.json credentials.json nuget.config .gitconfig .yarnrc .curlrc .wgetrc _netrc"
    # Program text that holds settings.
    " settings.py local_settings.py settings_local.py production.py config.py secrets.py"
    " credentials.py config.js config.ts config.mjs config.cjs secrets.js config.php wp-config.php"
    " database.php settings.php parameters.php config.rb secrets.rb config.go web.config app.config"
    " settings.xml server.xml context.xml tomcat-users.xml standalone.xml persistence.xml"
    # What shells run and remember.
    " .bashrc .bash_profile .bash_history .bash_aliases .profile .zshrc .zsh_history .ash_history"
    " .sh_history profile bash.bashrc .mysql_history .psql_history .python_history"
)
_CONFIG_STARTS: Final = (".env", "appsettings.", "dockerfile", "containerfile")
_CONFIG_PATHS: Final = (".kube/config", ".git/config")


class Match(NamedTuple):
    """Where a rule matched, in bytes, and the secret. Never print, store or log ``secret``."""

    rule: Rule
    start: int
    secret: bytes


def is_config(path: str) -> bool:
    """Whether a file of this name holds settings rather than prose or program text."""
    name = path[path.rfind("/") + 1 :].lower()
    if name.endswith(_CONFIG_ENDS) or name.startswith(_CONFIG_STARTS) or name in _CONFIG_NAMES:
        return True
    return path.endswith(_CONFIG_PATHS)


def find(
    data: bytes, candidates: Iterable[Rule | Mark], *, config: bool = False
) -> Iterator[Match]:
    """Yield the credentials in ``data``: those of ``candidates``, in settings more."""
    for rule in candidates:
        if isinstance(rule, Rule):
            yield from _matches(rule, data)
    if config:
        lower = data.lower()
        for rule in _CONFIG_RULES:
            if any(keyword in lower for keyword in _keywords(rule)):
                yield from _matches(rule, data)
        yield from _assignments(data)


def by_keyword(data: bytes) -> list[Rule | Mark]:
    """Name the rules one of whose keywords occurs in ``data``: the engine without Hyperscan."""
    lower = data.lower()
    rules = [rule for rule in FILE_RULES if any(word in lower for word in _keywords(rule))]
    return [*rules, *(mark for mark in MARKS if mark.text in data)]


def in_value(text: str) -> Rule | None:
    """Return the rule that finds a credential in one value (an environment variable, a label)."""
    data = text.encode(errors="surrogateescape")
    lower = data.lower()
    for rule in RULES:
        if any(word in lower for word in _keywords(rule)):
            for match in _matches(rule, data):
                return match.rule
    return None


def redacted(match: Match) -> str:
    """Describe a match without its secret: a format's fixed first letters and the length."""
    head = match.secret[:4].decode("ascii", "replace")
    fixed = not match.rule.config_only and any(
        word.startswith(head.lower()) for word in match.rule.keywords
    )
    return f"{head if fixed else ''}... ({len(match.secret)} characters)"


# What stands before is no letter, unless that ends an escape: of JSON, of a program, of a URL.
_BEFORE: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
FILE_RULES: Final = tuple(rule for rule in RULES if not rule.config_only)
_CONFIG_RULES: Final = tuple(rule for rule in RULES if rule.config_only)


@cache
def _keywords(rule: Rule) -> tuple[bytes, ...]:
    return tuple(word.encode() for word in rule.keywords)


@cache
def _compiled(rule: Rule) -> re.Pattern[bytes]:
    edges = (f"{_BEFORE}(?:", ")(?![A-Za-z0-9])") if rule.bounded else ("(?:", ")")
    return re.compile(rule.pattern.join(edges).encode())


def _matches(rule: Rule, data: bytes) -> Iterator[Match]:
    for found in _compiled(rule).finditer(data):
        secret = found[1] if found.re.groups and found[1] else found[0]
        if entropy(secret) < rule.entropy or sample(secret):
            continue
        if not rule.check or CHECKS[rule.check](secret):
            yield Match(rule, found.start(), secret)


def _assignments(data: bytes) -> Iterator[Match]:
    seen: set[int] = set()
    for pattern in (_ASSIGNMENT, _LITERAL, _XML):
        for found in pattern.finditer(data):
            if not secret_name(found[1].decode()):
                continue
            group = next(number for number in range(2, pattern.groups + 1) if found[number])
            secret, start = found[group], found.start(group)
            if start in seen or not _serious(secret):
                continue
            seen.add(start)
            yield Match(_ASSIGNMENT_RULE, found.start(1), secret)


def _serious(secret: bytes) -> bool:
    """Whether an assigned text may be a secret."""
    text = secret.decode(errors="replace")
    return not placeholder(text) and not sample(secret) and _dense(secret) and unpublished(secret)


def _dense(secret: bytes) -> bool:
    """Random text or a chosen password, not words: digits among letters, no spaces."""
    letters = any(chr(byte).isalpha() for byte in secret)
    digits = any(48 <= byte <= 57 for byte in secret)  # noqa: PLR2004 - ASCII
    return (
        letters
        and digits
        and b" " not in secret
        and b"(" not in secret
        # Java's properties write other scripts so.
        and b"\\u" not in secret
        and entropy(secret) >= _ASSIGNMENT_RULE.entropy
    )
