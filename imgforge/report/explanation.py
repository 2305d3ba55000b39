"""What there is to say about a rule: for a terminal, as Markdown, as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import Any, Final

from imgforge.checks import profiles
from imgforge.checks.rule import Rule

GROUPS: Final = {
    "IF00": "Who it runs as, and accounts",
    "IF01": "Privileges",
    "IF02": "Credentials",
    "IF03": "Attack surface",
    "IF04": "Integrity",
    "IF05": "Running",
    "IF06": "Origin, age and size",
    "IF07": "What does not belong",
    "IF08": "Drift from a spec",
    "IF09": "The policy itself",
    "IF1": "Dockerfiles",
}
"""What the groups of ids are about, by how their ids begin."""

_WIDTH: Final = 80


def groups(rules: Sequence[Rule]) -> dict[str, list[Rule]]:
    """Return the rules by the title of their group; groups without rules are left out."""
    found = {
        title: [rule for rule in rules if rule.id.startswith(start)]
        for start, title in GROUPS.items()
    }
    return {title: members for title, members in found.items() if members}


def overview(rules: Sequence[Rule]) -> str:
    """Return the list of rules by group, one a line."""
    lines: list[str] = []
    for title, members in groups(rules).items():
        lines += [title, *(f"  {r.id}  {r.severity!s:<8}  {r.title}" for r in members), ""]
    return "\n".join([*lines, "hint: imgforge explain ID says why, and how to mend it", ""])


def text(rule: Rule, *, bold: bool = False) -> str:
    """Return all there is to say about a rule, for a terminal; headings ``bold`` if asked."""
    parts = {
        "Why": _wrapped(rule.why),
        "What to do": _wrapped(rule.remedy),
        "Example": textwrap.indent(rule.example.strip("\n"), "    "),
        "See also": "\n".join(f"    {reference}" for reference in rule.references),
        "Asked for by": "\n".join(
            f"    {profile.name} {practice.id}: {practice.title}"
            for profile, practice in profiles.serving(rule.id)
        ),
    }
    lines = [_heading(f"{rule.id} ({rule.severity}): {rule.title}", bold=bold), ""]
    for title, said in parts.items():
        lines += [_heading(title, bold=bold), said, ""] if said else []
    return "\n".join(lines)


def markdown(rule: Rule) -> str:
    """Return the same as Markdown without a title."""
    lines = rule.example.splitlines()
    language = "toml" if any(line.startswith("[") for line in lines) else "dockerfile"
    out = f"{rule.why}\n\n**What to do:** {rule.remedy}\n"
    if rule.example:
        out += f"\n```{language}\n{rule.example.strip()}\n```\n"
    if rule.references:
        out += "\nSee also:\n\n" + "".join(f"- {reference}\n" for reference in rule.references)
    if served := profiles.serving(rule.id):
        out += "\nAsked for by:\n\n"
        out += "".join(f"- `{p.name}` {practice.id}: {practice.title}\n" for p, practice in served)
    return out


def to_json(rule: Rule) -> dict[str, Any]:
    """Return what ``imgforge explain --format json`` says of a rule."""
    return {
        "id": rule.id,
        "severity": str(rule.severity),
        "title": rule.title,
        "why": rule.why,
        "remedy": rule.remedy,
        "example": rule.example,
        "references": list(rule.references),
        "practices": [
            {"profile": profile.name, "id": practice.id, "title": practice.title}
            for profile, practice in profiles.serving(rule.id)
        ],
    }


def as_json(rules: Sequence[Rule]) -> str:
    """Return a JSON list of rules."""
    return json.dumps([to_json(rule) for rule in rules], indent=2) + "\n"


def _wrapped(said: str) -> str:
    margin = "    "
    return textwrap.fill(
        said, _WIDTH, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
    )


def _heading(said: str, *, bold: bool) -> str:
    return f"\x1b[1m{said}\x1b[0m" if bold else said
