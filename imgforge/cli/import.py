"""``imgforge import``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import InvalidInputError
from imgforge.files import SPEC

if TYPE_CHECKING:
    from imgforge.importing.comparison import Line
    from imgforge.importing.translation import Translation

EXAMPLES = """\
  imgforge import                               write the spec nearest to ./Dockerfile
  imgforge import docker/Dockerfile.web --context . --target web
  imgforge import --stdout                      only show it
  imgforge import --compare                     also lock, build both, and compare the images
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("import", COMMANDS["import"], EXAMPLES)
    out.add_argument(
        "dockerfile",
        nargs="?",
        type=Path,
        default=Path("Dockerfile"),
        metavar="DOCKERFILE",
        help="default: ./Dockerfile",
    )
    options.flag(
        out,
        "--context",
        type=Path,
        metavar="DIR",
        help="folder it is built from, where the spec goes (default: the Dockerfile's)",
    )
    options.flag(out, "--target", metavar="STAGE", help="stage that is the image (default: last)")
    options.flag(
        out, "--build-arg", action="append", metavar="NAME=VALUE", help="as of docker build"
    )
    options.flag(
        out,
        "--build-context",
        action="append",
        metavar="NAME=PLACE",
        help="as of docker buildx build, for --compare; repeatable",
    )
    options.flag(out, "--name", metavar="NAME", help="what the image is called (default: DIR's)")
    options.flag(out, "--stdout", action="store_true", help="print the spec, write nothing")
    options.flag(out, "--force", action="store_true", help="replace an imgforge.toml")
    options.flag(
        out,
        "--compare",
        action="store_true",
        help="build the Dockerfile and the spec, and show the images side by side",
    )
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Write the spec; say what became of each line of the Dockerfile."""
    from imgforge import importing, newspec
    from imgforge.importing import written
    from imgforge.report import imported

    context = given.context or given.dockerfile.parent
    if given.stdout and given.compare:
        raise InvalidInputError(
            "--compare builds the spec: it cannot be left unwritten by --stdout"
        )
    arguments = dict(_argument(text) for text in given.build_arg)
    found = importing.read(
        given.dockerfile, context, target=given.target or "", arguments=arguments, name=given.name
    )
    text = written.text(found)
    problems = importing.problems(text)
    if not given.stdout:
        newspec.write(context / SPEC, text, replace=given.force)
    console.text(imported.table(found, colour=console.colour))
    for problem in problems:
        console.note(f"still to do in the spec: {problem}")
    lines: tuple[Line, ...] = ()
    if given.compare:
        lines = _compared(given, context, problems, console)
        console.text(imported.comparison(lines))
    _next(found, problems, given, console)
    if given.format == "json":
        print(json.dumps(imported.value(found, text, problems, lines), indent=2))
    elif given.stdout:
        print(text, end="")
    else:
        print(context / SPEC)
    return 0


def _argument(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidInputError(f"--build-arg {text!r} is not NAME=VALUE")
    return name, value


def _compared(
    given: argparse.Namespace, context: Path, problems: list[str], console: Console
) -> tuple[Line, ...]:
    from imgforge import importing
    from imgforge.importing import comparison

    if problems:
        raise InvalidInputError(
            "the spec is not complete, so there is nothing to compare yet",
            details=problems,
            hint="complete it, then build both: imgforge import --force --compare starts anew",
        )
    with comparison.scratch() as folder:
        return importing.compared(
            comparison.Original(
                given.dockerfile,
                context,
                importing.platform(),
                given.target or "",
                given.build_arg,
                given.build_context,
            ),
            Path(folder),
            console,
        )


def _next(
    found: Translation, problems: list[str], given: argparse.Namespace, console: Console
) -> None:
    if found.open:
        many = len(found.open)
        lines = "1 line needs" if many == 1 else f"{many} lines need"
        console.note(f"{lines} a person, and {'stands' if many == 1 else 'stand'} atop the spec")
    if not given.compare and not given.stdout:
        step = "complete the spec, then " if problems or found.open else "next: "
        console.note(f"{step}imgforge lock, then imgforge build")
    sys.stderr.flush()
