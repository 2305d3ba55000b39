"""Two versions of a stack: what changes for the specs that use it, in words and as Dockerfiles."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgforge import project, spec
from imgforge.catalogs import changelog, choosing, releases
from imgforge.errors import ImgforgeError, InvalidInputError
from imgforge.files import SPEC, locate
from imgforge.plan import Origin
from imgforge.stack import LoadedStack
from imgforge.workshop import described, rendered

_TABLES = {
    "versions": "version",
    "parameters": "parameter",
    "locks": "lock file",
    "stages": "stage",
}
"""What holds things with names → what one of them is called."""

_PLAIN = ("summary", "default", "lock", "requires", "runtime", "variants")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference in words; ``breaks`` is whether a spec that was valid may be so no more."""

    text: str
    breaks: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """All that is different. ``dockerfiles`` maps a spec to the unified diff (empty: the same).

    ``broken`` maps a spec to which of the versions cannot build it, and why.
    """

    old: str
    new: str
    changelog: tuple[str, ...]
    changes: tuple[Change, ...]
    dockerfiles: dict[str, str]
    broken: dict[str, str]

    @property
    def same(self) -> bool:
        """Whether nothing changes for anybody."""
        return not (self.changes or any(self.dockerfiles.values()) or self.broken)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--format json`` shows it."""
        return {
            "old": self.old,
            "new": self.new,
            "changelog": list(self.changelog),
            "changes": [{"text": c.text, "breaks": c.breaks} for c in self.changes],
            "dockerfiles": self.dockerfiles,
            "broken": self.broken,
        }


class RefusedError(Exception):
    """A version of a stack cannot build a spec: which one, and why."""


def compare(
    old: LoadedStack,
    new: LoadedStack,
    folders: Sequence[Path],
    papers: Path,
    origin: Origin | None = None,
) -> Difference:
    """Compare two versions; ``folders`` are those of the specs whose Dockerfiles are shown.

    ``papers`` is the folder that has the new one's changelog, ``origin`` the catalog of both.
    """
    before, after = old.definition, new.definition
    dockerfiles, broken = {}, {}
    for folder in folders:
        # What was taken out of a catalog lies in a folder that nobody else will ever see.
        inside = folder.is_relative_to(papers)
        name = str(folder.relative_to(papers.parent) if inside else folder)
        try:
            texts = [dockerfile(folder, stack, origin) for stack in (old, new)]
        except RefusedError as error:
            broken[name] = str(error)
        else:
            dockerfiles[name] = unified(texts[0], texts[1], old, new)
    log = changelog.between(_changelog(papers), before.version, after.version)
    return Difference(
        f"{before.name}@{before.version} {old.digest}",
        f"{after.name}@{after.version} {new.digest}",
        log,
        tuple(_changes(old, new)),
        dockerfiles,
        broken,
    )


def _changelog(folder: Path) -> dict[str, bytes]:
    try:
        return {changelog.FILE: (folder / changelog.FILE).read_bytes()}
    except OSError:
        return {}


def dockerfile(folder: Path, stack: LoadedStack, origin: Origin | None) -> str:
    """Return the Dockerfile of a spec with ``stack``; RefusedError if that cannot build it."""
    try:
        loaded = project.load(folder, stack=stack)
        return rendered.dockerfile(loaded.spec, loaded.stack, loaded.choice, loaded.blocks, origin)
    except ImgforgeError as error:
        told = "; ".join((error.message, *error.details))
        raise RefusedError(f"{_title(stack)} cannot build it: {told}") from error


def unified(before: str, after: str, old: LoadedStack, new: LoadedStack) -> str:
    """Return the unified diff of two Dockerfiles, made with these versions."""
    lines = [text.splitlines(keepends=True) for text in (before, after)]
    return "".join(difflib.unified_diff(lines[0], lines[1], _title(old), _title(new), n=2))


def origin_of(catalog: str) -> Origin | None:
    """Return where the stacks of a catalog come from, unpinned; None if it is no catalog's name.

    With it the caches of a stack's steps are called as its users' are.
    """
    found = next((each for each in choosing.configured() if each.name == catalog), None)
    return Origin(found.name, found.source, "", "") if found is not None else None


def _title(stack: LoadedStack) -> str:
    return f"{stack.definition.name}@{stack.definition.version}"


def _changes(old: LoadedStack, new: LoadedStack) -> Iterator[Change]:
    before, after = described.describe(old), described.describe(new)
    if before["name"] != after["name"]:
        yield Change(f"name: {before['name']} → {after['name']}", breaks=True)
    found: list[Change] = []
    for table, what in _TABLES.items():
        found += _table(_keyed(before[table]), _keyed(after[table]), what)
    for key in _PLAIN:
        found += _values(key, before[key], after[key], breaks=_stricter(key, before, after))
    changed = [n for n in old.templates.keys() | new.templates.keys()
               if old.templates.get(n) != new.templates.get(n)]  # fmt: skip
    found += [Change(f"template {name}: {_fate(name, old, new)}") for name in sorted(changed)]
    yield from found
    if found and before["version"] == after["version"]:
        yield Change(f"the version is {after['version']} as before, though something changed")
    elif any(c.breaks for c in found) and not _allowed(before["version"], after["version"]):
        yield Change(
            f"{before['version']} → {after['version']} says that nothing breaks, and something does"
        )


def _fate(name: str, old: LoadedStack, new: LoadedStack) -> str:
    if name not in old.templates:
        return "added"
    return "changed" if name in new.templates else "removed"


def _allowed(old: str, new: str) -> bool:
    """Whether semantic versioning lets something break between two versions."""
    before, after = releases.version(old), releases.version(new)
    return after[0] > before[0] or (before[0] == after[0] == 0 and after[1] > before[1])


def _keyed(value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return value
    return {str(item.get("name") or item.get("file")): item for item in value}


def _table(old: dict[str, Any], new: dict[str, Any], what: str) -> Iterator[Change]:
    for name in (n for n in old if n not in new):
        yield Change(f"{what} {name}: removed", breaks=what != "stage")
    for name in (n for n in new if n not in old):
        detail = f", default {json.dumps(new[name]['default'])}" if what == "parameter" else ""
        yield Change(f"{what} {name}: added{detail}")
    for name in (n for n in old if n in new):
        for key in dict.fromkeys([*old[name], *new[name]]):
            before, after = old[name].get(key), new[name].get(key)
            breaks = (what == "parameter" and key in {"type", "choices", "pattern"}) or (
                key == "blocks" and bool(set(before or ()) - set(after or ()))
            )
            if key == "choices" and after:
                breaks = not before or bool(set(before) - set(after))
            yield from _values(
                f"{what} {name}: {key}", before, after, breaks=breaks and after != []
            )


def _stricter(key: str, before: dict[str, Any], after: dict[str, Any]) -> bool:
    if key == "lock":
        return bool(after["lock"] != "optional")
    return key == "requires" and bool(set(after["requires"]) - set(before["requires"]))


def _values(place: str, old: Any, new: Any, *, breaks: bool) -> Iterator[Change]:  # noqa: ANN401 - JSON
    """Yield the differences of two values, one for each member of a table."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _values(f"{place}.{key}", old.get(key), new.get(key), breaks=breaks)
        return
    shown = [("none" if v is None else json.dumps(v, ensure_ascii=False)) for v in (old, new)]
    yield Change(f"{place}: {shown[0]} → {shown[1]}", breaks)


def specs(given: Sequence[Path]) -> list[Path]:
    """Return the folders of specs that were named; InvalidInputError if one is no spec."""
    found = []
    for path in given:
        located = locate(path)
        try:
            spec.load(located)
        except InvalidInputError as error:  # it says the line, and there are many such files
            raise InvalidInputError(
                f"{path}: {error.message}", details=error.details, hint=error.hint
            ) from error
        found.append(located if located.name != SPEC else located.parent)
    return found


def lines(found: Difference) -> Iterator[str]:
    """Yield the report for people."""
    yield f"- {found.old}"
    yield f"+ {found.new}"
    if found.changelog:
        yield from ("", "changelog:", *(f"  {line}" for line in found.changelog))
    yield from ("", "changes:" if found.changes else "changes: none")
    for change in found.changes:
        yield f"  {'BREAKS  ' if change.breaks else ''}{change.text}"
    for name, text in found.dockerfiles.items():
        yield from ("", f"Dockerfile of {name}: {'changes' if text else 'the same'}")
        yield from text.splitlines()
    for name, reason in found.broken.items():
        yield from ("", *f"Dockerfile of {name}: {reason}".splitlines())
