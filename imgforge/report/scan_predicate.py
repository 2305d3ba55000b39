"""A scan as the predicate that is attested: cosign's ``vuln`` (COSIGN_VULN_ATTESTATION_SPEC.md).

Its times are whole days: what is scanned twice on a day with one database has the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgforge import __version__
from imgforge.report import scan_json

if TYPE_CHECKING:
    import datetime as dt

    from imgforge.scanning import Result
    from imgforge.vulnerabilities.scanned import Knowledge

URI = "https://imgforge.dev/scan/v1"
"""What the scanner is called; its result is as :mod:`.scan_json` has it."""


def render(results: Sequence[Result], day: dt.date, knowledge: Knowledge) -> bytes:
    """Return the predicate's JSON, without any path of this machine."""
    time = f"{day}T00:00:00Z"
    since = f"{knowledge.day}T00:00:00Z" if knowledge.day else ""
    value = {
        "invocation": {"parameters": [], "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {
            "uri": URI,
            "version": __version__,
            "db": {"uri": "", "version": knowledge.identity, "lastUpdate": since},
            "result": scan_json.value(results, day, knowledge, plain=True),
        },
        "metadata": {"scanStartedOn": time, "scanFinishedOn": time},
    }
    return json.dumps(value, indent=2, sort_keys=True).encode() + b"\n"
