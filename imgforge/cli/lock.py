"""``imgforge lock``."""

from __future__ import annotations

import argparse
from pathlib import Path

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge lock                                 pin what ./imgforge.toml names
  imgforge lock services/web
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("lock", COMMANDS["lock"], EXAMPLES)
    options.project(out)
    options.flag(
        out, "--policy", type=Path, metavar="FILE", help="policy that says which bases are trusted"
    )
    options.common(out)
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Resolve and write the lock; print its path."""
    from imgforge import policy as policies
    from imgforge import project

    loaded = project.load(given.path)
    with console.step("resolve bases") as say:
        lock = project.lock(loaded, say, policies.load(given.policy))
    for base in (lock.runtime, lock.builder):
        if base is not None:
            count = sum(len(la.packages) for p in base.platforms[:1] for la in p.layers)
            console.note(f"{base.name}: {base.digest} ({count} packages)")
    print(loaded.lock_path)
    return 0
