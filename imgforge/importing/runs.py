"""What a RUN does, command by command, and who does it in imgforge."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from imgforge import stack as stacks
from imgforge.checks.commands import Command, options
from imgforge.checks.dockerfile.subject import Run
from imgforge.checks.installs import SIGNED, Use, use
from imgforge.detection.php import EXTENSIONS
from imgforge.importing import parameters, tools
from imgforge.importing.own import GENERATORS
from imgforge.importing.places import Places
from imgforge.importing.row import Row, Setting, Verdict
from imgforge.plan import APP

_PAGES: Final = (
    "make the pages before the image is built: the stack static serves the folder of them"
)
_ACCOUNTS: Final = frozenset(
    {"useradd", "adduser", "addgroup", "groupadd", "usermod", "groupmod", "passwd", "chsh"}
)
_SILENT: Final = frozenset(
    {
        *("set", "cd", "echo", "true", ":", "export", "printf", "test", "[", "id", "ls", "pwd"),
        *("which", "cat", "sync", "seq", "exit", "uname", "date", "grep", "sleep", "umask"),
    }
)
"""What changes nothing, unless its output goes to a file."""

_ASKING: Final = (("--version",), ("-v",), ("-V",), ("version",), ("--help",))
_IN_PHP: Final = frozenset(
    {
        *("pdo", "opcache", "json", "ctype", "fileinfo", "filter", "hash", "iconv", "phar"),
        *("posix", "session", "sockets", "tokenizer", "calendar", "exif", "pcntl", "gettext"),
    }
)
"""Extensions that Debian's own packages of PHP, and so the bases, have (debian/control of php)."""

_SERVERS: Final = re.compile(r"(?:/etc/(?:apache2|nginx)\b|/usr/local/apache2\b)")
_SYSTEM: Final = re.compile(r"/(?:etc|usr|bin|sbin|lib|lib64|boot|dev|proc|sys|root|run|tmp)\b")
_UNSURE: Final = re.compile(r"[*?${]")
_FETCHERS: Final = frozenset({"curl", "wget"})


class Judgement(NamedTuple):
    """What becomes of a command, why, and what of it goes into the spec."""

    verdict: Verdict
    note: str
    settings: tuple[Setting, ...] = ()


_CLEANED: Final = re.compile(
    r"(?:/(?:var/(?:lib/apt|cache|apt|log|tmp)|tmp|root|usr/(?:src|share/(?:doc|man|locale|info)))\b"
    r"|~/|\$\{?(?:HOME|GNUPGHOME|BUNDLE_PATH)\b|.*/\.?cache\b)"
)


def rows(
    run: Run,
    stack: str,
    definition: stacks.Definition | None,
    places: Places,
    written: Collection[str],
) -> Iterator[Row]:
    """Yield a row for each command of a RUN; ``written`` are folders that a VOLUME names."""
    for command in run.commands():
        if not command.words or (_silent(command) and not _into_file(command)):
            continue
        found = _judged(command, run, stack, definition, places, written)
        said = " ".join(command.words)
        yield Row(run.line(command), f"RUN {said}", found.verdict, found.note, found.settings)


def _silent(command: Command) -> bool:
    return command.name in _SILENT or command.args in _ASKING


def _into_file(command: Command) -> bool:
    """Whether the output of a command is kept in a file."""
    return any(
        r.operator.lstrip("0123456789&").startswith(">") and not r.target.startswith(("/dev/", "&"))
        for r in command.redirects
    )


def _judged(  # noqa: PLR0917 - what a command is judged by
    command: Command,
    run: Run,
    stack: str,
    definition: stacks.Definition | None,
    places: Places,
    written: Collection[str],
) -> Judgement:
    found = use(command)
    if found is not None and found.manager.name in SIGNED:
        return _system(found, run, stack)
    if found is not None and found.installs and (loose := _loose(found)):
        return Judgement(
            "person",
            f"{', '.join(loose)} must be listed in the project's lock: nothing else is installed",
        )
    of = tools.owner(command)
    if of:
        return _stacks(command, of, stack, definition, run)
    if stack == "php" and command.name.startswith("docker-php-ext-"):
        return _extensions(command)
    if command.name in {"chown", "chgrp"}:
        return _owned(command, places, run)
    made = command.name == "mkdir"
    return _made(command, written, places, run) if made else _other(command, run, stack)


def _stacks(
    command: Command, of: str, stack: str, definition: stacks.Definition | None, run: Run
) -> Judgement:
    """Return what becomes of what the tools of the stack ``of`` do."""
    if of == stack and command.name in {"bun", "bunx"}:
        return Judgement("person", "no stack installs with Bun: make a lock of npm, pnpm or Yarn")
    if of == stack and definition is not None:
        found = parameters.of(command, stack, definition, run.stage.env)
        if unknown := parameters.unknown(command, stack, run.stage.env):
            note = (
                f"no value is known of {', '.join(unknown)}: set it in stack.parameters.variables"
            )
            return Judgement("person", note, found)
        said = "; ".join(f"{s.key[-1]} = {s.value}" for s in found)
        note = f"the stack {stack} does it, exactly as the lock says"
        return Judgement("improved", f"{note}: {said}" if said else note, found)
    if stack == "static":
        return Judgement("person", _PAGES)
    return Judgement("person", f"it belongs to the stack {of}: an image has one stack")


def _extensions(command: Command) -> Judgement:
    """Return Debian's packages of PHP's extensions; {} in their names stands for the version."""
    if command.name != "docker-php-ext-install":
        return Judgement("dropped", "Debian's packages of extensions are ready to run")
    names = _paths(command)
    packages = list(dict.fromkeys(f"php{{}}-{EXTENSIONS[n]}" for n in names if n in EXTENSIONS))
    settings = (Setting(("stack", "packages"), packages),) if packages else ()
    if unknown := [n for n in names if n not in EXTENSIONS and n not in _IN_PHP]:
        note = f"find Debian's name for [stack] packages, or leave it out: {', '.join(unknown)}"
        return Judgement("person", note, settings)
    note = "Debian's packages, pinned by the lock" if packages else "the base has them"
    return Judgement("improved", note, settings)


def _other(command: Command, run: Run, stack: str) -> Judgement:
    name = command.name
    if stack in {"php", "static"} and (
        name.startswith(("a2en", "a2dis")) or any(map(_SERVERS.match, _paths(command)))
    ):
        return Judgement("dropped", "settings of a web server that the image does not have")
    if name in _ACCOUNTS or name == "chmod":
        note = "the image runs as 65532, which needs no account"
        if name == "chmod":
            note = "what is copied is root's: it can be read and run, not changed"
        return Judgement("improved", note)
    if name == "rm":
        return _removed(command, stack)
    if name == "update-ca-certificates" and not _paths(command):
        return Judgement("dropped", "the base has them")
    where = "the runtime stage runs nothing" if run.shipped else "no stack's stage does this"
    note = f"{where}: see [[build.steps]], or do it before the build"
    if stack == "static":
        note = _PAGES
    if name in _FETCHERS:
        note = "a download that no lock pins: keep the file beside the spec, or package it"
    elif _into_file(command):
        note = "a file that the Dockerfile writes: keep it beside the spec"
    return Judgement("person", note)


def _removed(command: Command, stack: str) -> Judgement:
    if stack == "static" or all(_CLEANED.match(path) for path in _paths(command)):
        return Judgement("dropped", "nothing is left that would have to be removed")
    return Judgement("person", "what must not be in the image: list it in app.exclude")


def _system(found: Use, run: Run, stack: str) -> Judgement:
    if not found.installs:
        return Judgement("dropped", "system packages are resolved by imgforge lock alone")
    packages = [word for package in found.packages for word in _words(package, run)]
    names = [p.partition("=")[0].partition(":")[0] for p in packages]
    if not run.shipped:
        return Judgement("dropped", "builders have compilers; see [stack] build-packages for more")
    if any("$" in n for n in names):
        return Judgement("person", "packages that a variable names")
    given = [n for n in names if n in tools.GIVEN or n in tools.OF_BASE.get(stack, ())]
    names = [n for n in names if stack != "static" or n not in GENERATORS]
    kept = [n for n in names if n not in {*tools.TOOLS, *given} and not n.endswith("-dev")]
    if kept and found.manager.name != "apt":
        return Judgement(
            "person",
            f"{found.manager.name} names packages otherwise than Debian: list Debian's names of "
            f"{', '.join(kept)} in [stack] packages",
        )
    left = [n for n in names if n not in {*kept, *given}]
    texts = [
        f"{text} {', '.join(values)}"
        for text, values in (
            ("pinned by the lock:", kept),
            ("the base has", given),
            ("not needed to run:", left),
        )
        if values
    ]
    settings = (Setting(("stack", "packages"), kept),) if kept else ()
    return Judgement("improved" if kept else "dropped", "; ".join(texts) or "nothing", settings)


def _words(package: str, run: Run) -> list[str]:
    """Return the packages that a variable stands for, if the same RUN gives it a plain value."""
    found = re.fullmatch(r"\$\{?(\w+)\}?", package)
    said = re.search(rf"""\b{found[1]}=(["'])([^"'$`]*)\1""", run.text) if found else None
    return [w for w in said[2].split() if w != "\\"] if said else [package]


def _loose(found: Use) -> tuple[str, ...]:
    """Return packages that are named in the Dockerfile itself, besides the installers."""
    if found.options.has("-r", "--requirement", "--requirements"):
        return ()
    own = {"pip", "setuptools", "wheel", "uv", "poetry", "pdm", "pipenv", "npm", "pnpm", "yarn"}
    own |= {"bundler", "cargo-chef", "corepack"}
    names = [re.split(r"[=<>~!\[@]", p)[0] or p for p in found.packages]
    return tuple(
        p
        for p, name in zip(found.packages, names, strict=True)
        if name not in own and not p.startswith((".", "/", "$", "-"))
    )


def _paths(command: Command) -> tuple[str, ...]:
    return options(command.args).operands


def _owned(command: Command, places: Places, run: Run) -> Judgement:
    paths = [p for p in _paths(command)[1:] if p.startswith("/")]
    found = _writes(paths, places, "can be written by the program, nothing else can")
    if not run.shipped:
        return Judgement("dropped", "owners of the build's own files")
    return found or Judgement("improved", "the program cannot change itself: its files are root's")


def _made(command: Command, written: Collection[str], places: Places, run: Run) -> Judgement:
    """Return what becomes of a folder: nothing was put into it, so the program writes there."""
    paths = _paths(command)
    if not run.shipped or not paths:
        return Judgement("dropped", "a folder of the build alone")
    kept = [p.rstrip("/") for p in paths if p.rstrip("/") in written]
    if kept:
        return Judgement("kept", "declared as writable: see VOLUME")
    note = "made empty, so it can be written: take it out of [run] writable if nothing writes there"
    return _writes(paths, places, note) or Judgement("dropped", "folders come with what is in them")


def _writes(paths: Iterable[str], places: Places, note: str) -> Judgement | None:
    """Return the folders among ``paths`` that hold nothing; those of the application move."""
    plain = (path.rstrip("/") for path in paths if path != "/" and not _UNSURE.search(path))
    found = [now for path in plain if (now := places.empty(path)) and not _SYSTEM.match(now)]
    found = [now for now in found if now != APP]
    if not found:
        return None
    inside = {path: path.replace(APP, "/data", 1) for path in found if path.startswith(f"{APP}/")}
    settings = (Setting(("run", "writable"), [inside.get(path, path) for path in found]),)
    if inside:
        moved = ", ".join(f"{new} instead of {old}" for old, new in inside.items())
        note = f"the application stays read-only: let the program write to {moved}"
        return Judgement("person", note, settings)
    return Judgement("kept", f"{', '.join(found)}: {note}", settings)
