"""How the container starts: ENTRYPOINT, CMD, HEALTHCHECK, without a shell."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from imgforge.checks import commands
from imgforge.dockerfile import Step
from imgforge.importing import launched
from imgforge.importing.places import Places
from imgforge.programs import PROGRAMS

_MODULES: Final = frozenset(
    {
        *("alembic", "celery", "daphne", "flask", "gunicorn", "hypercorn", "streamlit", "uvicorn"),
        *("waitress", "granian", "dramatiq", "fastapi", "pytest"),
    }
)
"""Commands of Python distributions that ``python3 -m`` starts as well."""

_GEMS: Final = frozenset(
    {"falcon", "puma", "rackup", "rake", "resque", "sidekiq", "thin", "unicorn"}
)
"""Commands of gems that the stack ruby installs."""

_PID: Final = "/tmp/server.pid"  # noqa: S108 - in the container, whose /tmp is the program's

_DEVELOPING: Final = frozenset(
    {"ng", "vite", "nodemon", "nest", "ts-node", "tsx", "react-scripts", "vue-cli-service"}
)

_OR_FAIL: Final = re.compile(r"\s*\|\|\s*exit\s+1\s*$")
"""What health checks often end with; any other failure says the same."""

_VARIABLE: Final = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-([^${}]*))?\})", re.ASCII)
_HARMLESS: Final = re.compile(r"[\w ./:@,=+%-]*", re.ASCII)
"""Values that mean the same to a shell and without one, but for the blanks between words."""

_EXPANDS: Final = re.compile(r"[$`*?\[~]")
_ADDRESS: Final = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])[\w:/.?&=%-]*", re.ASCII
)
_ASKING: Final = {
    "python": ("-c", "import urllib.request; urllib.request.urlopen(ADDRESS, timeout=4)"),
    "node": (
        "-e",
        "fetch(ADDRESS).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))",
    ),
    "ruby": (
        "-e",
        "require 'net/http'; exit Net::HTTP.get_response(URI(ADDRESS)).is_a?(Net::HTTPSuccess)",
    ),
    "php": ("-r", "exit(@file_get_contents(ADDRESS) === false ? 1 : 0);"),
}
"""Stack → flag and program text that asks an address; it may hold no character that they expand."""


class Started(NamedTuple):
    """A command without a shell, or why a person must say what is meant."""

    words: tuple[str, ...]
    doubt: str = ""
    notes: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    """Variables that a shell expanded at each start, and that have a value for good now."""


def words(step: Step, env: Mapping[str, str]) -> Started:
    """Return the words of an ENTRYPOINT, CMD or HEALTHCHECK; of shell form, if it needs none.

    ``env`` is what the image sets: a variable of it, or one with a default, gets that value.
    """
    args = step.args[1:] if step.name == "HEALTHCHECK" else step.args
    if step.instruction.json:
        if len(args) == 3 and args[0].rpartition("/")[2] in commands.SHELLS and args[1] == "-c":  # noqa: PLR2004 - sh -c TEXT
            return _settled(args[2], env)
        return Started(tuple(args))
    return _settled(args[-1] if args else "", env)


def _settled(text: str, env: Mapping[str, str]) -> Started:
    """Return the words of ``text`` with the variables that are known; no other is guessed at."""
    if re.fullmatch(r"\s*\[.*\]\s*", text, re.DOTALL):
        return Started((), 'it is no JSON, so a shell gets it: write CMD ["…"] in double quotes')
    if "'" in text or "\\" in text:  # a quoted dollar is no variable
        return _unwrapped(text)
    fixed: list[str] = []

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        known = env.get(name) or (found[3] if found[3] is not None else env.get(name))
        if known is None or not _HARMLESS.fullmatch(known):
            return found[0]
        fixed.append(f"{name} is {known or 'empty'}")
        return known

    said = _unwrapped(_VARIABLE.sub(value, text))
    return said._replace(fixed=tuple(dict.fromkeys(fixed)))


def _unwrapped(text: str) -> Started:
    found = commands.pipelines(_OR_FAIL.sub("", text))
    if len(found) != 1 or len(found[0].commands) != 1:
        return Started((), "it needs a shell: several commands or a pipeline")
    command = found[0].commands[0]
    if command.redirects or command.inner or command.assigned or not command.words:
        return Started((), "it needs a shell: redirections, variables or substitutions")
    said = command.words[1:] if command.words[0] == "exec" else command.words
    if any(_EXPANDS.search(word) for word in said) or set(command.through) - {"exec"}:
        return Started((), "it needs a shell: variables or patterns are expanded")
    return Started(tuple(said), notes=("started without the shell that stood between",))


def started(said: Sequence[str], stack: str, places: Places, root: Path) -> Started:
    """Return ``said`` as imgforge's image starts it: absolute, with paths where they are now."""
    rest, notes = launched.without_init(list(said))
    rest, more_notes = launched.without_runner(rest)
    notes += more_notes
    if not rest:
        return Started((), "nothing is started")
    if rest[0].rpartition("/")[2] in {"npm", "yarn", "pnpm"}:
        return _script(rest, places, root, notes)
    if stack == "ruby":
        rest, more_notes = _ruby(rest)
        notes += more_notes
    program, more = _program(rest[0], stack, places)
    if not program:
        return Started((), more)
    pairs = itertools.pairwise(rest)
    tail = (word if before == "-m" else places.argument(word) for before, word in pairs)
    return Started((*program, *tail), notes=(*notes, more) if more else notes)


def only_init(said: Sequence[str]) -> bool:
    """Whether ``said`` only starts an init program, which starts what comes after it."""
    rest, notes = launched.without_init(list(said))
    return bool(notes) and not rest


def hands_on(said: Sequence[str], places: Places) -> bool:
    """Whether ``said`` is a shell script of the context that ends with starting its arguments."""
    rest, _ = launched.without_init(list(said))
    if not rest:
        return False
    file = places.file(rest[0]) or places.beside(rest[0])
    found = launched.script(file) if file else None
    return found is not None and found.shell and found.hands_on


def _ruby(rest: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return a command without Bundler and Thruster; of Rails, the project's own program."""
    notes: tuple[str, ...] = ()
    if rest[:2] == ["bundle", "exec"] and rest[2:]:
        rest = rest[2:]
        notes = ("no Bundler stands between: the lock is installed as it is",)
    if rest[0].rpartition("/")[2] == "thrust" and rest[1:]:
        rest = rest[1:]
        notes += ("no Thruster stands before it: the platform's proxy compresses and caches",)
    if rest[0] == "rails":
        rest = ["bin/rails", *rest[1:]]
    if rest[0].removeprefix("./") == "bin/rails" and rest[1:2] in (["s"], ["server"]):
        notes += (f"Rails keeps its PID in tmp: set PIDFILE to {_PID}, and let it log to stdout",)
    return rest, notes


def _program(word: str, stack: str, places: Places) -> tuple[tuple[str, ...], str]:
    """Return how a program is started and a note on it; without words, the note says why not."""
    name = word.rpartition("/")[2]
    file = places.file(word) if "/" in word else None
    if file is not None or name.endswith(".sh"):
        return _file(word, file, places)
    if "/" in word and places.has(word):
        return (places.of(word),), ""
    if name in PROGRAMS or (stack == "ruby" and name in _GEMS):
        gem = name not in PROGRAMS
        return ((PROGRAMS["ruby"], f"/opt/deps/bin/{name}") if gem else (PROGRAMS[name],)), ""
    if stack == "python" and name in _MODULES:
        note = f"{name} is started as a module: scripts name another machine's interpreter"
        return (PROGRAMS["python"], "-m", name), note
    why = f"{word} is looked up in PATH: say where it is in the image"
    if "/" in word:
        why = f"{word} is nothing that the Dockerfile copies from the context"
    elif name in {"supervisord", "s6-svscan"}:
        why = f"{name} starts several programs: an image starts one, and each other is its own"
    elif name in _DEVELOPING:
        why = f"{name} is for development: build what it serves, and start or serve that"
    elif stack == "python" and name == "uwsgi":
        why = "uwsgi is no module of Python: take a server such as gunicorn into the lock"
    return (), why


def _file(word: str, file: Path | None, places: Places) -> tuple[tuple[str, ...], str]:
    """Return how a file of the context is started: by the interpreter that it names."""
    found = launched.script(file) if file is not None else None
    if file is None or word.endswith(".sh") or (found is not None and found.shell):
        return (), f"{word.rpartition('/')[2]} is a shell script, and the image has no shell"
    if found is not None and found.interpreter in PROGRAMS:
        note = f"its first line names {found.interpreter}, which starts it"
        return (PROGRAMS[found.interpreter], places.of(word)), note
    return (places.of(word),), ""


def _script(rest: list[str], places: Places, root: Path, notes: tuple[str, ...]) -> Started:
    """Return what a script of package.json starts, if that is plainly node."""
    verb = [word for word in rest[1:] if not word.startswith("-") and word != "run"]
    script = verb[0] if verb else "start"
    text = _scripts(root).get(script)
    if not isinstance(text, str):
        return Started((), f"{rest[0]} {script}: no such script in package.json")
    said = _unwrapped(text)
    if said.words[:2] == ("next", "start"):
        more = " ".join(said.words[2:])
        note = "its standalone output is started: the configuration must say output: standalone"
        note += f"; give {more} as PORT and HOSTNAME" if more else ""
        return Started((PROGRAMS["node"], "server.js"), notes=(*notes, note))
    if said.doubt or said.words[0] not in {"node", "nodejs", "nodemon"}:
        return Started((), f"{rest[0]} {script} runs {text!r}: write what node is to run")
    tail = [places.argument(word) for word in said.words[1:]]
    note = f"{rest[0]} does not stand between: it swallows signals"
    if said.words[0] == "nodemon":
        note += "; nor does nodemon, which only starts anew on changes"
    return Started((PROGRAMS["node"], *tail), notes=(*notes, note))


def health(said: Sequence[str], stack: str, places: Places, root: Path) -> Started:
    """Return a health check that needs neither shell nor curl."""
    name = said[0].rpartition("/")[2] if said else ""
    if name not in {"curl", "wget"}:
        return started(said, stack, places, root)
    address = next((word for word in said if _ADDRESS.fullmatch(word)), "")
    if not address:
        return Started((), f"{name} is not in the image, and asks something else than itself")
    if stack not in _ASKING:
        why = f"{name} is not in the image: let the program check itself, or the platform ask it"
        return Started((), why)
    flag, code = _ASKING[stack]
    words_ = (PROGRAMS[stack], flag, code.replace("ADDRESS", json.dumps(address)))
    return Started(words_, notes=(f"{stack} asks instead of {name}",))


def _scripts(root: Path) -> dict[str, object]:
    try:
        found = json.loads(launched.beginning(root / "package.json"))["scripts"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
