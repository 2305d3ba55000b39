"""What files of every language say: a Procfile, a Dockerfile, defaults of ports and folders."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Sequence
from typing import Final

from imgforge.detection.candidate import Evidence
from imgforge.detection.tree import Folder, Tree

_SHELL: Final = re.compile(r"[|&;<>()$`\\*?\[\]{}~#!=\n]")
_PORT: Final = re.compile(r"""\bPORT\b["'\]),: |?}]{1,8}["']?([1-9]\d{3,4})\b""")
_DATA: Final = re.compile(r"""\bDATA_DIR\b["'\]),: |?}]{1,8}["'](/[a-z][\w/-]{0,60})["']""")
_SOURCES: Final = (".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".ru", ".php", ".go", ".rs", ".java")
_MOST: Final = 200
"""Source files that are read for such defaults."""

APART: Final = frozenset(
    {
        *("test", "tests", "spec", "specs", "doc", "docs", "examples", "example", "bench"),
        *("benchmarks", "scripts", "tools", "node_modules", "vendor", "log", "logs", "tmp"),
        *("coverage", "venv", "env", "build", "dist", "target", "out", "__pycache__"),
    }
)
"""Folders that are seldom part of what runs."""


def joined(folder: str, name: str) -> str:
    """Return the path of ``name`` in ``folder``, which may be the top ('')."""
    return f"{folder}/{name}" if folder else name


def folders(folder: Folder) -> list[str]:
    """Return the names of folders that may be part of what runs."""
    return sorted(n for n in folder.folders if n not in APART and not n.startswith("."))


def words(command: str) -> tuple[str, ...]:
    """Return the words of a command; empty if it needs a shell."""
    if _SHELL.search(command):
        return ()
    try:
        return tuple(shlex.split(command))
    except ValueError:
        return ()


def procfile(tree: Tree, folder: str) -> tuple[tuple[str, ...], str, Evidence | None]:
    """Return the words of the Procfile's web (else only) process, a doubt, and the evidence."""
    path = joined(folder, "Procfile")
    found = {n: c.strip() for n, c in re.findall(r"(?m)^([\w-]+):[ \t]*(\S.*)$", tree.text(path))}
    name = "web" if "web" in found else next(iter(found), "") if len(found) == 1 else ""
    if not name:
        return (), "", None
    argv = words(found[name])
    seen = Evidence(path, f"{name}: {found[name]}")
    doubt = "" if argv else f"{path}: {name} needs a shell, which the image has not: {found[name]}"
    return argv, doubt, seen


def dockerfile(tree: Tree, folder: str) -> tuple[tuple[str, ...], list[int], Evidence | None]:
    """Return a Dockerfile's last ENTRYPOINT and CMD in exec form, its ports, and why."""
    path = joined(folder, "Dockerfile")
    text = tree.text(path)
    parts: dict[str, tuple[str, ...]] = {}
    for name, value in re.findall(r"(?mi)^[ \t]*(ENTRYPOINT|CMD)[ \t]+(\[.*\])[ \t\r]*$", text):
        try:
            argv = json.loads(value)
        except ValueError:
            continue
        if isinstance(argv, list) and all(isinstance(word, str) for word in argv):
            parts[name.upper()] = tuple(argv)
    ports = [
        int(p) for p in re.findall(r"(?mi)^[ \t]*EXPOSE[ \t]+(\d{1,5})(?:/tcp)?[ \t\r]*$", text)
    ]
    entry, command = parts.get("ENTRYPOINT", ()), parts.get("CMD", ())
    if len(entry) == 1 and command and re.search(r"entrypoint[\w.-]*$|\.sh$", entry[0]):
        entry = ()  # a script that prepares, and then starts what CMD says
    argv = entry + command
    said = f"starts {' '.join(argv)}" if argv else "EXPOSE" if ports else ""
    ports = list(dict.fromkeys(p for p in ports if 0 < p < 1 << 16))
    return argv, ports, Evidence(path, said) if said else None


def base(tree: Tree, folder: str) -> str:
    """Return the image that a Dockerfile's last stage begins with; '' without one."""
    text = tree.text(joined(folder, "Dockerfile"))
    found = re.findall(r"(?mi)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?", text)
    names = {name.lower(): image for image, name in found if name}
    image = found[-1][0] if found else ""
    for _ in found:  # a stage may be made of an earlier one
        image = names.get(image.lower(), image)
    return image


def exposed(tree: Tree, folder: str) -> tuple[int, ...]:
    """Return the ports that a Dockerfile exposes."""
    return tuple(port for port in dockerfile(tree, folder)[1] if port >= 1024)  # noqa: PLR2004 - root's


def named(tree: Tree, folder: str, sources: Sequence[str]) -> list[str]:
    """Return folders at the top that the sources name in a text: pages, data, descriptions."""
    place = tree.folder(folder)
    others = [n for n in folders(place) if n not in sources]
    known = {n: re.compile(rf"""["'`/]{re.escape(n)}["'`/]""") for n in others}
    wanted = {joined(folder, s) for s in sources}
    tops = tuple(f"{path}/" for path in wanted)
    paths = (joined(at.path, n) for at in tree.below(folder) for n in sorted(at.files))
    paths = (p for p in paths if p.endswith(_SOURCES) and (p in wanted or p.startswith(tops)))
    texts = [tree.text(path) for path in itertools.islice(paths, _MOST)]
    return [n for n in others if any(known[n].search(text) for text in texts)]


def bound(argv: Sequence[str]) -> int:
    """Return the port that a command names (``--bind HOST:PORT``, ``--port PORT``), or 0."""
    found = re.search(
        r"(?:^| )(?:--bind|-b|--port|-p)[= ](?:[^ ]*:)?([1-9]\d{1,4})(?: |$)", " ".join(argv)
    )
    port = int(found[1]) if found else 0
    return port if port < 1 << 16 else 0


def defaults(
    tree: Tree, folder: str, sources: Sequence[str]
) -> tuple[list[int], list[str], list[Evidence]]:
    """Return the ports and data folders that the sources take by default, and where it says so."""
    wanted = {joined(folder, s) for s in sources}
    tops = tuple(f"{path}/" for path in wanted)
    found: dict[int, str] = {}
    data: dict[str, str] = {}
    read = 0
    for place in tree.below(folder):
        for name in sorted(place.files):
            path = joined(place.path, name)
            if not name.endswith(_SOURCES) or not (path in wanted or path.startswith(tops)):
                continue
            read += 1
            if read > _MOST:
                break
            text = tree.text(path)
            for port in _PORT.findall(text):
                found.setdefault(int(port), path)
            for value in _DATA.findall(text):
                data.setdefault(value, path)
    seen = [Evidence(path, f"PORT is {port} by default") for port, path in found.items()]
    seen += [Evidence(path, f"DATA_DIR is {value} by default") for value, path in data.items()]
    ports = [port for port in found if port < 1 << 16]
    return ports[:1], [value.rstrip("/") for value in data][:1], seen
