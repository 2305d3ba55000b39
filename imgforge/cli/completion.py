"""``imgforge completion``."""

from __future__ import annotations

import argparse
import importlib

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge completion bash > /etc/bash_completion.d/imgforge
  source <(imgforge completion bash)
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("completion", COMMANDS["completion"], EXAMPLES)
    out.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    options.common(out)
    return out


def run(given: argparse.Namespace, console: Console) -> int:  # noqa: ARG001 - every command's
    """Print the script for a shell."""
    import shtab

    from imgforge.cli import explain

    words = " ".join(explain.topics())
    function = f'{explain.COMPLETER}() {{ compgen -W "{words}" -- "$1"; }}'
    preamble = function if given.shell == "bash" else ""
    print(shtab.complete(everything(), shell=given.shell, preamble=preamble))
    return 0


def everything() -> argparse.ArgumentParser:
    """Return one parser that has every command below it."""
    out = argparse.ArgumentParser(prog="imgforge")
    commands = out.add_subparsers()
    for name, summary in COMMANDS.items():
        module = importlib.import_module(f"imgforge.cli.{name}")
        commands.add_parser(name, help=summary, parents=[module.parser()], add_help=False)
    return out
