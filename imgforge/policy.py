"""What an organisation allows: the gate's threshold, exceptions, and findings it accepts.

A policy bounds what specs may ask for; it is read strictly, and nothing downstream can loosen it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Literal, get_args

from imgforge import tomlfile
from imgforge.errors import InvalidInputError

Level = Literal["info", "low", "medium", "high", "critical"]

INTEGRITY: Final = "IF04"
"""The checks of this group tell that an image is not what it says; no policy excuses that."""

_CHECK: Final = re.compile(r"IF[0-9]{3}")
_TELLING: Final = 4
"""The least letters of an identity that are no wildcards, signs or scheme."""

_IGNORE: Final = frozenset({"check", "path", "reason", "expires"})
_BASES: Final = frozenset({"allow", "trust"})
_REASONS: Final = {
    "key": frozenset({"key"}),
    "identity": frozenset({"identity", "issuer", "trusted-root"}),
    "exempt": frozenset({"exempt", "owner", "expires"}),
}
"""Why a base may be trusted, and the keys that belong to each reason."""


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


@dataclass(frozen=True, slots=True)
class Ignore:
    """A finding that somebody accepted: check id, path glob, why, and until which day.

    The glob is matched whole (``*`` crosses ``/``); findings without a path match ``*`` only.
    ``expires`` is the last day on which the exception holds (UTC); None means for good.
    """

    check: str
    path: str
    reason: str
    expires: dt.date | None = None

    def holds(self, check: str, path: str, day: dt.date) -> bool:
        """Whether this accepts a finding of ``check`` at ``path`` on ``day``."""
        return self.check == check and not self.expired(day) and fnmatchcase(path, self.path)

    def expired(self, day: dt.date) -> bool:
        """Whether the last day has passed."""
        return self.expires is not None and day > self.expires


@dataclass(frozen=True, slots=True)
class Trust:
    """Why registry bases that ``match`` (a glob) are believed; exactly one of three reasons.

    They are signed by the public key in the file ``key``; or with a certificate that ``issuer``
    had issued to ``identity`` (a glob), under ``trusted_root`` (a file; None is the public
    Sigstore's); or they are ``exempt`` for a reason, at the word of ``owner``, until the last day
    ``expires`` (UTC).
    """

    match: str
    key: Path | None = None
    identity: str = ""
    issuer: str = ""
    trusted_root: Path | None = None
    exempt: str = ""
    owner: str = ""
    expires: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Bases:
    """Which bases may be used (globs; None: any) and why those of registries are believed.

    Globs are matched whole and ``*`` crosses ``/``. Of ``trust`` the first that matches counts.
    """

    allow: tuple[str, ...] | None = None
    trust: tuple[Trust, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """How much an image may have; None is no bound.

    ``size`` is in bytes of its layers as shipped (compressed), ``unpacked`` of its files,
    ``layers`` counts layers, ``age`` is in days since the image, ``base_age`` since its base was
    made.
    """

    size: int | None = None
    unpacked: int | None = None
    layers: int | None = None
    age: int | None = None
    base_age: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """``fail_on``: the least severity that fails the gate. ``day``: when the policy is applied.

    ``severities`` raises or lowers checks, by id; ``budget`` bounds what an image may have.
    """

    fail_on: Level = "high"
    allow_shell: bool = False
    allow_package_manager: bool = False
    allow_root: bool = False
    allow_compiler: bool = False
    allow_downloader: bool = False
    allow_sudo: bool = False
    allow_ssh: bool = False
    severities: Mapping[str, Level] = field(default_factory=dict)
    budget: Budget = Budget()
    ignore: tuple[Ignore, ...] = ()
    bases: Bases = Bases()
    day: dt.date = field(default_factory=_today)


def load(path: Path | None) -> Policy:
    """Read a ``policy.toml``; the default policy when ``path`` is None.

    Raises InvalidInputError that lists every unknown key and wrong type at once.
    """
    if path is None:
        return Policy()
    _, value = tomlfile.read(path)
    problems: list[str] = []
    policy = _policy(value, path.parent, problems)
    if problems:
        raise InvalidInputError(f"the policy {path} is invalid", details=problems)
    return policy


def named(policy: Policy) -> tuple[Path, ...]:
    """Return the files that a policy names: their bytes decide as much as the policy's own."""
    files = (file for trust in policy.bases.trust for file in (trust.key, trust.trusted_root))
    return tuple(dict.fromkeys(file for file in files if file is not None))


def _policy(value: dict[str, Any], folder: Path, problems: list[str]) -> Policy:
    flags = ("allow-shell", "allow-package-manager", "allow-root")
    known = {"fail-on", "ignore", "bases", *flags}
    problems += [f"{key}: unknown key" for key in value if key not in known]
    for key in flags:
        if not isinstance(value.get(key, False), bool):
            problems.append(f"{key}: not true or false")
    fail_on = value.get("fail-on", "high")
    if fail_on not in get_args(Level):
        problems.append(f"fail-on: not one of {', '.join(get_args(Level))}")
    tables = value.get("ignore", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append("ignore: not a list of tables")
        tables = []
    return Policy(
        fail_on=fail_on,
        ignore=tuple(_ignore(table, f"ignore[{i}]", problems) for i, table in enumerate(tables)),
        bases=_bases(value.get("bases", {}), folder, problems),
        **{key.replace("-", "_"): value.get(key, False) for key in flags},
    )


def _ignore(table: dict[str, Any], place: str, problems: list[str]) -> Ignore:
    problems += [f"{place}.{key}: unknown key" for key in table if key not in _IGNORE]
    texts = {"path": "*", **table}
    for key in ("check", "path", "reason"):
        if key not in texts:
            problems.append(f"{place}.{key}: missing")
        elif not isinstance(texts[key], str) or not texts[key].strip():
            problems.append(f"{place}.{key}: not a text")
    check = str(texts.get("check", ""))
    if check.strip() and not _CHECK.fullmatch(check):
        problems.append(f"{place}.check: not the id of a check such as IF010")
    if check.startswith(INTEGRITY):
        problems.append(f"{place}.check: an image that is not what it says cannot be excused")
    expires = table.get("expires")
    if expires is not None and type(expires) is not dt.date:
        problems.append(f"{place}.expires: not a date such as 2030-01-31")
        expires = None
    return Ignore(check, str(texts["path"]), str(texts.get("reason", "")), expires)


def _bases(value: object, folder: Path, problems: list[str]) -> Bases:
    if not isinstance(value, dict):
        problems.append("bases: not a table")
        return Bases()
    problems += [f"bases.{key}: unknown key" for key in value if key not in _BASES]
    allow = value.get("allow")
    if allow is not None and not (isinstance(allow, list) and all(map(_is_text, allow))):
        problems.append("bases.allow: not a list of names or references, * allowed")
        allow = None
    tables = value.get("trust", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append("bases.trust: not a list of tables")
        tables = []
    trust = tuple(
        _trust(table, folder, f"bases.trust[{i}]", problems) for i, table in enumerate(tables)
    )
    return Bases(None if allow is None else tuple(allow), trust)


def _trust(table: dict[str, Any], folder: Path, place: str, problems: list[str]) -> Trust:
    reasons = [reason for reason in _REASONS if reason in table]
    known = frozenset({"match"}).union(*_REASONS.values())
    problems += [f"{place}.{key}: unknown key" for key in table if key not in known]
    if len(reasons) != 1:
        problems.append(f"{place}: needs exactly one of {', '.join(_REASONS)}")
        return Trust("")
    wanted = {"match", *_REASONS[reasons[0]]}
    for key in sorted(known & table.keys() - wanted):
        problems.append(f"{place}.{key}: does not go with {reasons[0]}")
    for key in sorted(wanted):
        if key not in table:
            if key != "trusted-root":
                problems.append(f"{place}.{key}: missing")
        elif key == "expires":
            if type(table[key]) is not dt.date:
                problems.append(f"{place}.{key}: not a date such as 2030-01-31")
        elif not _is_text(table[key]):
            problems.append(f"{place}.{key}: not a text of one line")
    identity = table.get("identity")
    # What is left must tell somebody from anybody: "http*" and "*@*" do not.
    if isinstance(identity, str) and len(re.sub(r"https?|[*?:/@.]", "", identity)) < _TELLING:
        problems.append(f"{place}.identity: names nobody, so anybody would do")
    expires = table.get("expires")
    found = {key: str(table[key]) for key in wanted if _is_text(table.get(key))}
    return Trust(
        match=found.get("match", ""),
        key=folder / found["key"] if "key" in found else None,
        identity=found.get("identity", ""),
        issuer=found.get("issuer", ""),
        trusted_root=folder / found["trusted-root"] if "trusted-root" in found else None,
        exempt=found.get("exempt", ""),
        owner=found.get("owner", ""),
        expires=expires if type(expires) is dt.date else None,
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()
