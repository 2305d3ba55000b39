"""PHP projects: composer.json and its lock, or a folder of PHP files that is served."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from imgforge.detection import hints
from imgforge.detection.candidate import Candidate, Evidence
from imgforge.detection.hints import joined
from imgforge.detection.tree import Folder, Tree
from imgforge.programs import PHP

if TYPE_CHECKING:
    from imgforge.fields import Parameter

_FOLDERS: Final = (
    *("app", "bin", "bootstrap", "config", "database", "migrations", "public", "resources"),
    *("routes", "src", "templates", "translations", "web", "html", "htdocs"),
)
EXTENSIONS: Final = {
    "pdo_sqlite": "sqlite3",
    "sqlite3": "sqlite3",
    "pdo_pgsql": "pgsql",
    "pgsql": "pgsql",
    "pdo_mysql": "mysql",
    "mysqli": "mysql",
    "gd": "gd",
    "intl": "intl",
    "zip": "zip",
    "bcmath": "bcmath",
    "redis": "redis",
    "gmp": "gmp",
    "ldap": "ldap",
    "soap": "soap",
    "apcu": "apcu",
}
"""Extension → the end of the name of Debian's package."""


def look(tree: Tree, folder: Folder) -> Candidate | None:
    """Return how the folder's PHP project may be built; None if it has none."""
    manifest = joined(folder.path, "composer.json")
    index = next(
        (
            p
            for p in ("public", "web", "html", "htdocs")
            if tree.has(joined(folder.path, f"{p}/index.php"))
        ),
        "",
    )
    if not tree.has(manifest) and not index:
        return None
    package = tree.json(manifest)
    locked = tree.has(joined(folder.path, "composer.lock"))
    seen = [Evidence(manifest, "PHP")] if tree.has(manifest) else []
    if locked:
        seen.append(Evidence(joined(folder.path, "composer.lock"), "what it is installed from"))
    doubts: list[str] = []
    parameters, argv = _server(tree, folder, index, seen, doubts)
    local = _local(package)
    if local:
        parameters["local-packages"] = local
    source: list[str] = [n for n in _FOLDERS if n in folder.folders]
    source += [n for n in _autoloaded(package) if n in folder.folders and n not in source]
    source += sorted(n for n in folder.files if n.endswith(".php") or n == "artisan")
    _, data, defaults = hints.defaults(tree, folder.path, source)
    wanted, wanted_by = _version(package)
    packages = _extensions(package)
    if packages:
        doubts.append("stack.packages are the extensions that composer.json names")
    if "artisan" in folder.files:
        doubts.append("Laravel writes to storage and bootstrap/cache: declare them in run.writable")
    vendor, _, name = _text(package, "name").partition("/")
    return Candidate(
        "php",
        folder.path,
        1 + locked + 2 * bool(index or argv),
        (*seen, *defaults),
        wanted=wanted,
        wanted_by=wanted_by,
        locks=("composer.lock",) if locked else (),
        name=f"{vendor}/{name}" if name else "",
        version=_text(package, "version"),
        licence=_text(package, "license"),
        source=tuple(source),
        entrypoint=argv,
        packages=tuple(packages),
        writable=tuple(data),
        parameters=parameters,
        doubts=tuple(doubts),
        starts_itself=bool(index),
    )


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _table(table: dict[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        value = table.get(key)
        table = value if isinstance(value, dict) else {}
    return table


def _version(package: dict[str, Any]) -> tuple[str, str]:
    fixed = _text(_table(package, "config", "platform"), "php")
    wanted = fixed or _text(_table(package, "require"), "php")
    return (wanted, "composer.json") if wanted else ("", "")


def _extensions(package: dict[str, Any]) -> list[str]:
    """Return Debian packages of extensions, {} standing for the version."""
    names = [n.removeprefix("ext-") for n in _table(package, "require") if n.startswith("ext-")]
    return list(dict.fromkeys(f"php{{}}-{EXTENSIONS[n]}" for n in names if n in EXTENSIONS))


def _local(package: dict[str, Any]) -> list[str]:
    repositories = package.get("repositories")
    if isinstance(repositories, dict):
        repositories = list(repositories.values())
    found = []
    for one in repositories if isinstance(repositories, list) else ():
        if isinstance(one, dict) and one.get("type") in {"path", "artifact"}:
            path = _text(one, "url").removeprefix("./").rstrip("/").removesuffix("/*")
            if re.fullmatch(r"\w[\w.@+-]*(/\w[\w.@+-]*)*", path):
                found.append(path)
    return list(dict.fromkeys(found))


def _autoloaded(package: dict[str, Any]) -> list[str]:
    values = _table(package, "autoload", "psr-4").values()
    paths = [p for value in values for p in (value if isinstance(value, list) else [value])]
    named = [path.removeprefix("./") for path in paths if isinstance(path, str)]
    return [path.partition("/")[0] for path in named if path.strip("./")]


def _server(
    tree: Tree, folder: Folder, index: str, seen: list[Evidence], doubts: list[str]
) -> tuple[dict[str, Parameter], tuple[str, ...]]:
    if index:
        seen.append(Evidence(joined(folder.path, f"{index}/index.php"), "a page: served by FPM"))
        doubts.append("FPM speaks FastCGI: a web server stands before it (the stack's README)")
        return {}, ()
    argv, doubt, why = hints.procfile(tree, folder.path)
    if doubt:
        doubts.append(doubt)
    if argv and why and argv[0] == "php":
        seen.append(why)
        return {"server": "cli"}, (PHP, *argv[1:])
    commands = sorted(tree.folder(joined(folder.path, "bin")).files)
    if len(commands) == 1:
        seen.append(Evidence(joined(folder.path, f"bin/{commands[0]}"), "the only command"))
        return {"server": "cli"}, (PHP, f"/app/bin/{commands[0]}")
    return {"server": "cli"}, ()
