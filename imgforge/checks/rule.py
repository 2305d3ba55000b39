"""What is said about a rule wherever it appears: findings, reports, ``explain``, the docs."""

from __future__ import annotations

from dataclasses import dataclass

from imgforge.checks.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``id`` is ``IF`` and three digits, never used again for another.

    ``severity`` is that of its worst finding. ``title`` is one line without a full stop, ``why``
    a paragraph on what the fault allows, ``remedy`` a sentence on what to do, ``example`` lines
    that show the fault and its cure. ``references`` say where this is asked for or which rule of
    another tool it corresponds to (``CIS Docker Benchmark 4.8``, ``hadolint DL3002``).
    """

    id: str
    severity: Severity
    title: str
    why: str
    remedy: str
    example: str = ""
    references: tuple[str, ...] = ()

    def finding(
        self,
        message: str,
        *,
        path: str = "",
        layer: str = "",
        key: str = "",
        line: int = 0,
        severity: Severity | None = None,
    ) -> Finding:
        """Return a finding of this rule, at most as severe as the rule is."""
        return Finding(
            self.id,
            self.severity if severity is None else min(severity, self.severity),
            self.title,
            message,
            self.remedy,
            path=path,
            layer=layer,
            key=key,
            line=line,
        )
