"""Node.js projects: package.json and the locks of npm, pnpm and Yarn."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any, Final

from imgforge.detection import hints
from imgforge.detection.candidate import Candidate, Evidence
from imgforge.detection.hints import joined
from imgforge.detection.tree import Folder, Tree
from imgforge.programs import NODE

if TYPE_CHECKING:
    from imgforge.fields import Parameter

_LOCKS: Final = ("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock")
_MANAGERS: Final = dict(zip(_LOCKS, ("npm", "npm", "pnpm", "yarn"), strict=True))
_CODE: Final = (".js", ".mjs", ".cjs")
_BUNDLERS: Final = frozenset({"esbuild", "webpack", "@vercel/ncc", "@rspack/core", "@rspack/cli"})
"""What puts dependencies into its output unless told otherwise; compilers such as tsc do not."""


def look(tree: Tree, folder: Folder) -> Candidate | None:
    """Return how the folder's Node.js project may be built; None if it has none."""
    manifest = joined(folder.path, "package.json")
    if not tree.has(manifest):
        return None
    package = tree.json(manifest)
    locks = _locks(tree, folder, package)
    seen = [Evidence(manifest, "Node.js")]
    seen += [Evidence(joined(folder.path, name), "what it is installed from") for name in locks]
    argv, more, doubts = _start(tree, folder, package)
    if len(locks) > 1:
        doubts.append(f"several lock files: {', '.join(locks)}; {locks[0]} was taken")
    parameters = _built(package, argv, doubts)
    source = _source(tree, folder, argv)
    if parameters:
        code = [n for n in sorted(folder.files) if n.endswith((".ts", ".json", *_CODE))]
        code = [n for n in code if n not in locks]
        source = list(dict.fromkeys(("package.json", *hints.folders(folder), *code)))
    if parameters == {"build": "standalone", "output": "build"}:
        argv = (NODE, "/app/index.js")
    ports, data, defaults = hints.defaults(tree, folder.path, source)
    wanted, wanted_by = _version(tree, folder, package)
    members = package.get("workspaces")
    if members:
        doubts.append("package.json has workspaces: name the one that is meant, and its manifests")
    return Candidate(
        "node",
        folder.path,
        1 + bool(locks) + 2 * bool(argv or parameters.get("build") == "standalone"),
        (*seen, *more, *defaults),
        wanted=wanted,
        wanted_by=wanted_by,
        locks=tuple(locks),
        name=_text(package, "name"),
        version=_text(package, "version"),
        licence=_text(package, "license"),
        source=tuple(source),
        entrypoint=argv,
        ports=tuple(ports) or hints.exposed(tree, folder.path),
        writable=tuple(data),
        parameters=parameters,
        doubts=tuple(doubts),
        starts_itself=parameters.get("build") == "standalone",
    )


def _locks(tree: Tree, folder: Folder, package: dict[str, Any]) -> list[str]:
    """Return the locks that are there: first that of the manager which the project names."""
    found = [name for name in _LOCKS if name in folder.files]
    said = _text(package, "packageManager").partition("@")[0]
    if not said:
        text = tree.text(joined(folder.path, "Dockerfile"))
        uses = re.search(
            r"(?m)^(?:[^#\n]*[ \t])?(pnpm|yarn|npm)[ \t]+(?:install|i|ci|--frozen)\b", text
        )
        said = uses[1] if uses else ""
    return sorted(found, key=lambda name: not (said and _MANAGERS[name] == said))


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _version(tree: Tree, folder: Folder, package: dict[str, Any]) -> tuple[str, str]:
    for name in (".nvmrc", ".node-version"):
        if text := tree.text(joined(folder.path, name)).strip():
            return text.splitlines()[0], name
    engines = package.get("engines")
    wanted = engines.get("node") if isinstance(engines, dict) else None
    return (wanted, "package.json") if isinstance(wanted, str) else ("", "")


def _start(
    tree: Tree, folder: Folder, package: dict[str, Any]
) -> tuple[tuple[str, ...], list[Evidence], list[str]]:
    """Return the entrypoint, what made for it, and doubts; npm itself never starts a program."""
    doubts: list[str] = []
    argv, doubt, seen = hints.procfile(tree, folder.path)
    if argv and (argv := _interpreted(argv)) and seen:
        return argv, [seen], doubts
    if doubt:
        doubts.append(doubt)
    scripts = _table(package, "scripts")
    start = _text(scripts, "start")
    manifest = joined(folder.path, "package.json")
    for name in ("start", "start:prod", "start:production", "serve:prod"):
        command = _text(scripts, name)
        if command and (argv := _interpreted(hints.words(command))):
            return argv, [Evidence(manifest, f"{name}: {command}")], doubts
    if start:
        doubts.append(f"the start script is no plain `node FILE`: {start}")
    argv, _, seen = hints.dockerfile(tree, folder.path)
    if argv and (argv := _interpreted(argv)) and seen:
        return argv, [seen], doubts
    main = _text(package, "main")
    known = (tree.root / joined(folder.path, main)).is_file() or "build" in scripts
    if main.endswith(_CODE) and _inside(main) and known:
        path = posixpath.normpath(main)
        return (NODE, f"/app/{path}"), [Evidence(manifest, f"main: {main}")], doubts
    for name in ("server.js", "index.js", "app.js"):
        if name in folder.files:
            doubts.append(f"{name} is a guess at what starts the program")
            return (NODE, f"/app/{name}"), [Evidence(name, "a usual name")], doubts
    return (), [], doubts


def _inside(path: str) -> bool:
    return not path.startswith("/") and ".." not in path.split("/")


def _interpreted(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``argv`` with absolute paths if it is Node.js running a file; else nothing."""
    if argv and argv[0].rpartition("/")[2] == "nodemon":  # which only starts anew on changes
        argv = ("node", *argv[1:])
    if len(argv) < 2 or argv[0].rpartition("/")[2] not in {"node", "nodejs"}:  # noqa: PLR2004
        return ()
    out = [NODE]
    for i, word in enumerate(argv[1:], 1):
        if word.startswith("-"):
            out.append(word)
            continue
        path = word if word.startswith("/") else posixpath.join("/app", posixpath.normpath(word))
        return (*out, path, *argv[i + 1 :]) if _inside(word) or word.startswith("/app/") else ()
    return ()


def _built(
    package: dict[str, Any], argv: tuple[str, ...], doubts: list[str]
) -> dict[str, Parameter]:
    """Return the stack's parameters of a project whose sources are not what runs."""
    scripts = package.get("scripts")
    build = _text(scripts, "build") if isinstance(scripts, dict) else ""
    needs = {n for key in ("dependencies", "devDependencies") for n in _table(package, key)}
    if "next" in needs:
        doubts.append('Next.js: its configuration must say output: "standalone"')
        return {"build": "standalone"}
    if "@sveltejs/adapter-node" in needs:
        doubts.append(
            "SvelteKit: build is where its adapter puts what runs, if it says nothing else"
        )
        return {"build": "standalone", "output": "build"}
    made = argv[1].removeprefix("/app/").partition("/")[0] if len(argv) > 1 else ""
    if build and made in {"dist", "build", "out", "lib"}:
        doubts.append(f"the script build makes {made}/: it runs without network")
        bundled = not _table(package, "dependencies") or needs & _BUNDLERS
        shape: dict[str, Parameter] = {"build": "bundle" if bundled else "compile"}
        return shape if made == "dist" else {**shape, "output": made}
    if build:
        doubts.append(
            "there is a build script; what it makes was not found in the start command (if it makes"
            " pages: run it, then ship its folder with the stack static and its parameter root)"
        )
    return {}


def _source(tree: Tree, folder: Folder, argv: tuple[str, ...]) -> list[str]:
    """Return package.json, the modules at the top, and folders that hold modules or pages."""
    found = ["package.json"]
    started = {w.removeprefix("/app/").partition("/")[0] for w in argv if w.startswith("/app/")}
    for name in hints.folders(folder):
        below = tree.below(joined(folder.path, name))
        if name in started or any(f.endswith(_CODE) for place in below for f in place.files):
            found.append(name)
    found += [n for n in ("public", "views", "static") if n in folder.folders and n not in found]
    found += sorted(n for n in folder.files if n.endswith(_CODE) and ".config." not in n)
    return [*found, *hints.named(tree, folder.path, found)]
