"""What an organisation allows: the gate's threshold, exceptions, and findings it accepts.

A policy bounds what specs may ask for; it is read strictly, and nothing downstream can loosen it.
"""

from __future__ import annotations

import datetime as dt
import re
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
_IGNORE: Final = frozenset({"check", "path", "reason", "expires"})


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
class Policy:
    """``fail_on``: the least severity that fails the gate. ``day``: when the policy is applied."""

    fail_on: Level = "high"
    allow_shell: bool = False
    allow_package_manager: bool = False
    allow_root: bool = False
    ignore: tuple[Ignore, ...] = ()
    day: dt.date = field(default_factory=_today)


def load(path: Path | None) -> Policy:
    """Read a ``policy.toml``; the default policy when ``path`` is None.

    Raises InvalidInputError that lists every unknown key and wrong type at once.
    """
    if path is None:
        return Policy()
    _, value = tomlfile.read(path)
    problems: list[str] = []
    policy = _policy(value, problems)
    if problems:
        raise InvalidInputError(f"the policy {path} is invalid", details=problems)
    return policy


def _policy(value: dict[str, Any], problems: list[str]) -> Policy:
    flags = ("allow-shell", "allow-package-manager", "allow-root")
    problems += [f"{key}: unknown key" for key in value if key not in {"fail-on", "ignore", *flags}]
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
