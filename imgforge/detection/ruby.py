"""Ruby projects: a Gemfile, its lock, and config.ru."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from imgforge.detection import hints
from imgforge.detection.candidate import Candidate, Evidence
from imgforge.detection.hints import joined
from imgforge.detection.tree import Folder, Tree
from imgforge.programs import RUBY

if TYPE_CHECKING:
    from imgforge.fields import Parameter

_FOLDERS: Final = ("app", "bin", "config", "db", "lib", "public", "views")
_LIBRARIES: Final = {"pg": "libpq5", "mysql2": "libmariadb3", "ruby-vips": "libvips42t64"}
_PACKAGED: Final = ("pg", "rack", "redis", "sequel", "sinatra", "sqlite3")
"""Gems that Debian has as ruby-NAME."""

_DEBIAN: Final = "/usr/bin/puma"


def look(tree: Tree, folder: Folder) -> Candidate | None:
    """Return how the folder's Ruby project may be built; None if it has none."""
    files = [n for n in ("Gemfile", "Gemfile.lock", "config.ru") if n in folder.files]
    if not files:
        return None
    gemfile = tree.text(joined(folder.path, "Gemfile"))
    lock = tree.text(joined(folder.path, "Gemfile.lock"))
    locked = frozenset(re.findall(r"(?m)^    ([\w-]+) \(", lock))
    argv, more, doubts = _start(tree, folder, locked)
    source: list[str] = [n for n in _FOLDERS if n in folder.folders]
    source += sorted(n for n in folder.files if n.endswith((".rb", ".ru")))
    ports, data, defaults = hints.defaults(tree, folder.path, source)
    parameters, packages = _gems(tree, folder, gemfile, locked, source)
    if packages:
        doubts.append(f"stack.packages are guesses from the lock: {', '.join(packages)}")
    for gem in _unlocked(tree, folder, locked, source):
        packages.append(f"ruby-{gem}")
        doubts.append(f"the lock has no {gem}, which the sources require: Debian's was taken")
    if _DEBIAN in argv:
        packages = ["puma", *packages]
        doubts.append("the lock has no web server: Debian's puma was taken")
    if lock and "\nCHECKSUMS\n" not in lock:
        doubts.append("Gemfile.lock has no checksums: bundle lock --add-checksums makes them")
    wanted, wanted_by = _version(tree, folder, gemfile)
    rails = "rails" in locked
    if rails:
        doubts.append("Rails: secrets and a database are needed when it runs; see run.secrets")
    return Candidate(
        "ruby",
        folder.path,
        1 + bool(lock) + 2 * bool(argv),
        (*(Evidence(joined(folder.path, n), "Ruby") for n in files), *more, *defaults),
        wanted=wanted,
        wanted_by=wanted_by,
        locks=("Gemfile.lock",) if lock else (),
        source=tuple(source),
        entrypoint=argv,
        ports=tuple(ports) or (_ports(tree, folder, argv) if "config.ru" in files else ()),
        packages=tuple(packages),
        writable=tuple(data),
        parameters=parameters,
        doubts=tuple(doubts),
    )


def _ports(tree: Tree, folder: Folder, argv: tuple[str, ...]) -> tuple[int, ...]:
    """Return the port of puma's command or settings, else the Dockerfile's, else the usual."""
    if bound := hints.bound(argv):
        return (bound,)
    names = ("config/puma.rb", "puma.rb")
    text = next(filter(None, (tree.text(joined(folder.path, n)) for n in names)), "")
    named = re.search(r"(?m)^\s*port\b[^#\n]*?\b([1-9]\d{3,4})\b", text)
    if named and int(named[1]) < 1 << 16:
        return (int(named[1]),)
    return hints.exposed(tree, folder.path) or (8080,)


def _version(tree: Tree, folder: Folder, gemfile: str) -> tuple[str, str]:
    if text := tree.text(joined(folder.path, ".ruby-version")).strip():
        return text.splitlines()[0], ".ruby-version"
    found = re.search(r"""(?m)^ruby\s+["']([^"'\n]+)["']""", gemfile)
    return (found[1], "Gemfile") if found else ("", "")


def _gems(
    tree: Tree, folder: Folder, gemfile: str, locked: frozenset[str], source: list[str]
) -> tuple[dict[str, Parameter], list[str]]:
    """Return the stack's parameters and the libraries that gems are known to need.

    Folders of gems that the Gemfile names are added to ``source``.
    """
    parameters: dict[str, Parameter] = {}
    cache = tree.root / folder.path / "vendor" / "cache"
    if cache.is_dir() and not cache.is_symlink() and any(cache.glob("*.gem")):
        parameters["vendored"] = True
    local = re.findall(r"""(?m)^[ \t]*gem\b.*\bpath:\s*["']([\w./-]+)["']""", gemfile)
    local = list(dict.fromkeys(p.removeprefix("./") for p in local if ".." not in p.split("/")))
    if local:
        parameters["local-gems"] = local
        source += [path for path in local if path.partition("/")[0] not in source]
    return parameters, [package for gem, package in _LIBRARIES.items() if gem in locked]


def _unlocked(tree: Tree, folder: Folder, locked: frozenset[str], source: list[str]) -> list[str]:
    """Return gems that the sources require although the lock has not got them."""
    tops = tuple(joined(folder.path, s) for s in source)
    files = [joined(p.path, n) for p in tree.below(folder.path) for n in sorted(p.files)]
    files = [path for path in files if path.startswith(tops) and path.endswith((".rb", ".ru"))]
    texts = [tree.text(path) for path in files[:200]]
    wanted = [re.compile(rf"""(?m)^[ \t]*require ["']{gem}[/"']""") for gem in _PACKAGED]
    pairs = zip(_PACKAGED, wanted, strict=True)
    return [g for g, w in pairs if g not in locked and any(w.search(text) for text in texts)]


def _start(
    tree: Tree, folder: Folder, locked: frozenset[str]
) -> tuple[tuple[str, ...], list[Evidence], list[str]]:
    argv, doubt, seen = hints.procfile(tree, folder.path)
    doubts = [doubt] if doubt else []
    if argv and (argv := _interpreted(argv)) and seen:
        return argv, [seen], doubts
    if "config.ru" in folder.files:
        program = "/opt/deps/bin/puma" if "puma" in locked else _DEBIAN
        seen = Evidence(joined(folder.path, "config.ru"), "a Rack application")
        for name in ("config/puma.rb", "puma.rb"):
            if tree.has(joined(folder.path, name)):
                more = Evidence(joined(folder.path, name), "puma's settings")
                return (RUBY, program, "-C", f"/app/{name}"), [seen, more], doubts
        return (RUBY, program, "--port", "8080"), [seen], doubts
    argv, _, seen = hints.dockerfile(tree, folder.path)
    if argv and (argv := _interpreted(argv)) and seen:
        return argv, [seen], doubts
    for name in ("main.rb", "app.rb", "server.rb"):
        if name in folder.files:
            doubts.append(f"{name} is a guess at what starts the program")
            return (RUBY, f"/app/{name}"), [Evidence(name, "a usual name")], doubts
    return (), [], doubts


def _interpreted(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``argv`` without Bundler and with absolute paths; nothing if that cannot be done."""
    words = argv[2:] if argv[:2] == ("bundle", "exec") else argv
    if not words:
        return ()
    if words[0].rpartition("/")[2] == "ruby":
        return (RUBY, *words[1:])
    if words[0].startswith(("bin/", "./bin/")):
        return (RUBY, f"/app/{words[0].removeprefix('./')}", *words[1:])
    named = re.fullmatch(r"[a-z][\w-]*", words[0]) is not None
    return (RUBY, f"/opt/deps/bin/{words[0]}", *words[1:]) if named else ()
