"""Every command that the documentation and ``--help`` show is one that imgforge takes."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from imgforge.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*/*.md", "examples/*/*.md", "stacks/*/*.md")
    for page in ROOT.glob(pattern)
    if page.name != "cli.md"  # written from the parsers themselves
)
ENDS = {"|", ">", "<", "&&", "||", ";", "2>&1"}


def shown(page: Path) -> list[list[str]]:
    """Return the words of each command of imgforge in a page's blocks of code."""
    found = []
    blocks = re.findall(r"(?ms)^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"))
    code = "\n".join(text for language, text in blocks if language in {"", "sh", "console", "yaml"})
    for line in code.replace("\\\n", " ").splitlines():
        for command in re.findall(r"(?:^|&& |run: |\$ )\s*((?:[A-Z_]+=\S+ )*imgforge .*)", line):
            words = shlex.split(command, comments=True)
            words = words[words.index("imgforge") + 1 :]
            ends = [at for at, word in enumerate(words) if word in ENDS]
            found.append(words[: ends[0]] if ends else words)
    return found


def helped(page: Path) -> list[list[str]]:
    """Return the words of each command of imgforge in the examples of a module's ``--help``."""
    examples = getattr(importlib.import_module(f"imgforge.cli.{page.stem}"), "EXAMPLES", "")
    found = []
    for line in examples.replace("\\\n", " ").splitlines():
        command = re.split(r"\s{2,}", line.strip())[0]  # what follows is a comment
        for part in re.findall(r"(?:^|&& )imgforge (.*?)(?= &&|$)", command):
            words = shlex.split(part)
            ends = [at for at, word in enumerate(words) if word in ENDS]
            found.append(words[: ends[0]] if ends else words)
    return found


MODULES = sorted((ROOT / "imgforge/cli").glob("[a-z]*.py"))
SHOWN = [(page, words) for page in PAGES for words in shown(page)]
SHOWN += [(page, words) for page in MODULES for words in helped(page)]


@pytest.mark.parametrize(
    ("page", "words"),
    SHOWN,
    ids=[f"{page.relative_to(ROOT)}:{' '.join(words)[:60]}" for page, words in SHOWN],
)
def test_what_is_shown_can_be_called(page: Path, words: list[str]) -> None:
    name, *rest = ("0" * 64 if word == "DIGEST" else word for word in words)
    assert name in COMMANDS, page
    if "--help" not in rest:  # SystemExit says what is wrong otherwise
        importlib.import_module(f"imgforge.cli.{name}").parser().parse_args(rest)


def test_there_are_such_commands() -> None:
    assert {words[0] for _, words in SHOWN} >= {"build", "sign", "attest", "log", "push", "verify"}
