"""What each version, lock and parameter of our stacks changes alone, compared line by line.

The Dockerfile of the defaults stands whole, of the others what is different. To accept a wanted
change: IMGFORGE_UPDATE_GOLDEN=1 pytest tests/golden, then read the diff.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgforge import stack
from imgforge.render import render
from imgforge.workshop import variants
from imgforge.workshop.variants import Variant

HERE = Path(__file__).parent / "variants"


@pytest.mark.parametrize("name", stack.names())
def test_what_each_choice_changes_alone(name: str) -> None:
    made = [v for v in variants.every(stack.load(name)) if isinstance(v, Variant)]
    text = "".join(_told(made))
    path = HERE / f"{name}.txt"
    if os.environ.get("IMGFORGE_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def _told(made: list[Variant]) -> Iterator[str]:
    first, *others = made
    chosen = set(first.label.split(", "))
    yield f"== {first.label}\n{_dockerfile(first)}"
    for other in others:
        changed = [word for word in other.label.split(", ") if word not in chosen]
        if len(changed) == 1 or _is_lock_of_build(changed):
            yield f"== {', '.join(changed)}\n"
            before, now = (_dockerfile(v).splitlines(keepends=True) for v in (first, other))
            found = list(difflib.unified_diff(before, now, n=0))[2:]
            yield from (line for line in found if not line.startswith("@@"))


def _is_lock_of_build(changed: list[str]) -> bool:
    """Whether a way to build was chosen together with the lock that it cannot do without."""
    names = dict(word.split(" = ", 1) for word in changed if " = " in word)
    kinds = {"lock", "build"}
    return len(changed) == len(kinds) == len(names) and (
        names.get("lock", "").partition(".")[0] == names.get("build")
    )


def _dockerfile(made: Variant) -> str:
    return render(dataclasses.replace(made.plan, changes=()))
