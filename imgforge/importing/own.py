"""Starts and pages that are a stack's own: nothing of them has to stand in the spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from imgforge import stack as stacks
from imgforge.checks.dockerfile.subject import Subject
from imgforge.importing import parameters
from imgforge.importing.places import Places
from imgforge.importing.row import Row, Setting
from imgforge.plan import APP

_SERVED: Final = ("/usr/share/nginx/html", "/usr/local/apache2/htdocs", "/srv", "/var/www/html")


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
    if stack == "php" and name.startswith("php-fpm"):
        return Own("the stack's own entry point (server = fpm)")
    if stack in {"go", "rust"} and name and not name.endswith(".sh") and not places.has(words[0]):
        program = f"{APP}/{chosen.get('binary', 'app')}"
        settings = (Setting(("app", "entrypoint"), [program, *rest]),) if rest else ()
        return Own(f"the stack's own entry point: {program}", settings)
    if stack == "java" and name == "java" and "-jar" in rest[:-1]:
        return _jar(rest, places)
    return None


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
    """Yield the folder that is served, as far as one COPY of it says so."""
    for stage, step in read.steps():
        if step.name != "COPY" or stage.index not in {s.index for s in read.file.shipped()}:
            continue
        if len(step.args) != 2 or not step.args[1].rstrip("/").startswith(_SERVED):  # noqa: PLR2004 - from, to
            continue
        written = PurePosixPath(step.args[0])
        if step.source is not None:
            workdirs = [
                s.args[0] for s in read.file.stages[step.source].steps if s.name == "WORKDIR"
            ]
            top = PurePosixPath(workdirs[-1] if workdirs else "/")
            folder = str(written.relative_to(top)) if written.is_relative_to(top) else written.name
        else:
            folder = str(PurePosixPath(step.args[0].lstrip("/") or "."))
        settings = parameters.named({"root": folder, **_fallback(places)}, definition)
        if any(s.key[-1] == "root" for s in settings):
            note = f"{folder} is served, as it lies beside the spec"
            source = Setting(("app", "source"), [folder])
            yield Row(step.line, f"the folder {folder}", "kept", note, (*settings, source))
        return


def _fallback(places: Places) -> dict[str, str]:
    """Return the parameter of sites that route themselves, if nginx is told so beside the spec."""
    for place in places.moved:
        if not place.old.startswith("/etc/nginx"):
            continue
        try:
            with (places.root / place.source).open("rb") as file:
                text = file.read(1 << 20).decode("utf-8", "replace")
        except OSError:
            continue
        if "try_files" in text and "/index.html" in text:
            return {"fallback": "index"}
    return {}
