"""Instructions that only set something: ENV, LABEL, EXPOSE, USER and the like."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import TypeAdapter, ValidationError

from imgforge.dockerfile import Step
from imgforge.fields import EnvName, ImagePath, LabelName, Port, Text, User
from imgforge.importing.places import Places
from imgforge.importing.row import Row, Setting
from imgforge.plan import APP
from imgforge.secrets import secret_name, secret_value

_STANDARD: Final = "org.opencontainers.image."
_OWN: Final = frozenset({"title", "description", "licenses", "source", "version"})
_WRITTEN_BY_US: Final = frozenset({"created", "revision", "ref.name", "base.name", "base.digest"})
_BUILD_ONLY: Final = re.compile(
    r"(?:DEBIAN_FRONTEND|PIP_[A-Z_]+|POETRY_[A-Z_]+|UV_[A-Z_]+|NPM_CONFIG_[A-Z_]+|npm_config_\w+"
    r"|PNPM_HOME|VIRTUAL_ENV|PATH|GOPATH|GOFLAGS|CGO_ENABLED|CARGO_HOME|RUSTUP_HOME|BUNDLE_\w+"
    r"|GEM_HOME|COMPOSER_\w+|APACHE_\w+|JAVA_HOME|LC_ALL|LANG|LANGUAGE|HOME|TERM)"
)


def misfit(kind: object, value: object) -> str:
    """Say why ``value`` cannot stand in a spec; empty if it can."""
    try:
        adapter: TypeAdapter[object] = TypeAdapter(kind)  # type: ignore[arg-type]
        adapter.validate_python(value)
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return ""


def env(step: Step, given: Mapping[str, str], places: Places) -> Iterator[Row]:
    """Yield a row for each variable; ``given`` are those that the stack sets."""
    for name, raw in step.pairs:
        value = raw or ""
        said = f"ENV {name}"
        if secret_name(name) or secret_value(value):
            yield Row(
                step.line,
                said,
                "person",
                f"a secret must not be in an image: change it, give it with --env {name} when it "
                "runs, or list it in [run] secrets and read the file",
                (Setting(("run", "required-env"), [name]),),
            )
        elif _BUILD_ONLY.fullmatch(name):
            yield Row(step.line, said, "dropped", "imgforge's stacks and bases set what is needed")
        elif unset := _unset(step, value, name):
            note = f"no value is known here of {unset}: write env.{name} yourself, if it is needed"
            yield Row(step.line, said, "person", note)
        elif given.get(name) == value:
            yield Row(step.line, said, "dropped", "the stack sets it to the same")
        elif why := misfit(EnvName, name) or misfit(Text, value):
            yield Row(step.line, said, "person", why)
        else:
            moved = _moved(name, value, given, places)
            note = "as it was" if moved == value else f"the path is {moved} now"
            yield Row(
                step.line,
                said,
                "kept" if moved == value else "improved",
                note,
                (Setting(("env", name), moved),),
            )


def _unset(step: Step, value: str, name: str) -> str:
    """Return a variable that ``value`` is made of and that only the base could set; '' for none."""
    if name == "PYTHONPATH":  # what the stack sets takes its place
        return ""
    found = re.findall(r"\$\{?(\w+)", value, re.ASCII)
    return next((variable for variable in found if variable in step.unset), "")


def _moved(name: str, value: str, given: Mapping[str, str], places: Places) -> str:
    """Return a variable with its paths where they are now; the stack's search path stays first."""
    if name == "PYTHONPATH":
        said = [part for part in value.split(":") if part.startswith("/")]
        parts = [given.get(name, ""), *(places.of(part) for part in said)]
        return ":".join(dict.fromkeys(part for part in parts if part))
    return places.of(value) if value.startswith("/") else value


def label(step: Step) -> Iterator[Row]:
    """Yield a row for each label; the standard ones have keys of their own in a spec."""
    for name, raw in step.pairs:
        value, said = raw or "", f"LABEL {name}"
        short = name.removeprefix(_STANDARD)
        if name.startswith(_STANDARD) and short in _WRITTEN_BY_US:
            yield Row(step.line, said, "improved", "imgforge writes it, from what it built on")
        elif why := misfit(LabelName, name) or misfit(Text, value):
            yield Row(step.line, said, "person", why)
        elif name.startswith(_STANDARD) and short in _OWN:
            yield Row(
                step.line, said, "kept", f"image.{short}", (Setting(("image", short), value),)
            )
        else:
            yield Row(
                step.line, said, "kept", "as it was", (Setting(("image", "labels", name), value),)
            )


def expose(step: Step) -> Iterator[Row]:
    """Yield a row for each port; ranges must be spelt out."""
    for word in step.args:
        number, _, protocol = word.partition("/")
        port: int | str = word
        if number.isdecimal() and protocol in {"", "tcp"}:
            port = int(number)
        if misfit(Port, port):
            yield Row(step.line, f"EXPOSE {word}", "person", "not one port: list each in app.ports")
        elif isinstance(port, int) and port < 1024:  # noqa: PLR2004 - what only root may bind
            yield Row(
                step.line,
                f"EXPOSE {word}",
                "person",
                "ports below 1024 may be root's alone: let the program listen on another",
                (Setting(("app", "ports"), [port]),),
            )
        else:
            yield Row(
                step.line,
                f"EXPOSE {word}",
                "kept",
                "as it was",
                (Setting(("app", "ports"), [port]),),
            )


def user(step: Step) -> Row:
    """Return what became of USER: always a number, never root's."""
    word = step.args[0] if step.args else ""
    if not misfit(User, word):
        return Row(
            step.line, f"USER {word}", "kept", "as it was", (Setting(("run", "user"), word),)
        )
    if word.partition(":")[0] in {"root", "0"}:
        return Row(step.line, f"USER {word}", "improved", "the image runs as 65532, never as root")
    return Row(
        step.line, f"USER {word}", "improved", "as 65532: a number can be checked, a name cannot"
    )


def volume(step: Step, places: Places) -> Iterator[Row]:
    """Yield a row for each folder of a VOLUME."""
    for path in step.args:
        clean = path.rstrip("/") or path
        if places.has(path):
            note = "it lies in the application, which stays read-only: write elsewhere"
            yield Row(step.line, f"VOLUME {path}", "person", note)
        elif why := misfit(ImagePath, clean):
            yield Row(step.line, f"VOLUME {path}", "person", why)
        else:
            now = places.empty(clean)
            inside = now.startswith(f"{APP}/")
            moved = now.replace(APP, "/data", 1) if inside else clean
            note = "writable, and a volume only if the one who runs it wants one"
            if inside:
                note = f"the application stays read-only: let the program write to {moved}"
            settings = (Setting(("run", "writable"), [moved]),)
            yield Row(
                step.line, f"VOLUME {path}", "person" if inside else "improved", note, settings
            )


def stop_signal(step: Step) -> Row:
    """Return what became of STOPSIGNAL: a name."""
    word = step.args[0] if step.args else ""
    name = word
    if word.isdecimal():
        try:
            name = signal.Signals(int(word)).name
        except ValueError:
            return Row(step.line, f"STOPSIGNAL {word}", "person", "no signal has this number")
    name = name if name.startswith("SIG") else f"SIG{name}"
    return Row(
        step.line, f"STOPSIGNAL {word}", "kept", name, (Setting(("app", "stop-signal"), name),)
    )


def rows(step: Step, given: Mapping[str, str], places: Places) -> Iterator[Row]:
    """Yield the rows of a step that only sets something; none for other steps."""
    if step.name == "ENV":
        yield from env(step, given, places)
    elif step.name == "LABEL":
        yield from label(step)
    elif step.name == "EXPOSE":
        yield from expose(step)
    elif step.name == "USER":
        yield user(step)
    elif step.name == "VOLUME":
        yield from volume(step, places)
    elif step.name == "STOPSIGNAL":
        yield stop_signal(step)
    elif step.name == "WORKDIR":
        yield Row(step.line, step.instruction.text, "improved", "always /app")
    elif step.name == "MAINTAINER":
        key = ("image", "labels", f"{_STANDARD}authors")
        text = step.instruction.text
        yield Row(step.line, text, "improved", "a label", (Setting(key, " ".join(step.args)),))
