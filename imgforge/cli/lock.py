"""``imgforge lock``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import InvalidInputError
from imgforge.files import LOCK, SPEC, locate

if TYPE_CHECKING:
    from imgforge.pins import Outcome, Pin, StackPin

EXAMPLES = """\
  imgforge lock                                 pin what ./imgforge.toml names; keep what is pinned
  imgforge lock services/web --check            in CI: exit 2 if the lock is missing or stale
  imgforge lock --upgrade                       resolve every base anew and say what changed
  imgforge lock --upgrade runtime --dry-run     what would change in one of them
  imgforge lock --upgrade stack                 take the newest version of a catalog's stack
  imgforge lock --export bases.tar              for a machine without a mirror, or for ever
  imgforge lock --import bases.tar --offline    there: bring them into the cache
  imgforge lock --offline                       see that the cache has all that is pinned
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("lock", COMMANDS["lock"], EXAMPLES)
    options.project(out)
    options.flag(
        out,
        "--check",
        action="store_true",
        help="only say whether the lock fits; asks nobody, prints nothing if it does",
    )
    options.flag(
        out,
        "--upgrade",
        nargs="*",
        metavar="BASE",
        help="resolve these anew: bases by name, or runtime, builder, stack; all if none is named",
    )
    options.flag(
        out, "--dry-run", action="store_true", help="say what would change; write and make nothing"
    )
    options.flag(
        out, "--policy", type=Path, metavar="FILE", help="policy that says which bases are trusted"
    )
    options.flag(
        out,
        "--export",
        metavar="TARGET",
        help="write all that the lock's bases are made of to FILE.tar, a folder or a registry",
    )
    options.flag(
        out,
        "--import",
        dest="imported",
        metavar="SOURCE",
        help="bring what was exported into the cache first",
    )
    options.offline(out)
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Check or write the lock; print its path, or what became of every base as JSON."""
    _refuse_mixtures(given)
    if given.check:
        from imgforge import settled

        settled.check(given.path)
        return 0
    if given.export is not None or given.imported is not None:
        return _carry(given, console)
    from imgforge import settled

    _refuse_folders(given.upgrade)
    with console.step("resolve bases") as say:
        outcome = settled.settle(
            given.path,
            upgrade=given.upgrade,
            offline=given.offline,
            dry_run=given.dry_run,
            policy=given.policy,
            say=say,
        )
    path = locate(given.path).resolve().with_name(LOCK)
    if outcome.stack is not None:
        _tell_stack(outcome.stack, console, dry_run=given.dry_run)
    for pin in outcome.pins:
        _tell(pin, console, dry_run=given.dry_run)
    if given.format == "json":
        print(json.dumps(_json(outcome, path), indent=2))
    elif not given.dry_run:
        print(path)
    return 0


def _refuse_mixtures(given: argparse.Namespace) -> None:
    """Refuse flags that ask for two things at once, and empty names."""
    verbs = {
        "--check": given.check,
        "--export": given.export is not None,
        "--import": given.imported is not None,
        "--upgrade": given.upgrade is not None,
    }
    asked = [verb for verb, there in verbs.items() if there]
    if given.check and given.upgrade is not None:
        raise InvalidInputError("--check changes nothing: leave out --upgrade")
    if len(asked) > 1:
        raise InvalidInputError(
            f"{' and '.join(asked)} are two runs", hint="do one, then the other"
        )
    if given.dry_run and asked not in ([], ["--upgrade"]):
        raise InvalidInputError(f"{asked[0]} has no --dry-run")
    if "" in {given.export, given.imported}:
        raise InvalidInputError(f"{asked[0]} names nothing", hint="name a FILE.tar or a folder")


def _carry(given: argparse.Namespace, console: Console) -> int:
    """Export what the lock needs, or import it and see that it is all there now."""
    from imgforge import lock as locks
    from imgforge.bases import ensure_all, supplies

    lock = locks.read(locate(given.path).resolve().with_name(LOCK))
    if given.export is not None:
        with console.step(f"export to {given.export}") as say:
            digest = supplies.export(lock, given.export, offline=given.offline, say=say)
        print(digest)
        return 0
    with console.step(f"import from {given.imported}") as say:
        count = supplies.import_(given.imported, say=say)
        made = [b for b in (lock.runtime, lock.builder) if b and b.source == "packages"]
        ensure_all(made, offline=True, say=say)
    console.note(f"{count} files were new; the lock's bases can be made from the cache")
    return 0


def _refuse_folders(upgrade: list[str] | None) -> None:
    """Refuse a folder after ``--upgrade``, where argparse takes it for a base's name."""
    folders = [name for name in upgrade or () if (Path(name) / SPEC).is_file()]
    if folders:
        raise InvalidInputError(
            f"--upgrade {folders[0]}: this is a folder, not a base",
            hint=f"name the folder first: imgforge lock {folders[0]} --upgrade",
        )


def _tell(pin: Pin, console: Console, *, dry_run: bool) -> None:
    head, changes = f"{pin.role} {pin.name}", pin.changes
    counted = f"{pin.packages} packages" if pin.packages else ""
    about = ", ".join(filter(None, (counted, pin.digest))) or "from a registry"
    if not pin.reasons:
        console.note(f"{head}: kept ({about})")
        return
    console.note(f"{head}: {'would be resolved' if dry_run else 'resolved'} anew ({about})")
    if pin.added:
        console.note(f"  with {', '.join(pin.added)}")
    for reason in pin.reasons:
        console.note(f"  because {reason}")
    if changes is not None and not changes:
        console.note("  nothing differs from what was locked")
    elif changes is not None:
        console.note(f"  {changes.old} → {changes.new or '(known once it is made)'}")
        for line in changes.lines():
            console.note(f"  {line}")


def _tell_stack(pin: StackPin, console: Console, *, dry_run: bool) -> None:
    about = f"stack {pin.now}" + (f" ({pin.now.trust})" if pin.now.trust else "")
    if not pin.reasons:
        console.note(f"{about}: kept")
        return
    console.note(f"{about}: {'would be pinned' if dry_run else 'pinned'} anew")
    for reason in pin.reasons:
        console.note(f"  because {reason}")
    if pin.before is not None:
        console.note(f"  {pin.before.version} → {pin.now.version}")
    for line in pin.notes:
        console.note(f"  {line}")


def _json(outcome: Outcome, path: Path) -> dict[str, object]:
    return {
        "lock": str(path),
        "written": outcome.written,
        "bases": [pin.to_json() for pin in outcome.pins],
        "stack": outcome.stack.to_json() if outcome.stack is not None else None,
    }
