"""``[vulnerabilities]`` of a policy: what it says, and how it is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from imgforge.severity import Level

if TYPE_CHECKING:
    from imgforge.tomlfile import Location, Problem

CHECK: Final = "IF200"
"""The check whose delegation lets policies below accept vulnerabilities."""
ATTESTED: Final = "attested"
"""What stands for the VEX documents that are attested of the image itself."""

SINGLE: Final = (
    "required",
    "max_age",
    "fail_on",
    "only_fixed",
    "exploited",
    "probability",
    "unmatched",
)
"""Fields of :class:`Vulnerabilities` that are one value."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Vulnerabilities that somebody accepted: which, why, until which day (UTC), and who.

    ``id`` is one of the names that a vulnerability has, exactly; ``package`` a glob of purls that
    is matched whole (``*`` crosses ``/``). ``expires`` is the last day on which it holds.
    """

    id: str
    package: str
    reason: str
    owner: str
    expires: dt.date

    def __str__(self) -> str:
        return self.id if self.package == "*" else f"{self.id} in {self.package}"

    def fits(self, ids: tuple[str, ...], purl: str) -> bool:
        """Whether it is about the vulnerability with the names ``ids`` in ``purl``."""
        return self.id in ids and fnmatchcase(purl, self.package)

    def expired(self, day: dt.date) -> bool:
        """Whether the last day has passed."""
        return day > self.expires


@dataclass(frozen=True, slots=True)
class Vex:
    """A VEX document that is believed: a file or a glob of files, or :data:`ATTESTED`.

    ``digest`` (``sha256:<hex>``) is that of the one file, if the policy pins it.
    """

    place: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Vulnerabilities:
    """What a policy says of known vulnerabilities.

    ``fail_on`` is the least level that fails; None is the policy's own ``fail-on``. ``grace`` has
    the days since its publication in which a vulnerability of a level does not fail yet.
    ``exploited``: one that is exploited in the wild (KEV) fails whatever else holds.
    ``probability`` (EPSS, 0 to 1) fails at any level. ``unmatched``: a component of which nobody
    knows anything fails. ``max_age`` is in days since the database was brought up to date.
    """

    required: bool = False
    max_age: int | None = None
    fail_on: Level | None = None
    only_fixed: bool = False
    grace: Mapping[str, int] = field(default_factory=dict)
    exploited: bool = True
    probability: float | None = None
    unmatched: bool = False
    ignore: tuple[Accepted, ...] = ()
    vex: tuple[Vex, ...] = ()

    @property
    def trusts_attested(self) -> bool:
        """Whether VEX documents count that are attested of the image."""
        return any(each.place == ATTESTED for each in self.vex)


def key(field_name: str) -> str:
    """Return the key of ``policy.toml`` that a field of :class:`Vulnerabilities` comes from."""
    return "database-max-age" if field_name == "max_age" else field_name.replace("_", "-")


USUAL: Final = Vulnerabilities()
"""What holds where nothing is said."""


def shown(held: Vulnerabilities) -> dict[str, Any]:
    """Return what differs from the usual, by the keys of the file."""
    found = {key(n): getattr(held, n) for n in SINGLE if getattr(held, n) != getattr(USUAL, n)}
    found |= {n: "fail" if found[n] else "report" for n in ("exploited", "unmatched") if n in found}
    found |= {"grace": dict(held.grace)} if held.grace else {}
    found |= {"vex": [each.place for each in held.vex]} if held.vex else {}
    ignored = [
        {
            "id": each.id,
            "package": each.package,
            "reason": each.reason,
            "owner": each.owner,
            "expires": str(each.expires),
        }
        for each in held.ignore
    ]
    return found | ({"ignore": ignored} if ignored else {})


def read(
    value: object, folder: Path, above: Vulnerabilities, problems: list[Problem]
) -> Vulnerabilities:
    """Read the table; what it says nothing of is as ``above`` has it, its lists are its own."""
    from imgforge.policy import keys, reading

    table = dict(value) if isinstance(value, dict) else value
    ignores = table.pop("ignore", []) if isinstance(table, dict) else []
    place = ("vulnerabilities",)
    known = (*keys.VULNERABILITIES, "ignore")
    found = reading.table(table, keys.VULNERABILITIES, place, problems, known=known)
    listed = reading.tables(ignores, (*place, "ignore"), problems)
    exploited = found.get("exploited")
    return Vulnerabilities(
        required=found.get("required", above.required),
        max_age=found.get("database-max-age", above.max_age),
        fail_on=found.get("fail-on", above.fail_on),
        only_fixed=found.get("only-fixed", above.only_fixed),
        grace=found.get("grace", above.grace),
        exploited=above.exploited if exploited is None else exploited == "fail",
        probability=found.get("probability", above.probability),
        unmatched=found["unmatched"] == "fail" if "unmatched" in found else above.unmatched,
        ignore=tuple(_accepted(t, (*place, "ignore", i), problems) for i, t in enumerate(listed)),
        vex=tuple(_vex(text, folder) for text in found.get("vex", ())),
    )


def _accepted(table: dict[str, Any], place: Location, problems: list[Problem]) -> Accepted:
    from imgforge.policy import keys, reading

    found = reading.table(table, keys.ACCEPTED, place, problems)
    return Accepted(
        id=found.get("id", ""),
        package=found.get("package", "*"),
        reason=found.get("reason", ""),
        owner=found.get("owner", ""),
        expires=found.get("expires", dt.date.min),
    )


def _vex(text: str, folder: Path) -> Vex:
    if text == ATTESTED:
        return Vex(ATTESTED)
    place, marked, digest = text.rpartition("@sha256:")
    if marked:
        return Vex(str(folder / place), f"sha256:{digest}")
    return Vex(str(folder / text))


def files(text: str, folder: Path) -> list[Path]:
    """Return the files that an entry of ``vex`` in a policy of ``folder`` means; sorted."""
    return [] if text == ATTESTED else paths(_vex(text, folder))


def paths(vex: Vex) -> list[Path]:
    """Return the files that are meant: what a glob finds now, or the one file, there or not."""
    import glob

    if glob.has_magic(vex.place):
        found = (Path(name) for name in glob.glob(vex.place, recursive=True))  # noqa: PTH207
        return sorted(path for path in found if path.is_file())
    return [Path(vex.place)]
