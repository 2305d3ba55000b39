"""Entry point: picks the command, catches what imgforge raises, turns it into an exit code."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import signal
import sys
from types import FrameType

from imgforge import __version__
from imgforge.cli import COMMANDS
from imgforge.console import Console
from imgforge.errors import BuildFailedError, ImgforgeError, InvalidInputError

INTERRUPTED = 130
BROKEN_PIPE = 141
MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE, errno.EIO}
"""Errors of the system that are the machine's state and no bug of ours."""

ALLOCATIONS = 200_000
"""Objects made before the collector of cycles looks through them. Facts of images are hundreds of
thousands of objects and no cycle: looking takes as long as making them."""

GRACE = 5
"""Seconds that cleaning up may take after an interrupt."""


_asked_to_end: list[int] = []
"""The signals that came; an exception after one is the interrupt in disguise."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; return the exit code."""
    if argv is None:
        gc.set_threshold(ALLOCATIONS)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
    arguments = sys.argv[1:] if argv is None else argv
    # Whoever closed a stream (2>&-) wants no word, not an error.
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115 - for good
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115 - for good
    quiet = any(a in {"-q", "--quiet"} for a in arguments)
    console = Console(quiet=quiet or os.environ.get("IMGFORGE_QUIET") == "1")
    try:
        return _run(arguments, console)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the one place that catches
        if _asked_to_end or isinstance(error, KeyboardInterrupt):
            return _interrupted(console)
        return _explain(error, console)


def _explain(error: Exception, console: Console) -> int:
    """Print what failed; return its exit code."""
    if isinstance(error, OSError) and error.errno in MACHINE:
        place = f"{error.filename}: " if error.filename else ""
        error = BuildFailedError(f"{place}{error.strerror}", hint="nothing was changed")
    if not isinstance(error, ImgforgeError):
        return _bug(console)
    console.error(error)
    return error.exit_code


def _interrupted(console: Console) -> int:
    console.warn("interrupted: what was there before is still there")
    if _asked_to_end:
        # Python's own end would wait for threads, and one may wait for a lock that the interrupt
        # took with it.
        sys.stdout.flush()
        os._exit(INTERRUPTED)
    return INTERRUPTED


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Unwind as Ctrl-C does, and end for certain soon after.

    Raised inside Python's import machinery, an exception can vanish and leave the import lock
    taken, so it waits until that is left. If it is lost all the same, the alarm ends the process:
    what was half done is of no consequence, since nothing takes effect before it is whole.
    """
    if frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        return
    _asked_to_end.append(number)
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
        from imgforge.cli import slips

        hint = slips.command(name, COMMANDS)
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
    return f"""imgforge init                      look at a project and write its imgforge.toml
imgforge lock && imgforge build    pin what the spec names, then build the image
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
