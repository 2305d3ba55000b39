"""Parameters of stacks that a Dockerfile, or the project beside it, plainly says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from imgforge import stack as stacks
from imgforge.checks.commands import Command, options
from imgforge.detection import candidates
from imgforge.importing.row import Row, Setting

if TYPE_CHECKING:
    from imgforge.detection.candidate import Candidate

_VALUED: Final = {
    "go": ("-o", "-tags", "-ldflags", "-gcflags", "-mod", "-p"),
    "cargo": ("--bin", "--features", "-F", "--package", "-p", "--target", "--profile"),
    "bundle": ("--jobs", "-j", "--retry", "--path"),
}
"""Program → options that are followed by their value."""

PROJECT: Final = "the project"
"""What a row of the project's own files is called."""

_KEY: Final = ("stack", "parameters")


def project(root: Path, stack: str) -> Candidate | None:
    """Return what ``imgforge init`` would find of ``stack`` in the folder ``root``."""
    _, found = candidates(root)
    return next((candidate for candidate in found if candidate.stack == stack), None)


def detected(candidate: Candidate, definition: stacks.Definition, line: int) -> Iterator[Row]:
    """Yield a row for the parameters that the project's files speak for, as ``init`` reads them."""
    settings = tuple(_fitting(candidate.parameters, definition))
    if settings:
        names = ", ".join(f"{s.key[-1]} = {_shown(s.value)}" for s in settings)
        files = ", ".join(dict.fromkeys(e.file for e in candidate.evidence))
        yield Row(line, PROJECT, "improved", f"{names} (by {files})", settings)


def of(
    command: Command, stack: str, definition: stacks.Definition, env: Mapping[str, str]
) -> tuple[Setting, ...]:
    """Return the parameters that a command of the stack's own tools says: ``go build ./cmd/x``.

    ``env`` are the variables that the stage knows.
    """
    words = _words(command)
    found: dict[str, Any] = {}
    match stack, command.name:
        case "go", "go" if command.args[:1] == ("build",):
            found = _go(words, command, env)
        case "rust", "cargo" if command.args[:1] == ("build",):
            found = _cargo(words)
        case "node", "npm" | "yarn" | "pnpm":
            found = _script(command)
        case "java", "mvn" | "mvnw":
            found = {"build": "maven"}
        case "java", "gradle" | "gradlew":
            found = {"build": "gradle"}
        case "ruby", "bundle":
            found = {"without": _after(command, "--without")} if "--without" in command.args else {}
    return tuple(_fitting(found, definition))


def unknown(command: Command, stack: str, env: Mapping[str, str]) -> list[str]:
    """Return what the linker of Go is to set to variables that have no value here."""
    if (stack, command.name, command.args[:1]) != ("go", "go", ("build",)):
        return []
    return [v.partition("=")[0] for v in _linked(_words(command), env) if "$" in v]


def _linked(words: dict[str, str], env: Mapping[str, str]) -> list[str]:
    said = re.findall(r"-X[ =]'?([^\s']+)", words.get("-ldflags", ""))
    known = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
    return [known.sub(lambda m: env.get(m[1] or m[2]) or m[0], variable) for variable in said]


def named(found: dict[str, Any], definition: stacks.Definition) -> tuple[Setting, ...]:
    """Return settings of the parameters that the stack has and that fit."""
    return tuple(_fitting(found, definition))


def _fitting(found: dict[str, Any], definition: stacks.Definition) -> Iterator[Setting]:
    for name, value in found.items():
        declared = definition.parameters.get(name)
        if declared is not None and stacks.fits(declared, value, trusted=True):
            yield Setting((*_KEY, name), value)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(command: Command) -> dict[str, str]:
    """Return the values of options that take one; '' is the last operand."""
    valued = _VALUED.get(command.name, ())
    out: dict[str, str] = {}
    rest = list(command.args[1:])
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            if name in valued:
                out[name] = value if equals else rest.pop(0) if rest else ""
            else:
                out[name] = value
        else:
            out[""] = word
    return out


def _go(words: dict[str, str], command: Command, env: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (package := words.get("", "")) and package != ".":
        found["package"] = package.rstrip("/")
    if name := PurePosixPath(words.get("-o", "")).name:
        found["binary"] = name
    if tags := words.get("-tags"):
        found["tags"] = [tag for tag in re.split(r"[ ,]", tags) if tag]
    if variables := [v for v in _linked(words, env) if "$" not in v]:
        found["variables"] = variables
    if any(name == "CGO_ENABLED" and value == "1" for name, value in _assigned(command)):
        found["cgo"] = True
    return found


def _assigned(command: Command) -> Iterator[tuple[str, str]]:
    for word in command.assigned:
        name, _, value = str(word).partition("=")
        yield name, value


def _cargo(words: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if binary := words.get("--bin"):
        found["binary"] = binary
    if package := words.get("--package") or words.get("-p"):
        found["package"] = package
    if features := words.get("--features") or words.get("-F"):
        found["features"] = [f for f in re.split(r"[ ,]", features) if f]
    if "--no-default-features" in words:
        found["default-features"] = False
    if words.get("--target", "").endswith("-musl"):
        found["static"] = True
    return found


def _script(command: Command) -> dict[str, Any]:
    """Return which script of package.json builds."""
    verbs = options(command.args).operands
    if verbs[:1] == ("run",) and len(verbs) > 1 and verbs[1] != "build":
        return {"script": verbs[1]}
    return {}


def _after(command: Command, option: str) -> list[str]:
    at = command.args.index(option) + 1
    rest = command.args[at:]
    stop = next((i for i, word in enumerate(rest) if word.startswith("-")), len(rest))
    return list(rest[:stop])
