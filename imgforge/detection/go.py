"""Go modules: go.mod, and the packages of it that are programs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgforge.detection import hints
from imgforge.detection.candidate import Candidate, Evidence
from imgforge.detection.hints import joined
from imgforge.detection.tree import Folder, Tree

if TYPE_CHECKING:
    from imgforge.fields import Parameter


def look(tree: Tree, folder: Folder) -> Candidate | None:
    """Return how the folder's Go module may be built; None if it has none."""
    if "go.mod" not in folder.files:
        return None
    manifest = tree.text(joined(folder.path, "go.mod"))
    seen = [Evidence(joined(folder.path, "go.mod"), "a Go module")]
    mains = _mains(tree, folder)
    doubts: list[str] = []
    parameters: dict[str, Parameter] = {}
    module = re.search(r"(?m)^module\s+\"?([^\s\"]+)", manifest)
    name = re.sub(r"/v\d+$", "", module[1]).rpartition("/")[2] if module else ""
    if len(mains) == 1:
        inside, file = mains[0]
        seen.append(Evidence(file, "package main"))
        called = inside.rpartition("/")[2] or name
        if inside:
            parameters["package"] = f"./{inside}"
        if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", called):
            parameters["binary"] = called
    elif mains:
        doubts.append(f"several programs: {', '.join('./' + m[0] for m in mains)}; name one")
    else:
        doubts.append("no package main was found")
    if _vendored(tree, folder, manifest):
        parameters["vendored"] = True
    files = [n for n in ("go.mod", "go.sum", "go.work", "go.work.sum") if n in folder.files]
    source = files + [n for n in hints.folders(folder) if _go(tree, joined(folder.path, n))]
    source += [n for n in ("vendor",) if n in folder.folders]
    source += sorted(n for n in folder.files if n.endswith(".go") and not n.endswith("_test.go"))
    ports, data, defaults = hints.defaults(tree, folder.path, source)
    if any('import "C"' in tree.text(joined(folder.path, n)) for n in source if n.endswith(".go")):
        parameters["cgo"] = True
    version = re.search(r"(?m)^go\s+(\d+\.\d+)", manifest)
    return Candidate(
        "go",
        folder.path,
        1 + ("go.sum" in folder.files) + 2 * (len(mains) == 1),
        (*seen, *defaults),
        wanted=f">={version[1]}" if version else "",
        wanted_by="go.mod" if version else "",
        locks=("go.sum",) if "go.sum" in folder.files else (),
        name=name,
        source=tuple(source),
        ports=tuple(ports) or hints.exposed(tree, folder.path),
        writable=tuple(data),
        parameters=parameters,
        doubts=tuple(doubts),
        starts_itself=True,
    )


def _go(tree: Tree, path: str) -> bool:
    return any(n.endswith(".go") for place in tree.below(path) for n in place.files)


def _mains(tree: Tree, folder: Folder) -> list[tuple[str, str]]:
    """Return the folders (from the module's) that hold a program, each with a file of it."""
    start = len(folder.path) + 1 if folder.path else 0
    found = []
    places = [
        folder,
        *(p for n in hints.folders(folder) for p in tree.below(joined(folder.path, n))),
    ]
    for place in places:
        for name in sorted(place.files):
            if not name.endswith(".go") or name.endswith("_test.go"):
                continue
            path = joined(place.path, name)
            text = tree.text(path)
            if re.search(r"(?m)^package\s+main\b", text):
                if not re.search(r"(?m)^//go:build\s+(ignore|tools)\b", text):
                    found.append((place.path[start:], path))
                    break
            elif text:
                break
    return found


def _vendored(tree: Tree, folder: Folder, manifest: str) -> bool:
    """Say whether nothing has to be fetched: all modules lie here, or none is required."""
    if "vendor" in folder.folders and (tree.root / folder.path / "vendor/modules.txt").is_file():
        return True
    named = re.findall(r"(?m)^(?:require[ \t]+|\t)(\S+)[ \t]+v", manifest)
    required = {module for module in named if "." in module}
    replaced = set()
    for line in manifest.splitlines():
        old, arrow, new = line.partition("=>")
        words = old.split()
        if arrow and words and new.strip().startswith("."):
            replaced.add(words[1] if words[0] == "replace" and len(words) > 1 else words[0])
    return required <= replaced
