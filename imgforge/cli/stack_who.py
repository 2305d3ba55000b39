"""``imgforge stack who``."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import options
from imgforge.console import Console, harmless
from imgforge.errors import GateError

if TYPE_CHECKING:
    from imgforge.workshop.census import Use
    from imgforge.workshop.rollout import Effect

EXAMPLES = """\
  imgforge stack who ~/repositories             every spec below, its stack and bases
  imgforge stack who --behind --exit-code       only who is behind; exit 10 if anybody is
  imgforge stack who --stack acme-web --diff    what the newest version changes for each
  imgforge stack who --stack acme-web --with ../acme-web      what this one would change
  imgforge stack who --format json | jq -r '.[] | select(.behind != []) | .spec'
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    out.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="folders or specs (default: here)"
    )
    options.flag(
        out,
        "--stack",
        action="append",
        metavar="NAME",
        variable="IMGFORGE_STACK_WHO",
        help="only users of this stack; repeatable",
    )
    options.flag(out, "--behind", action="store_true", help="only who is behind or cannot be built")
    options.flag(
        out,
        "--diff",
        action="store_true",
        help="show how the newest version of their stack changes each Dockerfile",
    )
    options.flag(
        out,
        "--with",
        dest="instead",
        metavar="STACK",
        variable="IMGFORGE_STACK_WHO_WITH",
        help="show how this one of their stack would: [CATALOG/]NAME[@VERSION|REF], or a folder",
    )
    options.flag(
        out,
        "--exit-code",
        action="store_true",
        help="exit with 10 if anybody is behind, broken, or would be",
    )
    options.offline(out)
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Print who uses what; exit with 0, or 10 if somebody is behind and that was asked for."""
    from imgforge.workshop import census, rollout

    with console.step("look for specs") as say:
        how = census.How(say, offline=given.offline)
        uses = census.take(given.paths or [Path()], how)
    uses = [use for use in uses if not given.stack or use.stack in given.stack]
    late = [use for use in uses if use.behind or use.problem]
    shown = late if given.behind else uses
    now = dt.datetime.now(dt.UTC)
    effects: dict[str, Effect] = {}
    if given.diff or given.instead:
        with console.step("compare Dockerfiles") as say:
            how = census.How(say, offline=given.offline)
            effects = rollout.effects(shown, how, given.instead)
    broken = sum(1 for effect in effects.values() if effect.breaks)
    if given.format == "json":
        rows = [use.to_json(now) for use in shown]
        for row in rows if effects else ():
            row.update(rollout.to_json(effects.get(str(row["spec"]))))
        print(json.dumps(rows, indent=2))
    else:
        _print(shown, now, effects)
        _say_more(shown, console)
        would = f", {broken} would be broken" if broken else ""
        console.note(f"{len(uses)} specs, {len(late)} behind or broken{would}")
    return GateError.exit_code if (late or broken) and given.exit_code else 0


def _say_more(uses: list[Use], console: Console) -> None:
    """Say once why newest versions are not known, and how whoever is behind gets on."""
    unknown = {f"{use.catalog}/{use.stack}: {use.unknown}" for use in uses if use.unknown}
    for text in sorted(unknown):
        console.warn(f"the newest version is not known of {text}")
    if any("the catalog has" in text for use in uses for text in use.behind):
        console.note("to take a new version: imgforge lock FOLDER --upgrade stack")


def _print(uses: list[Use], now: dt.datetime, effects: dict[str, Effect]) -> None:
    from imgforge.report import table
    from imgforge.workshop import rollout
    from imgforge.workshop.census import short

    rows = []
    for use in uses:
        stack = f"{use.stack}@{use.version}" if use.version else use.stack
        bases = []
        for base in use.bases:
            age = base.age(now)
            bases.append(f"{base.name} {short(base.digest)}" + ("" if age is None else f" {age}d"))
        said = [f"BROKEN: {use.problem}"] if use.problem else []
        said += [*use.behind, *(["newest unknown"] if use.unknown else [])]
        rows.append(
            (str(use.spec), stack, use.catalog, use.runtime, ", ".join(bases), "; ".join(said))
        )
    print(table.render(("spec", "stack", "catalog", "runtime", "bases", "behind"), rows), end="")
    if effects:
        print("\n".join(map(harmless, rollout.lines(effects))))
