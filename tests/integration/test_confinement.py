"""What confinement lets through, read by BuildKit's own parser: it makes no stage of its own."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from running import run, tool

from imgforge.confinement import confine
from imgforge.errors import InvalidInputError

PIECES = (
    *("RUN", "COPY", "ENV", "ARG", "WORKDIR", "FROM", "from", "ONBUILD", "USER", "#", "# escape=`"),
    *(
        "# syntax=evil",
        "--network=none",
        "--from=deps",
        "--from=evil",
        "--mount=type=cache,target=/c",
    ),
    *(
        "--mount=from=deps,target=/x",
        "--",
        "evil",
        "AS",
        "deps",
        "A=b",
        "A",
        "/x",
        "true",
        '["a", "/b"]',
    ),
    *("<<EOF", "<<<x", "EOF", "'", '"', "`", "$", "${A}", "\\"),
    *("\n", "\n", "\n", "\\\n", "\\ \n", "`\n", "\t", " ", "\r", "\r\n", "\x0c", "\u2028"),
)
"""What bodies are thrown together from."""


def accepted(count: int) -> list[str]:
    """Return bodies, made up by the same dice each time, that confinement lets through."""
    dice, found = random.Random(7), dict[str, None]()  # noqa: S311 - the same each time
    while len(found) < count:
        start = dice.choice(("RUN --network=none", "COPY", "ENV", "ARG", "WORKDIR", "#"))
        words = [start, *dice.choices(PIECES, k=dice.randint(1, 9))]
        body = "".join(w if "\n" in w else w + dice.choice((" ", " ", "")) for w in words)
        try:
            confine(body, name="s", stages=("deps",), secrets=(), network=False)
        except InvalidInputError:
            continue
        found[body] = None
    return list(found)


@pytest.mark.usefixtures("engine")
def test_buildkit_sees_the_stages_that_were_meant_and_no_others(tmp_path: Path) -> None:
    bodies = accepted(400)
    text = "FROM scratch AS deps\n"
    for i, body in enumerate(bodies):
        text += f"FROM scratch AS s{i}\n{body.rstrip()}\n"
    (tmp_path / "Dockerfile").write_text(text, encoding="utf-8", newline="")
    done = run(tool("docker"), "buildx", "build", "--call=targets,format=json", tmp_path)
    targets = json.loads(done.stdout)["targets"]
    assert [t["name"] for t in targets] == ["deps", *(f"s{i}" for i in range(len(bodies)))]
    assert {t["base"] for t in targets} == {"scratch"}
