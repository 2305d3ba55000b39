"""Advisories as OSV writes them (ossf.github.io/osv-schema 1.x), read into rows for the database.

What is not needed to match and to report (details, credits, commits) is left out. ValueError says
what is wrong with a document; nothing of it is taken then.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from imgforge import strictjson
from imgforge.advisories import ecosystems, versions
from imgforge.advisories.advisory import Severity

LARGEST: Final = 16 << 20
"""Bytes of one advisory."""
VALUES: Final = 2_000_000
"""Values in one document, and versions in all its lists."""
_LONGEST: Final = 500
"""Characters of a summary that are kept."""
_TEXT: Final = 4096
TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
"""How times are kept: they compare as texts."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,199}")
_EVENTS: Final = ("introduced", "fixed", "last_affected", "limit")
_OPENING: Final = ("introduced", "fixed", "last_affected")
_OPEN: Final = ("fixed", "introduced", "last_affected")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
_SPECIFIC: Final = ("urgency", "severity", "priority")
_PAGES: Final = ("ADVISORY", "WEB", "REPORT", "ARTICLE", "FIX")


class Affected(NamedTuple):
    """One package of an advisory.

    ``ranges`` are intervals, a line each: lower bound (empty: none), ``<``, ``<=`` or empty, and
    upper bound, between tabs. ``versions`` are those that the ranges do not cover, a line each.
    ``unread`` says why ranges have no meaning here, or is empty.
    """

    ecosystem: str
    package: str
    ranges: str
    versions: str
    unread: str
    severities: tuple[Severity, ...]


class Record(NamedTuple):
    """An advisory, and what it is about."""

    id: str
    modified: str
    published: str
    withdrawn: str
    aliases: tuple[str, ...]
    summary: str
    severities: tuple[Severity, ...]
    url: str
    affected: tuple[Affected, ...]


def decode(data: bytes) -> dict[str, Any]:
    """Decode a JSON document; ValueError if it is too large or none."""
    if len(data) > LARGEST:
        raise ValueError(f"it is over {LARGEST} bytes")
    strictjson.slim(data, VALUES)
    return strictjson.load_object(data)


def read(document: Mapping[str, Any], latest: str = "9") -> Record:
    """Read one advisory; ValueError says what is wrong with it.

    Times after ``latest`` are wrong, too: they would make it count before every other one.
    """
    name = document.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise ValueError(f"its id is {name!a:.80}")
    version = document.get("schema_version", "1.0.0")
    if not isinstance(version, str) or not version.startswith("1."):
        raise ValueError(f"it is of the schema's version {version!a:.40}, and 1 is read here")
    summary = _text(document, "summary") or _first_line(_text(document, "details"))
    return Record(
        id=name,
        modified=_time(document, "modified", latest, needed=True),
        published=_time(document, "published", latest),
        withdrawn=_time(document, "withdrawn", latest),
        aliases=_aliases(document),
        summary=_CONTROLS.sub(" ", summary)[:_LONGEST].strip(),
        severities=_severities(document) + _said(document, name.partition("-")[0]),
        url=_url(document),
        affected=tuple(_affected(document)),
    )


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ValueError(f"{key} is no text")  # noqa: TRY004 - one error for bad input
    return found


def _first_line(text: str) -> str:
    return next((line.strip() for line in text[:_TEXT].splitlines() if line.strip()), "")


def _time(document: Mapping[str, Any], key: str, latest: str, *, needed: bool = False) -> str:
    found = _text(document, key)
    if not found and not needed:
        return ""
    try:
        time = moment(found)
    except ValueError as error:
        raise ValueError(f"{key} is {found!a:.40}, which is no time") from error
    if time > latest:
        raise ValueError(f"{key} is {time}, which has not come yet")
    return time


def moment(text: str) -> str:
    """Return a time (RFC 3339) in UTC, to the second; ValueError if it is none."""
    if "T" not in text:
        raise ValueError(text)
    time = dt.datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    if time.utcoffset():
        try:
            time = time.astimezone(dt.UTC)
        except OverflowError as error:
            raise ValueError(text) from error
    return time.replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def _list(value: Mapping[str, Any], key: str) -> Sequence[Any]:
    found = value.get(key)
    if found is None or found == "":  # YAML's nothing is a text here
        return ()
    if not isinstance(found, list):
        raise ValueError(f"{key} is no list")  # noqa: TRY004 - one error for bad input
    return found


def _tables(value: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return [_table(each, key) for each in _list(value, key)]


def _table(value: object, what: str) -> Mapping[str, Any]:
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no object")  # noqa: TRY004 - one error for bad input
    return value


def _aliases(document: Mapping[str, Any]) -> tuple[str, ...]:
    # A distribution's advisory is about what its upstream's is about.
    names = [*_list(document, "aliases"), *_list(document, "upstream")]
    if not all(isinstance(name, str) and len(name) <= _TEXT for name in names):
        raise ValueError("an alias is no text")
    cleaned = {re.sub(r"[^A-Za-z0-9._:+-]", "", name) for name in names}
    return tuple(sorted(cleaned - {"", document["id"]}))


def _severities(value: Mapping[str, Any]) -> tuple[Severity, ...]:
    found = []
    for each in _tables(value, "severity"):
        kind, score = _text(each, "type"), _text(each, "score")
        if not kind or not score or _CONTROLS.search(kind + score) or len(score) > _TEXT:
            raise ValueError("a severity has no type or no score")
        found.append(Severity(kind, score))
    return tuple(found)


def _said(value: Mapping[str, Any], who: str) -> tuple[Severity, ...]:
    """Return the words in which a database rates, as severities by its own name."""
    found = []
    for key in ("database_specific", "ecosystem_specific"):
        specific = _table(value.get(key), key)
        for word in _SPECIFIC:
            said = specific.get(word)
            if isinstance(said, str) and said and not _CONTROLS.search(said):
                found.append(Severity(who, said[:80]))
    return tuple(dict.fromkeys(found))


def _url(document: Mapping[str, Any]) -> str:
    pages: dict[str, str] = {}
    for each in _tables(document, "references"):
        url = each.get("url")
        if isinstance(url, str) and url.startswith(("https://", "http://")):
            clean = not re.search(r"[\x00-\x20\x7f]", url) and len(url) <= _TEXT
            if clean:
                pages.setdefault(str(each.get("type")), url)
    return next((pages[kind] for kind in _PAGES if kind in pages), "")


def _affected(document: Mapping[str, Any]) -> list[Affected]:
    found = []
    tables = _tables(document, "affected")
    # An alias of YAML's is a list again for a few bytes.
    if sum(len(_list(each, "versions")) for each in tables) > VALUES:
        raise ValueError(f"it lists over {VALUES} versions")
    for each in tables:
        package = _table(each.get("package"), "package")
        if not package:  # known by its repository's commits only
            continue
        ecosystem, called = _text(package, "ecosystem"), _text(package, "name")
        if not ecosystem or not called or _CONTROLS.search(ecosystem + called):
            raise ValueError("a package has no ecosystem or no name")
        if len(ecosystem) > _TEXT or len(called) > _TEXT:
            raise ValueError("a package's name is too long")
        ranges, unread = _ranges(each, ecosystem)
        kept = _versions(each, ecosystem, ranges)
        if ranges or kept or unread:
            severities = _severities(each) + _said(each, ecosystem.partition(":")[0])
            lines = "\n".join("\t".join(interval) for interval in ranges)
            package_name = ecosystems.folded(ecosystem, called)
            found.append(
                Affected(ecosystem, package_name, lines, "\n".join(kept), unread, severities)
            )
    return found


Interval = tuple[str, str, str]


def _ranges(affected: Mapping[str, Any], ecosystem: str) -> tuple[list[Interval], str]:
    """Return the intervals of all ranges, and why one cannot be read (a distribution's slip)."""
    found: list[Interval] = []
    unread = ""
    for each in _tables(affected, "ranges"):
        kind = each.get("type")
        events = [_event(event) for event in _list(each, "events")]
        if not any(what == "introduced" for what, _ in events):
            raise ValueError("a range has no introduced event")
        if kind == "GIT":
            continue
        if kind not in {"SEMVER", "ECOSYSTEM"}:
            raise ValueError(f"a range is of type {kind!a:.40}")
        rule = ecosystems.rule(ecosystem) or ("semver" if kind == "SEMVER" else "")
        if not rule:
            unread = unread or f"nobody here knows how {ecosystem} orders versions"
            continue
        try:
            found += _intervals(events, rule)
        except ValueError as error:
            unread = unread or str(error)
    return found, unread


def _event(value: object) -> tuple[str, str]:
    event = _table(value, "an event")
    named = [key for key in _EVENTS if key in event]
    if len(named) != 1:
        raise ValueError("an event is not just one of " + ", ".join(_EVENTS))
    version = _text(event, named[0])
    if not version or _CONTROLS.search(version):
        raise ValueError("an event has no version")
    return named[0], version


def _intervals(events: Sequence[tuple[str, str]], rule: str) -> list[Interval]:
    """Return what a range covers, as the schema's evaluation algorithm has it."""
    limits = [v for what, v in events if what == "limit" and v != "*"]
    limit = max(limits, key=lambda v: versions.key(rule, v)) if limits else ""
    found: list[Interval] = []
    begun: str | None = "" if ("introduced", "0") in events else None
    rest = [e for e in events if e != ("introduced", "0") and e[0] != "limit"]
    rest.sort(key=lambda e: versions.key(rule, e[1]))
    for _, same in groupby(rest, key=lambda e: versions.key(rule, e[1])):
        # At one version: what is open ends before the next begins, and nothing ends unbegun.
        order = _OPENING if begun is None else _OPEN
        at = dict(reversed(list(same)))
        for what in (each for each in order if each in at):
            if what == "introduced":
                begun = at[what] if begun is None else begun
            elif begun is not None:
                found.append((begun, "<" if what == "fixed" else "<=", at[what]))
                begun = None
    if begun is not None:
        found.append((begun, "", ""))
    if limit:
        found = [part for each in found for part in _limited(each, limit, rule)]
    return found


def _limited(interval: Interval, limit: str, rule: str) -> list[Interval]:
    lower, how, upper = interval
    end = versions.key(rule, limit)
    if lower and versions.key(rule, lower) >= end:
        return []
    if how and versions.key(rule, upper) < end:
        return [interval]
    # What ends at a limit is not mended there.
    return [interval] if (how, upper) == ("<", limit) else [(lower, "!", limit)]


def _versions(affected: Mapping[str, Any], ecosystem: str, ranges: Sequence[Interval]) -> list[str]:
    """Return the versions that are listed and that no range covers anyway."""
    listed = _list(affected, "versions")
    if not all(isinstance(v, str) and v and not _CONTROLS.search(v) for v in listed):
        raise ValueError("versions has what is no version")
    rule = ecosystems.rule(ecosystem)
    if rule is None or not ranges:
        return list(dict.fromkeys(listed))
    bounds = bounded(rule, ranges)
    kept = []
    for version in dict.fromkeys(listed):
        try:
            key = versions.key(rule, version)
        except ValueError:
            kept.append(version)
            continue
        if not any(bound.has(key) for bound in bounds):
            kept.append(version)
    return kept


class Bound(NamedTuple):
    """An interval by its keys; ``how`` as in :class:`Affected`, and ``!`` where a limit ends it."""

    lower: versions.Key | None
    how: str
    upper: versions.Key | None
    text: str

    def has(self, key: versions.Key) -> bool:
        """Whether a version lies within."""
        if self.lower is not None and key < self.lower:
            return False
        if not self.how:
            return True
        return bool(key <= self.upper if self.how == "<=" else key < self.upper)


def bounded(rule: str, ranges: Sequence[Interval]) -> list[Bound]:
    """Return intervals with the keys of their bounds; ValueError if one is no version."""
    return [
        Bound(
            versions.key(rule, lower) if lower else None,
            how,
            versions.key(rule, upper) if how else None,
            upper,
        )
        for lower, how, upper in ranges
    ]
