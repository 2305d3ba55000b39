"""Entry point: picks the command, catches what imgforge raises, turns it into an exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys

from imgforge import __version__
from imgforge.cli import COMMANDS
from imgforge.console import Console
from imgforge.errors import ImgforgeError, InvalidInputError

INTERRUPTED = 130
BROKEN_PIPE = 141
GRACE = 10
"""Seconds that cleaning up may take after an interrupt."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; return the exit code."""
    if argv is None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
    arguments = sys.argv[1:] if argv is None else argv
    quiet = any(a in {"-q", "--quiet"} for a in arguments)
    console = Console(quiet=quiet or os.environ.get("IMGFORGE_QUIET") == "1")
    try:
        return _run(arguments, console)
    except ImgforgeError as error:
        console.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.warn("interrupted: what was there before is still there")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception:  # noqa: BLE001 - the one place where a bug is reported
        return _bug(console)


def _interrupt(number: int, frame: object) -> None:  # noqa: ARG001 - a signal handler's
    """Unwind as Ctrl-C does, and end for certain soon after.

    An interrupt can be lost: raised in a callback, or while Python holds its import lock, it
    vanishes and may leave the lock taken. What was half done is of no consequence by then.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(GRACE)
    raise KeyboardInterrupt


def _run(arguments: list[str], console: Console) -> int:
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(overview())
        return 0 if arguments else InvalidInputError.exit_code
    if arguments[0] in {"-V", "--version", "version"}:
        print(f"imgforge {__version__}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        import difflib

        close = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"did you mean imgforge {close[0]}?" if close else "imgforge --help lists them"
        raise InvalidInputError(f"there is no command {name!r}", hint=hint)
    module = importlib.import_module(f"imgforge.cli.{name}")
    options = module.parser().parse_args(rest)
    if getattr(options, "verbose", False):
        from imgforge import process

        process.verbose = True
    code: int = module.run(options, console)
    return code


def overview() -> str:
    """Return the text of ``imgforge --help``."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items())
    return f"""imgforge lock && imgforge build    pin what the spec names, then build the image
imgforge build --key imgforge.key --push registry.example.com/acme/web
imgforge verify --key imgforge.pub registry.example.com/acme/web:1.0

One declarative spec (imgforge.toml) in; one hardened, proven, listed and signed image out.

commands:
{commands}

imgforge COMMAND --help says more about each. The image's reference or the data asked for goes
to stdout, everything else to stderr; --format json is for programs."""


def _bug(console: Console) -> int:
    import tempfile
    import traceback

    fd, name = tempfile.mkstemp(prefix="imgforge-bug-", suffix=".log")
    with os.fdopen(fd, "w") as file:
        file.write(f"imgforge {__version__}, Python {sys.version}\n{traceback.format_exc()}")
    console.error(
        ImgforgeError(
            "imgforge failed in a way it does not understand",
            details=[traceback.format_exc().strip().splitlines()[-1]],
            hint=f"please report {name}",
        )
    )
    return ImgforgeError.exit_code


if __name__ == "__main__":
    sys.exit(main())
