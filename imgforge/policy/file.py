"""Reading ``policy.toml``, with every complaint at its line.

It is read without pydantic: loading that takes longer than judging an image whose layers are known.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgforge import tomlfile
from imgforge.policy import reading, stacks, vulnerabilities
from imgforge.policy.bounds import (
    FIRM,
    FLAGS,
    Bases,
    Budget,
    Delegate,
    Ignore,
    Images,
    Policy,
)
from imgforge.policy.keys import (
    BASES,
    BUDGET,
    DELEGATE,
    IGNORE,
    REASONS,
    TOP,
    TRUST,
)
from imgforge.policy.kinds import CHECK, LEVEL, Key
from imgforge.policy.trusted import Trust
from imgforge.severity import LEVELS, Level
from imgforge.tomlfile import Location, Problem

if TYPE_CHECKING:
    from imgforge.policy.licences import Licences
_OTHERS = ("ignore", "images", "vulnerabilities")
"""What stands at the top and is read apart."""


def parse(data: bytes, path: Path, *, above: Policy | None = None, shared: bool = False) -> Policy:
    """Read the bytes of the file at ``path``, to whose folder the files it names are relative.

    What it says nothing of is as ``above`` has it; its lists are its own. A ``shared`` one has its
    exceptions for many images. InvalidInputError lists everything that is wrong at once.
    """
    problems: list[Problem] = []
    value = tomlfile.parse(data, str(path))
    names = ("severity", "budget", "delegate", "bases", "licences", "stacks")
    tables = {name: value.pop(name, None) for name in names}
    vulnerable = value.pop("vulnerabilities", None)
    images = reading.tables(value.pop("images", []), ("images",), problems)
    ignores = reading.tables(value.pop("ignore", []), ("ignore",), problems)
    top = reading.table(value, TOP, (), problems, known=(*TOP, *tables, *_OTHERS))
    budget = reading.table(tables["budget"], BUDGET, ("budget",), problems)
    delegate = reading.table(tables["delegate"], DELEGATE, ("delegate",), problems)
    above = above or Policy()
    flags = {flag: top.get(flag.replace("_", "-"), getattr(above, flag)) for flag in FLAGS}
    ignore = tuple(_ignore(each, ("ignore", i), problems) for i, each in enumerate(ignores))
    policy = Policy(
        fail_on=top.get("fail-on", above.fail_on),
        **flags,
        severities=_severities(tables["severity"], problems),
        budget=Budget(**{key.replace("-", "_"): found for key, found in budget.items()}),
        ignore=() if shared else ignore,
        inherited=ignore if shared else (),
        bases=_bases(tables["bases"], path.parent, problems),
        day=above.day,
        delegate=Delegate(
            frozenset(delegate.get("checks", ())),
            delegate.get("trust", False),
            delegate.get("max-days"),
        ),
        images=_images(images, path, problems, delegated=delegate.get("trust", False)),
        licences=_licences(tables["licences"], problems),
        vulnerabilities=vulnerabilities.read(
            vulnerable, path.parent, above.vulnerabilities, problems
        ),
        stacks=stacks.read(tables["stacks"], path.parent, above.stacks, problems, trust),
    )
    _check_ids(policy, problems)
    if problems:
        raise tomlfile.invalid(str(path), data, problems)
    return policy


def natural() -> dict[str, Level]:
    """Return the severity that each check has by itself, by id."""
    from imgforge.checks.rules import RULES

    return {rule.id: LEVELS[rule.severity] for rule in RULES}


def _ignore(table: dict[str, Any], place: Location, problems: list[Problem]) -> Ignore:
    found = reading.table(table, IGNORE, place, problems)
    if found.get("check", "").startswith(FIRM):
        about = "is of a group that nothing excuses: it says that image or policy is not in order"
        problems.append(Problem((*place, "check"), about))
    return Ignore(
        check=found.get("check", ""),
        path=found.get("path", "*"),
        reason=found.get("reason", ""),
        expires=found.get("expires", dt.date.min),
        owner=found.get("owner", ""),
        image=found.get("image", "*"),
        key=found.get("key", "*"),
        fingerprint=found.get("fingerprint", ""),
    )


def _severities(value: object, problems: list[Problem]) -> dict[str, Level]:
    names = list(value) if isinstance(value, dict) else []
    keys = {name: Key(LEVEL, "") for name in names if re.fullmatch(CHECK.schema["pattern"], name)}
    return reading.table(value, keys, ("severity",), problems)


def _check_ids(policy: Policy, problems: list[Problem]) -> None:
    """Find ids of checks that do not exist, and severities that nobody may lower."""
    used: list[tuple[Location, str]] = [(("severity", check), check) for check in policy.severities]
    used += [(("ignore", i, "check"), ignore.check) for i, ignore in enumerate(policy.exceptions)]
    used += [(("delegate", "checks"), check) for check in sorted(policy.delegate.checks)]
    if not used:
        return
    own = natural()
    problems += [
        Problem(place, f"there is no check {check}")
        for place, check in used
        if check and check not in own
    ]
    problems += [
        Problem(("delegate", "checks"), f"{check} is nobody's to accept")
        for check in sorted(policy.delegate.checks)
        if check.startswith(FIRM)
    ]
    for check, level in policy.severities.items():
        if check.startswith(FIRM) and LEVELS.index(level) < LEVELS.index(own.get(check, level)):
            about = f"cannot be lowered: {check} is always {own[check]}"
            problems.append(Problem(("severity", check), about))


def _images(
    tables: list[dict[str, Any]], path: Path, problems: list[Problem], *, delegated: bool
) -> tuple[Images, ...]:
    if not tables:
        return ()
    from imgforge.policy import images

    return images.read(tables, path, problems, delegated=delegated)


def _licences(value: object, problems: list[Problem]) -> tuple[Licences, ...]:
    if value is None:
        return ()
    from imgforge.policy import licences

    return licences.read(value, problems)


def _bases(value: object, folder: Path, problems: list[Problem]) -> Bases:
    table = dict(value) if isinstance(value, dict) else value
    trusts = table.pop("trust", []) if isinstance(table, dict) else []
    found = reading.table(table, BASES, ("bases",), problems, known=(*BASES, "trust"))
    place = ("bases", "trust")
    tables = reading.tables(trusts, place, problems)
    return Bases(
        (found["allow"],) if "allow" in found else (),
        tuple(trust(each, folder, (*place, i), problems) for i, each in enumerate(tables)),
    )


def trust(table: dict[str, Any], folder: Path, place: Location, problems: list[Problem]) -> Trust:
    """Read who or what makes something believed; ``problems`` has what is wrong with it."""
    found = reading.table(table, TRUST, place, problems)
    reasons = [reason for reason in REASONS if reason in table]
    if len(reasons) != 1:
        problems.append(Problem(place, f"needs exactly one of {', '.join(REASONS)}"))
        return Trust("")
    needed, possible = REASONS[reasons[0]]
    strange = (TRUST.keys() & table.keys()) - needed - possible - {"match"}
    problems += [Problem((*place, k), f"does not go with {reasons[0]}") for k in sorted(strange)]
    lacking = needed - table.keys()
    problems += [Problem((*place, k), "is required", TRUST[k].about) for k in sorted(lacking)]
    if reasons[0] == "identity" and "digest" in table and "trusted-root" not in table:
        problems.append(Problem((*place, "digest"), "is of no file: there is no trusted-root"))
    if "identity" in found and not reading.telling(found["identity"]):
        problems.append(Problem((*place, "identity"), reading.NOBODY))
    return Trust(
        match=found.get("match", ""),
        key=folder / found["key"] if "key" in found else None,
        identity=found.get("identity", ""),
        issuer=found.get("issuer", ""),
        trusted_root=folder / found["trusted-root"] if "trusted-root" in found else None,
        exempt=found.get("exempt", ""),
        owner=found.get("owner", ""),
        expires=found.get("expires"),
        digest=found.get("digest", ""),
    )
