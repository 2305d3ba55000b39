"""Stacks of a team's own, made as ``imgforge stack new`` makes them, and changed."""

from __future__ import annotations

from pathlib import Path

from imgforge.workshop import scaffold

TEMPLATE = "build.Dockerfile.j2"
NAME = "acme-web"


def made(folder: Path, **changes: tuple[str, str]) -> Path:
    """Make a stack in ``folder``; ``changes`` are what to replace with what in its files.

    The key is ``toml``, ``template`` or ``changelog``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / NAME
    scaffold.create(target, None)
    names = {"toml": "stack.toml", "template": TEMPLATE, "changelog": "CHANGELOG.md"}
    for key, (old, new) in changes.items():
        change(target / names[key], old, new)
    return target


def change(path: Path, old: str, new: str) -> None:
    """Replace ``old``, which must be there, with ``new``."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
