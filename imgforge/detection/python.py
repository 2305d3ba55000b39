"""Python projects: pyproject.toml, requirements and the locks of uv, Poetry, PDM and Pipenv."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from imgforge.detection import hints, workspace
from imgforge.detection.candidate import Candidate, Evidence
from imgforge.detection.hints import joined
from imgforge.detection.tree import Folder, Tree
from imgforge.programs import PYTHON

_MANIFESTS: Final = ("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "Pipfile")
_LOCKS: Final = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock")
_NOT_RUN: Final = frozenset({"setup.py", "conftest.py", "noxfile.py", "tasks.py", "fabfile.py"})
_BUILD_LOCK: Final = "build-requirements.txt"
"""What the stack's parameter build-lock is by default."""
_TEXTS: Final = re.compile(r"(README|LICEN[CS]E|NOTICE|COPYING|setup|MANIFEST)[\w.-]*", re.ASCII)
_VERSIONS: Final = (".python-version", "runtime.txt")
_LIBRARIES: Final = {
    "psycopg2": "libpq5",
    "psycopg": "libpq5",
    "mysqlclient": "libmariadb3",
    "python-magic": "libmagic1t64",
    "weasyprint": "libpango-1.0-0",
    "pyodbc": "unixodbc",
}
_DATA: Final = ("templates", "static", "locale", "alembic", "migrations")
"""Folders without modules that frameworks look for by themselves."""

_MADE: Final = re.compile(r"(?m)^(\w+)\s*(?::[^=\n]+)?=\s*(FastAPI|Starlette|Flask)\(")
_HANDED: Final = re.compile(r"(?m)^from \S+ import (?:\w+ as )?(app|application)\b")
_SERVERS: Final = ("uvicorn", "gunicorn", "hypercorn", "granian")


def look(tree: Tree, folder: Folder) -> Candidate | None:
    """Return how the folder's Python project may be built; None if it has none."""
    manifests: list[str] = [name for name in _MANIFESTS if name in folder.files]
    locks: list[str] = [name for name in _LOCKS if name in folder.files]
    locks += sorted(n for n in folder.files if re.fullmatch(r"requirements[\w.-]*\.txt", n))
    if not manifests and not locks:
        return None
    seen = [Evidence(joined(folder.path, n), "Python") for n in dict.fromkeys(manifests + locks)]
    table = tree.toml(joined(folder.path, "pyproject.toml"))
    chief = workspace.chief(tree, folder, table)
    table = chief.table if chief else table
    project = table.get("project")
    project = project if isinstance(project, dict) else {}
    poetry = _poetry(table)
    needs = _needs(tree, folder, project, poetry)
    source, package, env = _source(tree, folder) if chief is None else ([chief.folder], "", {})
    members = workspace.members(tree, folder, locks, chief.name if chief else "")
    doubts: list[str] = []
    script = "" if package or "Procfile" in folder.files else _script(table, doubts)
    packaged = "scripts" in project or ("scripts" in poetry and poetry.get("package-mode", True))
    whole = bool(script and packaged and "build-system" in table and (env or poetry))
    built = chief is not None or (whole and _BUILD_LOCK in folder.files)
    doubts += workspace.doubts(chief, members, locked=_BUILD_LOCK in folder.files)
    argv, more = ((), []) if script else _start(tree, folder, needs, package, doubts)
    if built:
        # What the wheel is built of besides: backends read the texts that the metadata names.
        texts = sorted(n for n in folder.files if _TEXTS.fullmatch(n)) if chief is None else []
        source = [*source, *texts]
        argv, env = ((f"/app/bin/{script.partition(' ')[0]}",) if script else ()), {}
        why = f"{chief.name} of the workspace" if chief else "the project builds a wheel"
        seen.append(Evidence(joined(folder.path, "uv.lock" if chief else _BUILD_LOCK), why))
    elif whole:
        doubts.append(
            f"the project declares how its wheel is built: with {_BUILD_LOCK} beside the lock, "
            f"stack.parameters.project = true installs that instead of copying {', '.join(source)}"
        )
    if members:
        seen.append(Evidence(joined(folder.path, locks[0]), f"members: {', '.join(members)}"))
        env = {name: value.replace("/opt/", "/opt/members:/opt/") for name, value in env.items()}
    if script:
        more = [Evidence(joined(folder.path, "pyproject.toml"), f"the script {script}")]
    ports, data, defaults = hints.defaults(tree, folder.path, source)
    serves = any(name in argv for name in _SERVERS)
    wanted, wanted_by = _version(tree, folder, project, poetry)
    if "manage.py" in folder.files and not argv and not script:
        doubts.append("manage.py is Django's, but no server such as gunicorn is required")
    if (
        locks
        and locks[0].endswith(".txt")
        and "--hash=" not in (text := tree.text(joined(folder.path, locks[0])))
        and re.search(r"(?m)^\s*[^\s#-]", text)
    ):
        loose = f"{locks[0].removesuffix('.txt')}.in"
        doubts.append(
            f"{locks[0]} pins no hashes: mv {locks[0]} {loose} && "
            f"uv pip compile --generate-hashes {loose} -o {locks[0]}"
        )
    packages = dict.fromkeys(_LIBRARIES[name] for name in _LIBRARIES if name in needs)
    if packages:
        doubts.append(
            f"stack.packages are guesses from the requirements: {', '.join(packages)}"
            " (wheels such as psycopg-binary bring their own)"
        )
    if env:
        doubts.append("env.PYTHONPATH names src: leave it out if the project itself is installed")
    return Candidate(
        "python",
        folder.path,
        1 + bool(locks) + 2 * bool(argv or script),
        (*seen, *more, *defaults),
        wanted=wanted,
        wanted_by=wanted_by,
        locks=tuple(locks),
        name=str(project.get("name") or poetry.get("name") or ""),
        version=str(project.get("version") or poetry.get("version") or ""),
        licence=_licence(project) or _licence(poetry),
        source=tuple(source),
        entrypoint=argv,
        ports=_ports(tree, folder, argv, ports) if serves else tuple(ports),
        packages=tuple(packages),
        env=env,
        writable=tuple(data),
        parameters={
            **({"project": True} if built else {"script": script} if script else {}),
            **({"member": chief.name} if chief else {}),
            **({"members": members} if members else {}),
        },
        starts_itself=bool(script) and not built,
        doubts=tuple(doubts),
    )


def _ports(
    tree: Tree, folder: Folder, argv: Sequence[str], ports: Sequence[int]
) -> tuple[int, ...]:
    """Return the ports of a server: its command's, its sources', its Dockerfile's, or the usual."""
    bound = hints.bound(argv)
    return (
        ((bound,) if bound else ()) or tuple(ports) or hints.exposed(tree, folder.path) or (8080,)
    )


def _licence(project: dict[str, object]) -> str:
    licence = project.get("license")
    return licence if isinstance(licence, str) else ""


def _poetry(table: dict[str, Any]) -> dict[str, Any]:
    """Return the table of Poetry; empty if the project is none of its."""
    tool = table.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    return poetry if isinstance(poetry, dict) else {}


def _version(
    tree: Tree, folder: Folder, project: dict[str, object], poetry: dict[str, Any]
) -> tuple[str, str]:
    for name in _VERSIONS:
        if text := tree.text(joined(folder.path, name)).strip():
            return text.splitlines()[0], name
    needs = poetry.get("dependencies")
    wanted = project.get("requires-python") or (isinstance(needs, dict) and needs.get("python"))
    return (wanted, "pyproject.toml") if isinstance(wanted, str) else ("", "")


def _needs(
    tree: Tree, folder: Folder, project: dict[str, object], poetry: dict[str, Any]
) -> frozenset[str]:
    """Return the names of what is required, in lower case."""
    lines: list[str] = []
    for name in sorted(folder.files):
        if re.fullmatch(r"requirements[\w.-]*\.(txt|in)", name):
            lines += tree.text(joined(folder.path, name)).splitlines()
    listed = project.get("dependencies")
    lines += [str(item) for item in listed] if isinstance(listed, list) else []
    tables = (poetry.get("dependencies"), tree.toml(joined(folder.path, "Pipfile")).get("packages"))
    lines += [str(name) for table in tables if isinstance(table, dict) for name in table]
    found = (re.match(r"\s*([A-Za-z0-9][\w.-]*)", line) for line in lines)
    return frozenset(re.sub(r"[-_.]+", "-", m[1]).lower() for m in found if m)


def _source(tree: Tree, folder: Folder) -> tuple[list[str], str, dict[str, str]]:
    """Return what is shipped, the package that can be run (or ''), and the environment for it."""
    inner = tree.folder(joined(folder.path, "src"))
    if any("__init__.py" in tree.folder(joined(inner.path, n)).files for n in inner.folders):
        runnable = _runnable(tree, inner)
        return ["src"], runnable, {"PYTHONPATH": "/opt/deps:/app/src"}
    packages = [
        n for n in hints.folders(folder) if _is_package(tree.folder(joined(folder.path, n)))
    ]
    modules = sorted(n for n in folder.files if n.endswith(".py") and n not in _NOT_RUN)
    modules = [n for n in modules if not n.startswith("test_")]
    texts = "".join(tree.text(joined(folder.path, n)) for n in modules)
    packages += sorted(n for n in folder.folders & hints.APART if _imported(tree, folder, n, texts))
    found = [*packages, *modules]
    given = [n for n in _DATA if n in folder.folders and n not in found]
    named = [n for n in hints.named(tree, folder.path, found) if n not in given]
    return [*found, *given, *named], _runnable(tree, folder), {}


def _imported(tree: Tree, folder: Folder, name: str, texts: str) -> bool:
    """Whether a folder with an unlikely name is a package that the modules at the top use."""
    inside = tree.folder(joined(folder.path, name)).files
    pattern = rf"""(?m)(?:^\s*(?:from|import)\s+|["']){re.escape(name)}\b"""
    return "__init__.py" in inside and re.search(pattern, texts) is not None


def _is_package(folder: Folder) -> bool:
    return any(name.endswith(".py") for name in folder.files)


def _runnable(tree: Tree, folder: Folder) -> str:
    found = [n for n in hints.folders(folder) if tree.has(joined(folder.path, f"{n}/__main__.py"))]
    return found[0] if len(found) == 1 else ""


def _start(
    tree: Tree, folder: Folder, needs: frozenset[str], package: str, doubts: list[str]
) -> tuple[tuple[str, ...], list[Evidence]]:
    """Return the entrypoint and what made for it, the surest source first."""
    argv, doubt, seen = hints.procfile(tree, folder.path)
    doubts += [doubt] if doubt else []
    if argv and (argv := _interpreted(argv)) and seen:
        return argv, [seen]
    if package:
        main = f"{package}/__main__.py"
        return (PYTHON, "-m", package), [Evidence(main, f"python3 -m {package}")]
    known = _served(tree, folder, needs) or _guess(tree, folder, doubts)
    return known or ((), [])


def _script(table: dict[str, Any], doubts: list[str]) -> str:
    """Return the only console script that pyproject.toml declares, as it does; '' for none."""
    scripts: dict[str, Any] = {}
    for keys in (("project", "scripts"), ("tool", "poetry", "scripts")):
        found: Any = table
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        scripts |= found if isinstance(found, dict) else {}
    if len(scripts) > 1:
        doubts.append(f"several scripts could be the entrypoint: {', '.join(sorted(scripts))}")
    name, target = next(iter(scripts.items()), ("", ""))
    return f"{name} = {target}" if len(scripts) == 1 and isinstance(target, str) else ""


def _guess(
    tree: Tree, folder: Folder, doubts: list[str]
) -> tuple[tuple[str, ...], list[Evidence]] | None:
    """Return what a Dockerfile starts, else a file with a usual name, which is a doubt."""
    argv, _, seen = hints.dockerfile(tree, folder.path)
    if argv and seen and (argv := _interpreted(argv)):
        return argv, [seen]
    name = next((n for n in ("main.py", "app.py", "__main__.py") if n in folder.files), "")
    if not name:
        return None
    doubts.append(f"{name} is a guess at what starts the program")
    return (PYTHON, f"/app/{name}"), [Evidence(name, "a usual name")]


def _modules(tree: Tree, folder: Folder) -> list[str]:
    """Return the modules that may make an application: at the top, then in its packages."""
    top = sorted(n for n in folder.files if n.endswith(".py"))
    inner = [*hints.folders(folder), *(f"src/{n}" for n in _inside(tree, folder, "src"))]
    usual = ("wsgi", "asgi", "main", "app", "__init__")
    below = [f"{path}/{name}.py" for path in inner for name in usual]
    return top + [path for path in below if tree.has(joined(folder.path, path))]


def _inside(tree: Tree, folder: Folder, name: str) -> list[str]:
    return sorted(tree.folder(joined(folder.path, name)).folders)


def _application(name: str, text: str) -> tuple[str, str, bool] | None:
    """Return a module's application as servers name it, why, and whether it is of the ASGI kind."""
    module = name.removeprefix("src/").removesuffix(".py").replace("/", ".")
    module = module.removesuffix(".__init__")
    if found := _MADE.search(text):
        return f"{module}:{found[1]}", f"{found[1]} = {found[2]}(…)", found[2] != "Flask"
    if name in {"wsgi.py", "asgi.py"} and (found := _HANDED.search(text)):
        return f"{module}:{found[1]}", f"hands on {found[1]}", name == "asgi.py"
    return None


def _uvicorn(target: str) -> tuple[str, ...]:
    return (
        *(PYTHON, "-m", "uvicorn", target),
        *("--host", "0.0.0.0", "--port", "8080"),  # noqa: S104 - in a container
    )


def _served(
    tree: Tree, folder: Folder, needs: frozenset[str]
) -> tuple[tuple[str, ...], list[Evidence]] | None:
    """Return how a web framework's application is served, if the requirements have a server."""
    for name in _modules(tree, folder):
        made = _application(name, tree.text(joined(folder.path, name)))
        if made is None:
            continue
        target, says, asynchronous = made
        seen = [Evidence(name, says)]
        if asynchronous and "uvicorn" in needs:
            return _uvicorn(target), seen
        if "gunicorn" in needs and name != "asgi.py":
            return (PYTHON, "-m", "gunicorn", "--bind", "0.0.0.0:8080", target), seen
    if "manage.py" in folder.files and "gunicorn" in needs:
        for name in hints.folders(folder):
            if tree.has(joined(folder.path, f"{name}/wsgi.py")):
                argv = (PYTHON, "-m", "gunicorn", "--bind", "0.0.0.0:8080", f"{name}.wsgi")
                return argv, [Evidence(f"{name}/wsgi.py", "Django's entry for servers")]
    return None


def _interpreted(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``argv`` with an absolute interpreter; console scripts become modules."""
    program = argv[0].rpartition("/")[2]
    if re.fullmatch(r"python3?(\.\d+)?", program):
        return (PYTHON, *argv[1:])
    if program in (*_SERVERS, "fastapi", "celery"):
        return (PYTHON, "-m", program, *argv[1:])
    if program in {"uv", "poetry", "pipenv", "pdm"} and argv[1:2] == ("run",) and argv[2:]:
        return _interpreted(argv[2:])
    return argv if argv[0].startswith("/usr/bin/") else ()
