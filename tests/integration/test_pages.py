"""The pages for platform teams, done as they are written: in order, in a fresh folder.

A page's blocks of language ``console`` are run. A line that begins with ``$`` is a command, which
must succeed; one that does not must be in what the command before it printed, with anything in the
place of ``…``. A comment of HTML says what a reader does besides:

- ``<!-- run: ... -->``: commands in the place of an editor, or of other people's work;
- ``<!-- file: PATH -->``: the block below it is written there, ``append`` at its end;
- ``<!-- shows: PATH -->``: the block below it is what is in there by then.

Names of example.com and of folders that are not the tests' stand for what a test can have.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from running import ROOT

from imgforge import cache

PAGES = ("own-stack", "catalogs")
_PART = re.compile(
    r"^<!-- (?P<verb>run|file|append|shows): ?(?P<said>.*?)\s*-->$"
    r"|^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Action(NamedTuple):
    """What to do with ``text``: run it, or write it to, or find it in, the file ``path``."""

    verb: str
    text: str
    path: str = ""


def actions(page: str) -> Iterator[Action]:
    """Yield what a page says to do, in its order."""
    told: tuple[str, str] | None = None
    for part in _PART.finditer(page):
        if part["verb"] == "run":
            yield Action("run", part["said"])
        elif part["verb"]:
            told = (part["verb"], part["said"])
        elif told:
            yield Action(told[0], part["text"], told[1])
            told = None
        elif part["language"] == "console":
            for block in re.split(r"^\$ ", part["text"], flags=re.MULTILINE)[1:]:
                yield Action("console", block)
    assert told is None, f"no block follows {told}"


def missing(wanted: str, printed: str) -> list[str]:
    """Return the lines of ``wanted`` that are not in ``printed``; ``…`` stands for anything."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    lacking = []
    for line in filter(None, wanted.splitlines()):
        parts = " ".join(line.split("  #")[0].split()).split("…")
        pattern = re.compile(".*".join(map(re.escape, parts)))
        if not any(pattern.fullmatch(each) for each in lines):
            lacking.append(line)
    return lacking


def shell(command: str, folder: Path, env: dict[str, str]) -> str:
    """Run a command as a reader does; return all that it printed, fail if it fails."""
    done = subprocess.run(
        ["/bin/sh", "-euc", command],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"$ {command}\nended with {done.returncode}:\n{said}"
    return said


@pytest.fixture
def environment(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:  # noqa: ARG001 - DOCKER_HOST
    """Return a reader's environment: a home of their own, imgforge in the path, a password."""
    for name in ("IMGFORGE_CONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home" / "repositories").mkdir(parents=True)
    return {
        **os.environ,
        "HOME": str(tmp_path / "home"),
        "IMGFORGE_CACHE": str(cache.directory(".").resolve()),
        "IMGFORGE_KEY_PASSWORD": "made up for the tests",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_followed(
    name: str, registry: str, environment: dict[str, str], tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    world = {
        "registry.example.com/stacks": f"{registry}/{name}/{tmp_path.name}",
        "/srv/stacks": str(tmp_path / "srv" / "stacks"),
    }
    page = (ROOT / "docs" / "how-to" / f"{name}.md").read_text(encoding="utf-8")
    done = 0
    for verb, text, path in actions(page):
        for told, real in world.items():
            text = text.replace(told, real)  # noqa: PLW2901 - the same words, in this world
        place = here / path.replace("~", environment["HOME"], 1)
        if verb in {"file", "append"}:
            with place.open("a" if verb == "append" else "w", encoding="utf-8") as file:
                file.write(text)
        elif verb == "shows":
            assert missing(text, place.read_text(encoding="utf-8")) == []
        elif verb == "run":
            shell(text, here, environment)
        else:
            command, _, wanted = text.partition("\n")
            printed = shell(command, here, environment)
            assert missing(wanted, printed) == [], f"$ {command}\nprinted:\n{printed}"
            done += 1
    assert done > 8
    shutil.rmtree(here)


def test_what_a_page_shows_is_compared() -> None:
    page = "<!-- file: a -->\n```toml\nx = 1\n```\n\n```console\n$ echo 1\n1\n$ true\n```\n"
    assert list(actions(page)) == [
        Action("file", "x = 1\n", "a"),
        Action("console", "echo 1\n1\n"),
        Action("console", "true\n"),
    ]
    assert missing("a … c\n", "a  b c\nd\n") == []
    assert missing("b\nd\n", "a  b c\nd\n") == ["b"]
