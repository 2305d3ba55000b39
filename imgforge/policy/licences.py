"""What a policy says of licences: the table ``[licences]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imgforge.policy import reading
from imgforge.policy.keys import LICENCES
from imgforge.tomlfile import Problem


@dataclass(frozen=True, slots=True)
class Licences:
    """Globs of SPDX licences, of which case does not count.

    A package has one of ``allow``, if there are any, and none of ``deny``. ``base``: whether what
    the base brought is judged, too.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    base: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the table as the file has it."""
        value = {"allow": list(self.allow), "deny": list(self.deny)}
        scope = {} if self.base else {"scope": "app"}
        return {**{key: each for key, each in value.items() if each}, **scope}


def read(value: object, problems: list[Problem]) -> tuple[Licences, ...]:
    """Return what the table says, as a policy keeps it: nothing if there is no table.

    Whatever is wrong with it is added to ``problems``: an entry that SPDX does not know would allow
    nothing, or deny nothing, and nobody would notice.
    """
    if value is None:
        return ()
    from imgforge.licences.expression import spelled

    found = reading.table(value, LICENCES, ("licences",), problems)
    lists: dict[str, tuple[str, ...]] = {}
    for key in ("allow", "deny"):
        names = [(entry, spelled(entry)) for entry in found.get(key, ())]
        lists[key] = tuple(name for _, name in names if name is not None)
        problems += [
            Problem(
                ("licences", key),
                f"{entry!a} is no SPDX licence, nor a glob of some",
                "write one licence an entry, such as MIT, GPL-2.0-*, LicenseRef-acme or "
                "GPL-2.0-only WITH Classpath-exception-2.0",
            )
            for entry, name in names
            if name is None
        ]
    if isinstance(value, dict) and not {"allow", "deny"} & value.keys():
        problems.append(Problem(("licences",), "says neither what is allowed nor what is denied"))
    return (Licences(**lists, base=found.get("scope", "all") == "all"),)
