"""What an import says: a table of what became of each line, and two images side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from imgforge.console import harmless
from imgforge.importing.row import Verdict

if TYPE_CHECKING:
    from imgforge.importing.comparison import Line
    from imgforge.importing.translation import Translation

_COLOURS: Final[dict[Verdict, str]] = {
    "kept": "32",
    "improved": "36",
    "dropped": "2",
    "person": "33",
}
_WIDTH: Final = 46


def table(found: Translation, *, colour: bool) -> str:
    """Return the rows as text: line, verdict, what stood there, what became of it."""
    lines = []
    for row in found.rows:
        said = " ".join("".join(c if c.isprintable() else " " for c in row.said).split())
        said = said if len(said) <= _WIDTH else said[: _WIDTH - 3] + "..."
        verdict = f"{row.verdict:<8}"
        if colour:
            verdict = f"\x1b[{_COLOURS[row.verdict]}m{verdict}\x1b[0m"
        lines.append(f"{row.line:>4}  {verdict}  {said:<{_WIDTH}}  {harmless(row.note)}")
    counts = Counter(row.verdict for row in found.rows)
    total = ", ".join(f"{counts[name]} {name}" for name in _COLOURS if counts[name])
    return "\n".join([*lines, f"{total}" if lines else "nothing to say"]) + "\n"


def comparison(lines: Sequence[Line]) -> str:
    """Return two images side by side as text."""
    width = max((len(line.before) for line in lines), default=0)
    width = max(min(width, _WIDTH), len("Dockerfile"))
    head = f"{'':<18}  {'Dockerfile':<{width}}  imgforge"
    body = [harmless(f"{line.name:<18}  {line.before:<{width}}  {line.after}") for line in lines]
    return "\n".join([head, *body]) + "\n"


def value(
    found: Translation, spec: str, valid: Sequence[str], lines: Sequence[Line]
) -> dict[str, Any]:
    """Return all of it as JSON-able data; ``valid`` are the problems of the spec as it stands."""
    return {
        "dockerfile": found.name,
        "spec": spec,
        "problems": list(valid),
        "needsPerson": len(found.open),
        "rows": [row.to_json() for row in found.rows],
        "comparison": [line.to_json() for line in lines],
    }
