"""Rust packages: Cargo.toml and the programs it makes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from imgforge.detection import hints
from imgforge.detection.candidate import Candidate, Evidence
from imgforge.detection.hints import joined
from imgforge.detection.tree import Folder, Tree

if TYPE_CHECKING:
    from imgforge.fields import Parameter


def look(tree: Tree, folder: Folder) -> Candidate | None:
    """Return how the folder's Cargo package may be built; None if it has none."""
    if "Cargo.toml" not in folder.files:
        return None
    manifest = tree.toml(joined(folder.path, "Cargo.toml"))
    package = manifest.get("package")
    package = package if isinstance(package, dict) else {}
    locked = "Cargo.lock" in folder.files
    seen = [Evidence(joined(folder.path, "Cargo.toml"), "a Cargo package")]
    doubts: list[str] = []
    parameters: dict[str, Parameter] = {}
    programs = _programs(tree, folder, manifest, package)
    if len(programs) == 1:
        parameters["binary"] = programs[0]
        seen.append(Evidence(joined(folder.path, "Cargo.toml"), f"makes {programs[0]}"))
    elif programs:
        doubts.append(f"several programs: {', '.join(programs)}; name one")
    elif "workspace" in manifest:
        doubts.append("a workspace: name the program in stack.parameters")
    else:
        doubts.append("no program was found")
    if "source" not in tree.text(joined(folder.path, "Cargo.lock")):
        parameters["vendored"] = True
    source = ["Cargo.toml", *(["Cargo.lock"] if locked else []), *hints.folders(folder)]
    source += sorted(n for n in folder.files if n.endswith(".rs"))
    source += [n for n in ("rust-toolchain.toml", "rust-toolchain") if n in folder.files]
    ports, data, defaults = hints.defaults(tree, folder.path, source)
    wanted, wanted_by = _version(tree, folder, package)
    return Candidate(
        "rust",
        folder.path,
        1 + locked + 2 * (len(programs) == 1),
        (*seen, *defaults),
        wanted=wanted,
        wanted_by=wanted_by,
        locks=("Cargo.lock",) if locked else (),
        name=_text(package, "name"),
        version=_text(package, "version"),
        licence=_text(package, "license"),
        source=tuple(source),
        ports=tuple(ports) or hints.exposed(tree, folder.path),
        writable=tuple(data),
        parameters=parameters,
        doubts=tuple(doubts),
        starts_itself=True,
    )


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _programs(
    tree: Tree, folder: Folder, manifest: dict[str, Any], package: dict[str, Any]
) -> list[str]:
    bins = manifest.get("bin")
    named = (
        [_text(b, "name") for b in bins if isinstance(b, dict)] if isinstance(bins, list) else []
    )
    if tree.has(joined(folder.path, "src/main.rs")) and not named:
        named.append(_text(package, "name"))
    more = tree.folder(joined(folder.path, "src/bin"))
    named += [name.removesuffix(".rs") for name in sorted(more.files) if name.endswith(".rs")]
    return [n for n in dict.fromkeys(named) if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", n)]


def _version(tree: Tree, folder: Folder, package: dict[str, Any]) -> tuple[str, str]:
    table = tree.toml(joined(folder.path, "rust-toolchain.toml")).get("toolchain")
    channel = _text(table, "channel") if isinstance(table, dict) else ""
    channel = channel or tree.text(joined(folder.path, "rust-toolchain")).strip()
    if re.match(r"\d", channel):
        return channel, "rust-toolchain"
    oldest = _text(package, "rust-version")
    return (f">={oldest}", "Cargo.toml") if oldest else ("", "")
