"""Whether what a ``stack.toml`` says fits together, beyond the form of each table."""

from __future__ import annotations

from collections.abc import Iterator

from imgforge import indexes, tomlfile
from imgforge.stack.conditions import alternatives, fits
from imgforge.stack.definition import RESERVED, Definition, StageDeclaration, When


def problems(definition: Definition, folder: str, *, trusted: bool) -> Iterator[tomlfile.Problem]:
    """Find what contradicts itself in the definition of a stack whose folder is ``folder``."""
    if definition.name != folder:
        yield tomlfile.Problem(("name",), f"is not the folder's name, {folder!r}")
    if definition.default not in definition.versions:
        yield tomlfile.Problem(("default",), "is not one of [versions]")
    if (definition.lock == "none") == bool(definition.locks):
        yield tomlfile.Problem(("lock",), "and [[locks]] contradict each other")
    for name, declared in definition.parameters.items():
        if name in RESERVED:
            yield tomlfile.Problem(("parameters", name), "is a reserved name")
        if not fits(declared, declared.default, trusted=trusted):
            yield tomlfile.Problem(("parameters", name, "default"), "does not fit its declaration")
    yield from _condition_problems(definition)
    yield from _input_problems(definition)
    if definition.stages and any(v.builder is None for v in definition.versions.values()):
        yield tomlfile.Problem(("versions",), "stages need a builder in every version")
    seen = {"runtime", "empty", "context", "prepared"}
    for i, stage in enumerate(definition.stages):
        yield from _stage_problems(stage, ("stages", i))
        if stage.name in seen:
            yield tomlfile.Problem(("stages", i, "name"), f"{stage.name!r} is taken")
        seen.add(stage.name)


def _stage_problems(
    stage: StageDeclaration, place: tuple[str | int, ...]
) -> Iterator[tomlfile.Problem]:
    if stage.destination is not None and stage.copies:
        yield tomlfile.Problem((*place, "copies"), "destination says that already")
    if stage.native and (stage.native.kind == "files") != bool(stage.files):
        yield tomlfile.Problem((*place, "native"), "kind files and [files] go together")
    if stage.indexes and not stage.network:
        yield tomlfile.Problem((*place, "indexes"), "need network = true")
    for i, name in enumerate(stage.indexes):
        if name not in indexes.INDEXES:
            yield tomlfile.Problem(
                (*place, "indexes", i), f"no {name!r}", f"one of {', '.join(indexes.INDEXES)}"
            )


def _input_problems(definition: Definition) -> Iterator[tomlfile.Problem]:
    for i, stage in enumerate(definition.stages):
        for j, name in enumerate(stage.inputs_from):
            declared = definition.parameters.get(name)
            if declared is None or declared.type not in {"string", "strings"}:
                yield tomlfile.Problem(
                    ("stages", i, "inputs-from", j), f"{name!r} is no parameter of type strings"
                )
        for j, name in enumerate(stage.sources_from):
            declared = definition.parameters.get(name)
            if declared is None or declared.type != "strings":
                yield tomlfile.Problem(
                    ("stages", i, "sources-from", j), f"{name!r} is no parameter of type strings"
                )
        for j, name in enumerate(stage.prepared.told if stage.prepared else ()):
            declared = definition.parameters.get(name)
            if declared is None or declared.type == "integer":
                yield tomlfile.Problem(
                    ("stages", i, "prepared", "told", j),
                    f"{name!r} is no parameter of type string, strings or boolean",
                )


def _condition_problems(definition: Definition) -> Iterator[tomlfile.Problem]:
    for place, when in _conditions(definition):
        for name in when:
            if name not in definition.parameters and name not in RESERVED:
                yield tomlfile.Problem((*place, name), "no such parameter")


def _conditions(definition: Definition) -> Iterator[tuple[tuple[str | int, ...], When]]:
    yield ("unlocked",), definition.unlocked
    for i, stage in enumerate(definition.stages):
        for j, when in enumerate(alternatives(stage)):
            yield ("stages", i, "when", *([j] if isinstance(stage.when, list) else [])), when
        if stage.native:
            yield ("stages", i, "native", "when"), stage.native.when
        if stage.prepared:
            yield ("stages", i, "prepared", "when"), stage.prepared.when
        flags = {"compiles": stage.compiles, "installs": stage.installs, "crosses": stage.crosses}
        for name, flag in flags.items():
            if isinstance(flag, dict):
                yield ("stages", i, name), flag
    for i, variant in enumerate(definition.variants):
        yield ("variants", i, "when"), variant.when
