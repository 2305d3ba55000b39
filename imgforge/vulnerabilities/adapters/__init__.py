"""Other scanners: their reports are read, or they are run on an SBOM. One module a scanner."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from imgforge import strictjson
from imgforge.errors import BuildFailedError, EvidenceError, InvalidInputError, ToolMissingError
from imgforge.vulnerabilities.adapters import grype, trivy
from imgforge.vulnerabilities.adapters.foreign import Report, joined

if TYPE_CHECKING:
    from imgforge.inventory import Inventory

__all__ = ["ADAPTERS", "Report", "joined", "load", "read", "run"]

MAX_SIZE: Final = 256 << 20
"""Bytes of one report."""
MAX_VALUES: Final = 16_000_000
_PATIENCE: Final = 1800.0
"""Seconds that a scanner may take; the first time it fetches its own database."""


class Adapter(Protocol):
    """What a module of this folder offers."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a constant of a module
        """The scanner's program."""

    def is_one(self, value: Mapping[str, Any]) -> bool:
        """Whether a document is a report of this scanner."""

    def read(self, value: Mapping[str, Any]) -> Report:
        """Return what a report says; ValueError if it is malformed."""

    def command(self, sbom: str, *, offline: bool) -> list[str]:
        """Return the command that scans the SBOM in a file."""


ADAPTERS: Final[Mapping[str, Adapter]] = {each.NAME: each for each in (trivy, grype)}
"""By the name that ``--with`` takes."""


def load(path: Path) -> Report:
    """Read the report in the file ``path``; InvalidInputError if it is none that is known."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read the report {path}: {error.strerror}") from error
    return read(data, str(path))


def read(data: bytes, place: str) -> Report:
    """Read a report of any scanner; InvalidInputError that names ``place`` if it is none."""
    if len(data) > MAX_SIZE:
        raise InvalidInputError(f"the report {place} is over {MAX_SIZE >> 20} MiB")
    try:
        strictjson.slim(data, MAX_VALUES)
        value = strictjson.load_object(data)
        for adapter in ADAPTERS.values():
            if adapter.is_one(value):
                return adapter.read(value)
    except ValueError as error:
        raise InvalidInputError(f"{place} is no report that can be read: {error}") from error
    raise InvalidInputError(
        f"{place} is no JSON report of {' or '.join(ADAPTERS)}",
        hint="make one with: trivy image --format json, or grype -o json",
    )


def run(name: str, inventory: Inventory, *, called: str, offline: bool) -> Report:
    """Have the scanner ``name`` look at an inventory; ToolMissingError if it is not installed.

    EvidenceError if it fails: what was not scanned has not passed.
    """
    from imgforge import process
    from imgforge.sbom import cyclonedx

    with tempfile.TemporaryDirectory(prefix="imgforge-scan-") as folder:
        sbom = Path(folder) / "sbom.cdx.json"
        sbom.write_bytes(cyclonedx.render(inventory, name=called, created=0))
        env = {"GRYPE_DB_AUTO_UPDATE": "false" if offline else "true"}
        try:
            found = process.run(
                ADAPTERS[name].command(str(sbom), offline=offline), timeout=_PATIENCE, env=env
            )
        except ToolMissingError as error:
            raise ToolMissingError(
                error.message, hint="install it, or name its report: --report FILE"
            ) from error
        except BuildFailedError as error:
            raise EvidenceError(
                f"{name} could not scan {called}: {error.message}",
                details=error.details[-5:],
                hint=f"what {name} needs is a database of its own; --report reads a report that "
                "was made elsewhere",
            ) from error
    return read(found.stdout, f"what {name} printed")
