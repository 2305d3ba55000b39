"""What there is to say about a rule: for a terminal, as Markdown, as JSON."""

from __future__ import annotations

import dataclasses
import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from imgforge.checks import profiles
from imgforge.checks.profiles import Profile
from imgforge.checks.rule import Rule


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that belong together: ``start`` is how their ids begin, ``name`` one word.

    Where one group's start begins with another's, its rules are not the other's.
    """

    start: str
    name: str
    title: str

    def rules(self, rules: Sequence[Rule]) -> list[Rule]:
        """Return those of ``rules`` that are of this group."""
        inner = [g.start for g in GROUPS if g.start.startswith(self.start) and g != self]
        return [
            rule
            for rule in rules
            if rule.id.startswith(self.start) and not rule.id.startswith(tuple(inner))
        ]


GROUPS: Final = (
    Group("IF00", "identity", "Who it runs as, and accounts"),
    Group("IF01", "privileges", "Privileges"),
    Group("IF02", "credentials", "Credentials"),
    Group("IF03", "surface", "Attack surface"),
    Group("IF04", "integrity", "Integrity"),
    Group("IF05", "running", "Running"),
    Group("IF06", "origin", "Origin, age and size"),
    Group("IF07", "leftovers", "What does not belong"),
    Group("IF08", "drift", "Drift from a spec"),
    Group("IF09", "policy", "The policy itself"),
    Group("IF1", "dockerfile", "Dockerfiles"),
    Group("IF19", "inventory", "Declared and found"),
    Group("IF20", "vulnerabilities", "Known vulnerabilities"),
    Group("IF21", "licences", "Licences"),
    Group("IF22", "stacks", "Stacks"),
    Group("IF23", "templates", "Templates and papers of stacks"),
)

_TRIVY: Final = re.compile(r"(?:avd-)?ds-?([0-9]{3,4})")
_TOOLS: Final = frozenset({"hadolint", "Trivy", "Dockle"})
_INSTRUCTION: Final = re.compile(r"[A-Z]+ ")
_WIDTH: Final = 80


def overview(rules: Sequence[Rule]) -> str:
    """Return the list of rules by group, one a line."""
    lines: list[str] = []
    for group in GROUPS:
        members = group.rules(rules)
        rows = (f"  {r.id}  {r.severity!s:<8}  {r.title}" for r in members)
        lines += [f"{group.title} ({group.name})", *rows, ""] if members else []
    return "\n".join([*lines, "hint: imgforge explain ID says why, and how to mend it", ""])


def profile_text(profile: Profile) -> str:
    """Return a profile's practices, the rules that decide each, and what they cannot see."""
    lines = [f"{profile.name}: {profile.title}", f"    from {profile.source}", ""]
    for practice in profile.practices:
        lines.append(f"{practice.id}: {practice.title}")
        decided = ", ".join(practice.rules)
        lines.append(f"    decided by {decided}" if decided else "    not decidable from an image")
        lines += [_wrapped(practice.beyond)] if practice.beyond else []
    return "\n".join([*lines, ""])


def profile_json(profile: Profile) -> str:
    """Return the same as a JSON object."""
    return json.dumps(dataclasses.asdict(profile), indent=2) + "\n"


def find(topic: str, rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules that ``topic`` means: an id, a group, or another tool's id of the same.

    Letter case does not matter. Another tool's id is one of the references (``DL3002``,
    ``DS-0002`` in all the ways in which Trivy has written it, ``CIS-DI-0001``), and so is a whole
    reference (``CVE-2021-3156``). Nothing is found for what is none of these.
    """
    wanted = topic.casefold()
    trivy = _TRIVY.fullmatch(wanted)
    if trivy is not None:
        wanted = f"ds-{int(trivy[1]):04}"
    for group in GROUPS:
        if wanted in {group.name, group.start.casefold(), f"{group.start.casefold()}x"}:
            return group.rules(rules)
    own = [rule for rule in rules if rule.id.casefold() == wanted]
    return own or [rule for rule in rules if wanted in _others(rule)]


def _others(rule: Rule) -> set[str]:
    words = (reference.split() for reference in rule.references)
    ids = {said[-1].casefold() for said in words if said and said[0] in _TOOLS}
    return ids | {reference.casefold() for reference in rule.references}


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
    out = f"{rule.why}\n\n**What to do:** {rule.remedy}\n"
    if rule.example:
        out += f"\n```{_language(rule.example)}\n{rule.example.strip()}\n```\n"
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


def _language(example: str) -> str:
    lines = example.splitlines()
    if any(line.startswith("[") for line in lines):
        return "toml"
    return "dockerfile" if any(_INSTRUCTION.match(line) for line in lines) else "sh"


def _wrapped(said: str) -> str:
    margin = "    "
    return textwrap.fill(
        said, _WIDTH, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
    )


def _heading(said: str, *, bold: bool) -> str:
    return f"\x1b[1m{said}\x1b[0m" if bold else said
