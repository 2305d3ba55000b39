"""Starts and pages that are a stack's own: nothing of them has to stand in the spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from imgforge import stack as stacks
from imgforge.checks.commands import Command
from imgforge.checks.dockerfile.subject import Subject
from imgforge.importing import launched, parameters
from imgforge.importing.places import Places
from imgforge.importing.row import Row, Setting
from imgforge.plan import APP

_SERVED: Final = ("/usr/share/nginx/html", "/usr/local/apache2/htdocs", "/srv", "/var/www/html")

_CLASSES: Final = frozenset({"-cp", "-classpath", "--class-path"})
GENERATORS: Final = {"hugo": "public", "jekyll": "_site", "mkdocs": "site", "zola": "public"}
"""Makers of sites → the folder that they make where they are told no other."""


class Own(NamedTuple):
    """A start that the stack makes by itself: a note on it, and what of it the spec still says."""

    note: str
    settings: tuple[Setting, ...] = ()


def own_start(
    words: Sequence[str], stack: str, places: Places, chosen: dict[str, Any]
) -> Own | None:
    """Return how the stack starts what ``words`` start, if it does so itself."""
    name = PurePosixPath(words[0]).name if words else ""
    rest = list(words[1:])
    if stack == "static" and name in {"nginx", "httpd-foreground", "caddy"}:
        return Own("the stack's own entry point")
    if stack == "php" and name.startswith(("php-fpm", "apache2-foreground", "apachectl")):
        return Own("the stack's own entry point (server = fpm)")
    if stack == "python" and name and name == str(chosen.get("script", "")).partition(" ")[0]:
        given = (Setting(("app", "command"), rest),) if rest else ()
        return Own(f"the project's script {name}, as the stack starts it", given)
    if stack in {"go", "rust"} and name and not name.endswith(".sh") and not places.has(words[0]):
        program = f"{APP}/{chosen.get('binary', 'app')}"
        settings = (Setting(("app", "entrypoint"), [program, *rest]),) if rest else ()
        return Own(f"the stack's own entry point: {program}", settings)
    return _java(rest, places, chosen) if stack == "java" and name == "java" else None


def _java(rest: list[str], places: Places, chosen: dict[str, Any]) -> Own | None:
    """Return how the stack starts a jar, or the main class of one that it makes."""
    if "-jar" in rest[:-1]:
        return _jar(rest, places)
    at = next((i for i, word in enumerate(rest) if word in _CLASSES), None)
    if at is None or chosen.get("build") not in {"maven", "gradle"}:
        return None
    options = (Setting(("env", "JAVA_TOOL_OPTIONS"), " ".join(rest[:at])),) if at else ()
    return Own("the stack's own entry point, by the main class that the jar names", options)


def _jar(rest: list[str], places: Places) -> Own:
    at = rest.index("-jar")
    told, jar, after = rest[:at], rest[at + 1], rest[at + 2 :]
    settings: list[Setting] = []
    now = places.of(jar)
    if now.startswith(f"{APP}/") and now != jar and places.has(jar):
        settings += [
            Setting(("stack", "parameters", "build"), "jar"),
            Setting(("stack", "parameters", "jar"), now.removeprefix(f"{APP}/")),
        ]
    if told:
        settings.append(Setting(("env", "JAVA_TOOL_OPTIONS"), " ".join(told)))
    if after:
        settings.append(Setting(("app", "command"), after))
    note = "the stack's own entry point"
    return Own(f"{note}; options go by JAVA_TOOL_OPTIONS" if told else note, tuple(settings))


def site(read: Subject, places: Places, definition: stacks.Definition) -> Iterator[Row]:
    """Yield the folder that is served, as far as one COPY or one copying RUN of it says so."""
    found = next(_served(read), None)
    if found is None:
        if (file := _proxies(places)) is not None:
            note = f"{file} hands requests on: the stack static serves files, and is no proxy"
            yield Row(read.final.line, "the pages", "person", note)
        return
    line, folder, made = found
    settings = parameters.named({"root": folder, **_fallback(places)}, definition)
    if any(s.key[-1] == "root" for s in settings):
        note = f"{folder} is served, as it lies beside the spec"
        if made:
            note = f"{folder} is served: make it first, with {made}"
        source = Setting(("app", "source"), [folder])
        yield Row(line, f"the folder {folder}", "kept", note, (*settings, source))


def _served(read: Subject) -> Iterator[tuple[int, str, str]]:
    """Yield lines that put pages where a web server looks, their folder, and what makes it."""
    here = PurePosixPath("/")
    for stage in read.file.shipped():
        for step in stage.steps:
            if step.name == "WORKDIR" and step.args:
                here /= step.args[0]
            elif step.name == "COPY" and len(step.args) == 2:  # noqa: PLR2004 - from, to
                if str(here / step.args[1]).startswith(_SERVED):
                    yield step.line, *_made(read, step.source, step.args[0])
            elif step.name == "RUN":
                yield from _copying(read, stage.index, step.line)


def _copying(read: Subject, index: int, line: int) -> Iterator[tuple[int, str, str]]:
    """Yield the folder that a RUN of the image copies to where a web server looks."""
    for command in (c for r in read.runs if r.step.line == line for c in r.commands()):
        words = [word for word in command.args if not word.startswith("-")]
        if command.name in {"cp", "mv"} and len(words) > 1 and words[-1].startswith(_SERVED):
            yield line, *_made(read, index, words[0].removesuffix("/*").removesuffix("/."))


def _made(read: Subject, source: int | None, written: str) -> tuple[str, str]:
    """Return the folder of pages, from the context's top, and the command that makes it."""
    if source is None:
        return str(PurePosixPath(written.lstrip("/") or ".")), ""
    chain = [read.file.stages[source]]
    while (parent := chain[-1].parent) is not None:
        chain.append(read.file.stages[parent])
    indexes = {stage.index for stage in chain}
    runs = [r for r in read.runs if r.built and r.stage.index in indexes]
    builders = [c for r in runs for c in r.commands() if _builds(c)]
    made = " ".join(builders[-1].words) if builders else ""
    workdirs = [s.args[0] for st in chain[::-1] for s in st.steps if s.name == "WORKDIR"]
    top = PurePosixPath("/", *workdirs)
    folder = PurePosixPath("/") / top / written
    if folder != top and folder.is_relative_to(top) and top != PurePosixPath("/"):
        return str(folder.relative_to(top)), made
    maker = next((GENERATORS[n] for c in builders for n in c.words if n in GENERATORS), "")
    return maker or folder.name or "public", made


def _builds(command: Command) -> bool:
    """Whether a command makes pages, and is not one that installs or asks."""
    words = set(command.words)
    return bool(words & GENERATORS.keys()) or (
        command.name in {"npm", "yarn", "pnpm", "npx", "bun", "make"}
        and any("build" in word for word in command.args)
    )


def _proxies(places: Places) -> str | None:
    """Return the settings of nginx beside the spec that hand requests on to another server."""
    found = (place.source for place in places.moved if place.old.startswith("/etc/nginx"))
    return next((file for file in found if "proxy_pass" in _text(places.root / file)), None)


def _text(path: Path) -> str:
    return launched.beginning(path).decode("utf-8", "replace")


def _fallback(places: Places) -> dict[str, str]:
    """Return the parameter of sites that route themselves, if nginx is told so beside the spec."""
    for place in places.moved:
        if not place.old.startswith("/etc/nginx"):
            continue
        text = _text(places.root / place.source)
        if "try_files" in text and "/index.html" in text:
            return {"fallback": "index"}
    return {}
