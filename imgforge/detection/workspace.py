"""Members of Python workspaces and path dependencies: what a lock takes out of the project."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from imgforge.detection.hints import joined
from imgforge.detection.tree import Folder, Tree
from imgforge.errors import InvalidInputError
from imgforge.oci.types import Platform

_MANAGERS: Final = {
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "pylock.toml": "pylock",
}


class Chief(NamedTuple):
    """The member of a workspace that an image may be for: one of those that have scripts.

    ``folder`` is from the workspace's own; ``others`` are the names of further ones.
    """

    name: str
    folder: str
    table: dict[str, Any]
    others: tuple[str, ...] = ()


def members(tree: Tree, folder: Folder, locks: Sequence[str], chief: str = "") -> list[str]:
    """Return the folders, from the project's, whose wheels the best of ``locks`` asks for.

    ``chief`` is the member that the image is for. None are known of a lock that cannot be read.
    """
    from imgforge import hashed, stack

    if not locks:
        return []
    told = {"lock": locks[0], "manager": _MANAGERS.get(locks[0], "pip"), "member": chief}
    root = tree.root / folder.path
    # The first version of the stack's that the project takes is asked for.
    for python in stack.load("python").definition.versions:
        said = {**told, "python": python, "groups": "", "extras": ""}
        try:
            found = hashed.choose(root, said, Platform("linux", "amd64"))
        except InvalidInputError:
            continue  # a build says what is wrong with it
        return [member.folder for member in found.members]
    return []


def chief(tree: Tree, folder: Folder, table: dict[str, Any]) -> Chief | None:
    """Return the member of a uv workspace that is no project itself; None if it has no such."""
    tool = table.get("tool")
    uv = tool.get("uv") if isinstance(tool, dict) else None
    if "project" in table or not isinstance(uv, dict) or "workspace" not in uv:
        return None
    listed = tree.toml(joined(folder.path, "uv.lock")).get("package")
    found = []
    for row in listed if isinstance(listed, list) else []:
        source = row.get("source") if isinstance(row, dict) else None
        path = source.get("editable") if isinstance(source, dict) else None
        if isinstance(path, str) and isinstance(row.get("name"), str):
            its = tree.toml(joined(folder.path, f"{path}/pyproject.toml"))
            project = its.get("project")
            if isinstance(project, dict) and project.get("scripts"):
                found.append(Chief(row["name"], path, its))
    names = tuple(each.name for each in found)
    return found[0]._replace(others=names[1:]) if found else None


def doubts(chosen: Chief | None, asked: Sequence[str], *, locked: bool) -> list[str]:
    """Say what a person must check where ``asked`` are built; ``locked`` is whether with a lock."""
    said = []
    if chosen is not None and chosen.others:
        said.append(
            f"stack.parameters.member could be another of the workspace: {', '.join(chosen.others)}"
        )
    if (asked or chosen) and not locked:
        said.append(
            f"wheels are built of {json.dumps([*([chosen.folder] if chosen else []), *asked])}: "
            "the first imgforge build says how their build-requirements.txt is made"
        )
    return said
