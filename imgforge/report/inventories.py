"""What is in an image, and how two images' contents differ: for people and for programs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from imgforge.inventory import Component
from imgforge.report.text import plain
from imgforge.sbom.compare import Change, Difference
from imgforge.sbom.document import Document

_TITLES: Final = {
    "base": "from the base",
    "app": "of the application",
    "build": "of the build",
    "": "whose part is not known",
}
_OPERATORS: Final = re.compile(r"\s*(?:\bAND\b|\bOR\b|[()])\s*")
_UNKNOWN: Final = "unknown"
_MOST: Final = 12
"""Licences that are counted one by one."""
_WIDE: Final = 60
"""Characters of a column at most."""


def text(document: Document) -> str:
    """Return an image's contents, grouped by who has to change them."""
    image = document.inventory
    lines = [" ".join(filter(None, (document.name, str(image.platform or ""), image.digest)))]
    counted = Counter(component.package.ecosystem or _UNKNOWN for component in image.components)
    kinds = ", ".join(f"{number} {kind}" for kind, number in counted.most_common())
    system = image.system
    on = " ".join(filter(None, system)) if system else "no distribution"
    layers = f", {len(image.layers)} layers" if image.layers else ""
    many = len(image.components)
    lines.append(f"{on}{layers}, {many} components" + (f": {kinds}" if kinds else ""))
    for part, title in _TITLES.items():
        listed = [component for component in image.components if component.part == part]
        if listed:
            lines += ["", f"{title} ({len(listed)})", *_rows(listed)]
    if image.tools:
        lines += ["", f"built it, and is not in it ({len(image.tools)})", *_rows(image.tools)]
    if image.files:
        lines += ["", f"programs that no package owns ({len(image.files)})"]
        lines += [
            "  ".join(filter(None, (f"  /{f.path}", f"{f.name} {f.version}".strip(), f.sha256)))
            for f in image.files
        ]
    lines += ["", *_licences(image.components)]
    return "\n".join(plain(line).rstrip() for line in lines) + "\n"


def value(document: Document) -> dict[str, Any]:
    """Return an image's contents as JSON: every field of every component."""
    image = document.inventory
    return {
        "name": document.name,
        "format": document.format,
        "created": document.created,
        "digest": image.digest,
        "platform": str(image.platform) if image.platform else None,
        "system": image.system._asdict() if image.system else None,
        "layers": list(image.layers),
        "components": [_component(component) for component in image.components],
        "tools": [_component(component) for component in image.tools],
        "files": [_clean(file._asdict()) for file in image.files],
    }


def difference(found: Difference, before: Document, after: Document) -> str:
    """Return how two images' contents differ: ``+`` only the second has, ``-`` only the first."""
    lines = [f"{before.name or 'A'} -> {after.name or 'B'}: {_summary(found)}"]
    for change in _ordered(found):
        component = _either(change)
        lines.append(f"{_mark(change)} {_called(component)} {_told(change)}{_where(change, after)}")
    return "\n".join(map(plain, lines)) + "\n"


def markdown(found: Difference, before: Document, after: Document) -> str:
    """Return the same as a table, for a merge request."""
    lines = [
        f"**{_cell(before.name or 'A')} -> {_cell(after.name or 'B')}**: {_summary(found)}",
        "",
    ]
    if found:
        lines += ["| | component | before | after | what | part |", "|---|---|---|---|---|---|"]
    for change in _ordered(found):
        component = _either(change)
        versions = [
            each.package.version if each is not None else ""
            for each in (change.before, change.after)
        ]
        cells = [_mark(change), _called(component), *versions, ", ".join(change.what)]
        lines.append("| " + " | ".join(map(_cell, (*cells, component.part))) + " |")
    return "\n".join(lines) + "\n"


def difference_value(found: Difference, before: Document, after: Document) -> dict[str, Any]:
    """Return the same as JSON."""
    return {
        "before": {"name": before.name, "digest": before.inventory.digest},
        "after": {"name": after.name, "digest": after.inventory.digest},
        "added": [_component(_either(change)) for change in found.added],
        "removed": [_component(_either(change)) for change in found.removed],
        "changed": [
            {
                "what": list(change.what),
                "before": _component(change.before),
                "after": _component(change.after),
            }
            for change in found.changed
            if change.before is not None and change.after is not None
        ],
        "same": found.same,
    }


def _rows(components: Sequence[Component]) -> Iterator[str]:
    cells = [
        (
            c.package.ecosystem or "-",
            c.package.title,
            c.package.version or "-",
            c.package.licence or "-",
            " ".join(filter(None, ("" if c.scope == "required" else c.scope, c.declared))),
        )
        for c in components
    ]
    # Licences of a distribution's package run over pages.
    short = [tuple(map(_short, row)) for row in cells]
    widths = [max(len(row[column]) for row in short) for column in range(5)]
    for row in short:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))


def _short(cell: str) -> str:
    return cell if len(cell) <= _WIDE else f"{cell[: _WIDE - 3]}..."


def _licences(components: Iterable[Component]) -> Iterator[str]:
    """Count in how many components each licence is named."""
    counted: Counter[str] = Counter()
    for component in components:
        licence = " ".join(component.package.licence.split())
        counted.update(set(_OPERATORS.split(licence)) - {""} or {_UNKNOWN})
    most = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    yield f"licences ({len(most)})"
    for name, number in most[:_MOST]:
        yield f"  {number:>5}  {_short(name)}"
    if len(most) > _MOST:
        yield f"  and {len(most) - _MOST} others"


def _component(component: Component) -> dict[str, Any]:
    said = component._asdict() | {"package": _clean(component.package._asdict())}
    return _clean(said) | {"ref": _utf8(component.ref)}


def _clean(value: dict[str, Any]) -> dict[str, Any]:
    return {key: _utf8(each) for key, each in value.items()}


def _utf8(value: Any) -> Any:  # noqa: ANN401 - JSON
    from imgforge.sbom.notes import path

    if isinstance(value, str):
        return path(value)
    return [_utf8(each) for each in value] if isinstance(value, tuple) else value


def _ordered(found: Difference) -> Iterator[Change]:
    yield from found.removed
    yield from found.added
    yield from found.changed


def _either(change: Change) -> Component:
    component = change.after or change.before
    assert component is not None  # noqa: S101 - one of both is there
    return component


def _mark(change: Change) -> str:
    return "+" if change.before is None else "-" if change.after is None else "~"


def _told(change: Change) -> str:
    before, after = change.before, change.after
    if before is None or after is None:
        return _either(change).package.version
    return ", ".join(_what(what, before, after) for what in change.what)


def _what(what: str, before: Component, after: Component) -> str:
    if what == "hash":
        return f"another content under version {after.package.version}"
    one, other = (
        getattr(each if what in {"part", "scope"} else each.package, what)
        for each in (before, after)
    )
    return f"{what} {_short(one) or 'none'} -> {_short(other) or 'none'}"


def _where(change: Change, after: Document) -> str:
    component, layers = _either(change), after.inventory.layers
    said: list[str] = [component.part]
    if change.after is not None and component.package.layer in layers:
        said.append(f"layer {layers.index(component.package.layer) + 1} of {len(layers)}")
    told = ", ".join(filter(None, said))
    return f" [{told}]" if told else ""


def _summary(found: Difference) -> str:
    added, removed, changed = map(len, found[:3])
    return f"{added} added, {removed} removed, {changed} changed, {found.same} the same"


def _called(component: Component) -> str:
    return f"{component.package.ecosystem or '-'} {component.package.title}"


def _cell(text: str) -> str:
    return plain(text).replace("|", "\\|").replace("<", "&lt;")
