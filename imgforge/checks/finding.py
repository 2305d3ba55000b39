"""A finding: what a check has against an image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Severity(IntEnum):
    """How bad a finding is; severities compare."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> Severity:
        """Read ``high`` and the like; raise ValueError on anything else."""
        found = cls.__members__.get(text.upper())
        if found is None or str(found) != text:
            raise ValueError(f"not a severity: {text!r}")
        return found


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``message`` is one line that says what is wrong here.

    ``path`` is a path in the image (or of a Dockerfile, and then ``line`` counts from 1 in it) or
    empty, ``layer`` a layer's digest or empty. ``key`` tells findings of one check at one path
    apart (an environment variable's name, a rule). ``ignored`` is the reason a policy gives for
    accepting it: reported, but not counted by the gate; ``ignored_by`` is who accepted it and
    ``ignored_until`` the last day (``2030-01-31``), as far as the policy says. ``vex`` names the
    VEX statement by which it does not count, if that is why.
    """

    check: str
    severity: Severity
    title: str
    message: str
    remedy: str
    path: str = ""
    layer: str = ""
    key: str = ""
    ignored: str = ""
    line: int = 0
    ignored_by: str = ""
    ignored_until: str = ""
    vex: str = ""

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits, the same for the same fault in every later build."""
        parts = f"{self.check}\0{self.path}\0{self.key}"
        return hashlib.sha256(parts.encode(errors="surrogatepass")).hexdigest()[:32]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the reports; empty fields are left out."""
        out = {
            "check": self.check,
            "severity": str(self.severity),
            "title": self.title,
            "message": self.message,
            "remedy": self.remedy,
            "path": self.path,
            "line": self.line,
            "layer": self.layer,
            "ignored": self.ignored,
            "ignoredBy": self.ignored_by,
            "ignoredUntil": self.ignored_until,
            "vex": self.vex,
            "fingerprint": self.fingerprint,
        }
        return {key: value for key, value in out.items() if value}
