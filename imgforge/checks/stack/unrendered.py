"""IF220: variants that cannot be rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.subject import Subject

RULE: Final = Rule(
    "IF220",
    Severity.HIGH,
    "A variant of the stack cannot be rendered",
    why=(
        "Whoever chooses this runtime version, lock or parameter gets an error and no image, "
        "and cannot mend it: the template is not theirs. Such a fault stays unseen as long as only "
        "the defaults are tried. What the runtime half forbids (another FROM, a network that was "
        "not declared, a secret of somebody else's) is such a fault too."
    ),
    remedy="Mend the template at this line; imgforge stack lint renders every variant.",
    example="""\
{% if parameters.manager == "pnpm" %}
{{ pnpm_version }}
# better
{{ variables.pnpm }}
""",
    references=("CWE-754", "imgforge docs/how-to/own-stack.md"),
)

_PLACE: Final = re.compile(r"^(?:[\w-]+/)?([\w.-]+\.(?:j2|toml)):(\d+): ")


def check(subject: Subject) -> Iterator[Finding]:
    """Report templates that are no templates, then variants that fail, each reason once."""
    for name, (line, message) in subject.broken.items():
        yield RULE.finding(message, path=subject.path(name), line=line, key=message)
    seen: set[str] = set()
    for failed in subject.failed:
        error = failed.error
        said = "; ".join((error.message, *error.details))
        found = _PLACE.match(error.message)
        if said in seen or (found and found[1].removeprefix("changed-") in subject.broken):
            continue
        seen.add(said)
        message = f"{said[found.end() if found else 0 :]} (with {failed.label})"
        path, line = (subject.path(found[1]), int(found[2])) if found else subject.toml("name")
        yield RULE.finding(message, path=path, line=line, key=said)
