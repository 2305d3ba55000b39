"""The child that renders templates from outside: ``python -I -m imgforge.sandboxed``.

It reads one request a line from stdin and answers each with a line of JSON. Once it is loaded it
can open no file any more, write none, and has bounds of memory and time that the kernel holds. So
what a template does to get out of Jinja's sandbox, it does in a room without doors.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any, Final

from imgforge import template
from imgforge.errors import InvalidInputError
from imgforge.sandbox import MEMORY, SECONDS

_WARMING: Final = "{{ 'a' | word | shell_word }}{{ missing }}"


def main() -> int:
    """Serve until stdin ends, or until memory ran out once."""
    _warm()
    _confine()
    for line in sys.stdin.buffer:
        _allow_time()
        answer, spent = _answer(line)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if spent:
            return 1
    return 0


def _answer(line: bytes) -> tuple[dict[str, Any], bool]:
    """Return the answer, and whether this process is of no further use."""
    try:
        return {"value": _do(json.loads(line))}, False
    except InvalidInputError as error:
        said = {"message": error.message, "details": list(error.details), "hint": error.hint}
        return {"error": said}, False
    except MemoryError:
        return {"spent": True}, True


def _do(request: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    kind = request.pop("kind")
    if kind == "outline":
        found = template.outline_here(**request)
        return {"blocks": sorted(found.blocks), "extends": found.extends}
    if kind == "matches":
        return template.matches_here(**request)
    return template.render_here(**request, trusted=False)


def _warm() -> None:
    """Load all that is loaded late, failures included: afterwards nothing can be."""
    template.steps_text()
    try:
        template.render_here(_WARMING, {}, name="warming", trusted=False, others={})
    except InvalidInputError:
        template.outline_here("{% block a %}{% endblock %}", "warming")


def _confine() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),  # not even in the place of one that was closed
    ):
        resource.setrlimit(limit, (value, value))


def _allow_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


if __name__ == "__main__":
    sys.exit(main())
