"""What a stack offers, as data and as the spec that one would begin with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from imgforge import spec as specs
from imgforge import template
from imgforge.choice import Choice, choose
from imgforge.errors import InvalidInputError
from imgforge.files import SPEC
from imgforge.stack import Definition, LoadedStack, StageDeclaration

_PROGRAM = 'entrypoint = ["/app/src/server"]'


def describe(stack: LoadedStack) -> dict[str, Any]:
    """Return all that a stack offers, for ``--format json``.

    Raises InvalidInputError if a template of it cannot be read.
    """
    definition = stack.definition
    started = _started(stack, "")
    chosen = started or _started(stack, f"{_PROGRAM}\n")
    return {
        "name": definition.name,
        "version": definition.version,
        "summary": definition.summary,
        "digest": stack.digest,
        "default": definition.default,
        "versions": {
            version: {
                "runtime": offer.runtime,
                "builder": offer.builder,
                "variables": offer.variables,
            }
            for version, offer in definition.versions.items()
        },
        "parameters": {name: _plain(declared) for name, declared in definition.parameters.items()},
        "lock": definition.lock,
        "locks": [_plain(kind) for kind in definition.locks],
        "requires": definition.requires,
        "stages": [_stage(stack, declared) for declared in definition.stages],
        "runtime": _plain(definition.runtime),
        "variants": [_plain(variant) for variant in definition.variants],
        "defaults": {
            "entrypoint": list(started.entrypoint) if started else [],
            "command": list(started.command) if started else [],
            "env": dict(chosen.env if chosen else definition.runtime.env),
        },
        "spec": _starter(definition) + (_own(started) if started else f"{_PROGRAM}\n"),
    }


def _plain(model: Any) -> dict[str, Any]:  # noqa: ANN401 - any table of stack.toml
    value: dict[str, Any] = model.model_dump(by_alias=True, exclude_none=True)
    return value


def _stage(stack: LoadedStack, declared: StageDeclaration) -> dict[str, Any]:
    name = f"{stack.definition.name}/{declared.template}"
    text = stack.templates[declared.template]
    blocks = template.outline(text, name, trusted=stack.trusted).blocks
    return {
        **_plain(declared),
        "blocks": sorted(f"{declared.name}.{block}" for block in blocks),
    }


def _started(stack: LoadedStack, program: str) -> Choice | None:
    """Return what the spec to begin with chooses; None if it has to name a ``program`` itself."""
    data = (_starter(stack.definition) + program).encode()
    try:
        return choose(stack, specs.parse(data), data, SPEC)
    except InvalidInputError:
        return None


def _own(started: Choice) -> str:
    shown = ", ".join(map(_toml, started.entrypoint))
    return f"# entrypoint = [{shown}] is the stack's own\n"


def _starter(definition: Definition) -> str:
    """Return the text of a spec to begin with, all but the program; it says what else there is."""
    name = definition.name
    lines = [
        "[image]",
        f'name = "acme/{name}-app"',
        'tags = ["0.1.0"]',
        "",
        "[stack]",
        f'name = "{name}"',
        f"version = {_toml(definition.default)} # or {_others(definition)}",
    ]
    if definition.parameters:
        lines += ["", "[stack.parameters]"]
    for key, declared in definition.parameters.items():
        choices = f" One of {', '.join(declared.choices)}." if declared.choices else ""
        lines += [f"# {declared.doc}{choices}", f"{key} = {_toml(declared.default)}"]
    lines += ["", "[app]", 'source = ["src"] # lands below /app']
    lines += _lock(definition)
    return "\n".join(lines).replace(" # or none", "") + "\n"


def _others(definition: Definition) -> str:
    return ", ".join(v for v in definition.versions if v != definition.default) or "none"


def _lock(definition: Definition) -> Iterator[str]:
    if not definition.locks:
        return
    kinds = [f"{kind.file} of {kind.manager} ({kind.mend})" for kind in definition.locks]
    file = definition.locks[0].file.replace("*", "requirements")
    head = "" if definition.lock == "required" else "# "
    yield f"{head}lock = {_toml(file)} # " + "; ".join(kinds)


def _toml(value: object) -> str:
    """Write a string, a boolean, a number or a list of strings: JSON's form is TOML's too."""
    return json.dumps(value, ensure_ascii=False)


def lines(value: dict[str, Any]) -> Iterator[str]:
    """Yield what :func:`describe` returned, for people."""
    yield f"{value['name']} {value['version']}: {value['summary']}"
    yield value["digest"]
    yield from ("", "versions:")
    for version, offer in value["versions"].items():
        default = " (default)" if version == value["default"] else ""
        builder = f", built with {offer['builder']}" if offer["builder"] else ""
        yield f"  {version}{default}: on {offer['runtime']}{builder}"
    yield from ("", "parameters:" if value["parameters"] else "parameters: none")
    for name, declared in value["parameters"].items():
        bounds = f", one of {', '.join(declared['choices'])}" if declared["choices"] else ""
        bounds += f", matching {declared['pattern']}" if "pattern" in declared else ""
        yield f"  {name} ({declared['type']}{bounds}) = {_toml(declared['default'])}"
        yield f"    {declared['doc']}"
    yield from ("", f"lock: {value['lock']}")
    for kind in value["locks"]:
        yield f"  {kind['file']} of {kind['manager']}; made with: {kind['mend']}"
    yield from ("", "stages:" if value["stages"] else "stages: none")
    for stage in value["stages"]:
        yield from _stage_lines(stage)
    yield from ("", "in the image, unless the spec says otherwise:")
    runtime, defaults = value["runtime"], value["defaults"]
    yield f"  entrypoint: {' '.join(defaults['entrypoint']) or 'none: the spec says it'}"
    for name, values in (
        ("command", defaults["command"]),
        ("ports", runtime["ports"]),
        ("writable", runtime["writable"]),
    ):
        if values:
            yield f"  {name}: {' '.join(map(str, values))}"
    if "health" in runtime:
        yield f"  health check: {' '.join(runtime['health']['command'])}"
    for name, text in defaults["env"].items():
        yield f"  {name}={text}"
    yield from ("", "a spec to begin with:", "")
    yield from (f"  {line}".rstrip() for line in value["spec"].splitlines())


def _stage_lines(stage: dict[str, Any]) -> Iterator[str]:
    places = [stage["destination"]] if "destination" in stage else []
    places += [copy["destination"] for copy in stage["copies"]]
    reach = "with network" if stage["network"] else "without network"
    if stage["indexes"]:
        reach += f", with the machine's settings for {', '.join(stage['indexes'])}"
    yield f"  {stage['name']}: {reach}; fills {', '.join(places) or 'nothing of the image'}"
    if stage["when"]:
        any_of = stage["when"] if isinstance(stage["when"], list) else [stage["when"]]
        each = (", ".join(f"{k} = {_toml(v)}" for k, v in when.items()) for when in any_of)
        yield f"    only if {' or '.join(each)}"
    if stage["blocks"]:
        yield f"    can be overridden: {', '.join(stage['blocks'])}"
