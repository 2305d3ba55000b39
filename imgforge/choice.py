"""A spec's choice among what its stack offers, with the stack's defaults filled in."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_core import PydanticCustomError

from imgforge import template, tomlfile
from imgforge.errors import InvalidInputError
from imgforge.fields import Argument, Entrypoint, Parameter, Text, relative
from imgforge.spec import Health, Spec
from imgforge.stack import (
    Definition,
    LoadedStack,
    Runtime,
    StageDeclaration,
    Variant,
    applies,
    exists,
    fits,
    holds,
    lock_kind,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen. ``stages`` are those that exist under the parameters, in order.

    ``manager`` is the lock's package manager, empty without a lock; ``manifests`` the lock and
    the files that installing needs with it, ``heeded`` those it heeds if they exist, ``inputs``
    what the stack requires and single stages read besides (all relative to the spec). ``compiles``
    is whether a stage compiles against system libraries. The rest are the runtime stage's settings:
    the spec's, else the stack's.
    """

    version: str
    runtime: str
    builder: str | None
    parameters: dict[str, Parameter]
    variables: dict[str, str]
    stages: tuple[StageDeclaration, ...] = ()
    manager: str = ""
    manifests: tuple[str, ...] = ()
    heeded: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    compiles: bool = False
    env: tuple[tuple[str, str], ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    ports: tuple[int | str, ...] = ()
    stop_signal: str = "SIGTERM"
    writable: tuple[str, ...] = ()
    health: Health | None = None
    copies_source: bool = True

    @property
    def facts(self) -> dict[str, Parameter]:
        """What conditions (``when``) are asked of: parameters, ``manager`` and ``version``."""
        return {**self.parameters, "manager": self.manager, "version": self.version}


def choose(stack: LoadedStack, spec: Spec, data: bytes, name: str) -> Choice:
    """Fit ``spec`` (its bytes and file name for the messages) to ``stack``; list all misfits."""
    problems = [*_parameter_problems(stack, spec), *_other_problems(stack, spec)]
    if problems:
        raise tomlfile.invalid(name, data, problems)
    definition, wanted = stack.definition, spec.stack
    version = wanted.version or definition.default
    offer = definition.versions[version]
    defaults = {key: declared.default for key, declared in definition.parameters.items()}
    parameters = {**defaults, **wanted.parameters}
    kind = lock_kind(definition, spec.app.lock) if spec.app.lock else None
    facts = {**parameters, "manager": kind.manager if kind else "", "version": version}
    stages = tuple(s for s in definition.stages if exists(s, facts))
    variants = [v for v in definition.variants if holds(v.when, facts)]
    runtime = _merged(definition.runtime, variants)
    texts = _Texts(stack, {"parameters": parameters, "variables": offer.variables, "spec": spec})
    entrypoint, command = spec.app.entrypoint, spec.app.command
    if entrypoint is None:
        entrypoint = texts.program(runtime.entrypoint)
        command = command or texts.of(runtime.command)
    problems = list(_late_problems(spec, stages, entrypoint, _locks(definition)))
    if problems:
        raise tomlfile.invalid(name, data, problems)
    bases = {"runtime": offer.runtime, "builder": offer.builder}
    for variant in variants:
        bases |= {k: v for k in bases if (v := getattr(variant, k)) is not None}
    folder = PurePosixPath(spec.app.lock or ".").parent
    return Choice(
        version,
        wanted.base or bases["runtime"] or "",
        (wanted.builder or bases["builder"]) if stages else None,
        parameters,
        offer.variables,
        stages=stages,
        manager=kind.manager if kind else "",
        manifests=(
            *(str(folder / f) for f in (kind.beside if kind else ())),
            *((spec.app.lock,) if spec.app.lock else ()),
        ),
        heeded=tuple(str(folder / f) for f in (kind.optional if kind else ())),
        inputs=tuple(
            dict.fromkeys(
                (
                    *(str(folder / i) for i in definition.requires),
                    *(str(folder / i) for s in stages for i in inputs(s, parameters)),
                    *(i for s in stages for i in named(s.sources_from, parameters)),
                )
            )
        ),
        compiles=any(applies(s.compiles, facts) for s in stages),
        env=tuple((k, texts.text(v)) for k, v in runtime.env.items()),
        entrypoint=tuple(entrypoint),
        command=tuple(command),
        ports=tuple(spec.app.ports or runtime.ports),
        stop_signal=spec.app.stop_signal or runtime.stop_signal or "SIGTERM",
        writable=tuple(dict.fromkeys((*runtime.writable, *spec.run.writable))),
        health=spec.health or _health(runtime, texts),
        copies_source=runtime.source != "none",
    )


def inputs(stage: StageDeclaration, parameters: Mapping[str, Parameter]) -> list[str]:
    """Return what a stage reads besides the manifests, named from the lock's folder."""
    return list(dict.fromkeys((*stage.inputs, *named(stage.inputs_from, parameters))))


def named(names: Sequence[str], parameters: Mapping[str, Parameter]) -> list[str]:
    """Return the paths that parameters hold, each one or a list of them."""
    values = (parameters[name] for name in names)
    return [str(i) for v in values for i in (v if isinstance(v, list) else [v] if v else [])]


def _merged(runtime: Runtime, variants: list[Variant]) -> Runtime:
    values = {name: getattr(runtime, name) for name in Runtime.model_fields}
    for variant in variants:
        for name in variant.model_fields_set & values.keys():
            own = getattr(variant, name)
            values[name] = {**values[name], **own} if name == "env" else own
    return Runtime.model_construct(**values)


class _Texts:
    """Renders the one-line templates of a stack's runtime settings."""

    def __init__(self, stack: LoadedStack, variables: dict[str, Any]) -> None:
        self._stack = stack
        self._variables = variables

    def one(self, text: str) -> str:
        if "{" not in text:
            return text
        return template.line(
            text,
            self._variables,
            name=f"{self._stack.definition.name}/stack.toml",
            trusted=self._stack.trusted,
        )

    def text(self, text: str) -> str:
        """Render a value of the environment, which must still be one."""
        return self._still(Text, self.one(text))

    def of(self, texts: list[str]) -> list[str]:
        """Render the words of a command, still arguments; one that renders to nothing is none."""
        rendered = ((text, self.one(text)) for text in texts)
        return [self._still(Argument, found) for text, found in rendered if found or not text]

    def program(self, texts: list[str]) -> list[str]:
        """Render a command that is run as it is: its program is named by an absolute path.

        Empty if all its words render to nothing.
        """
        found = self.of(texts)
        return self._still(Entrypoint, found) if found else []

    def _still(self, kind: Any, value: T) -> T:  # noqa: ANN401 - a field's type
        from pydantic import ValidationError

        try:
            _adapter(kind).validate_python(value, strict=True)
        except ValidationError as error:
            said = error.errors(include_url=False)[0]["msg"]
            raise InvalidInputError(
                f"{self._stack.definition.name}/stack.toml: {value!a:.200} is not right: {said}"
            ) from error
        return value


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - a field's type
    """Return what judges values of a kind: making it takes longer than a hundred judgements."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _health(runtime: Runtime, texts: _Texts) -> Health | None:
    declared = runtime.health
    if declared is None:
        return None
    values = {name: getattr(declared, name) for name in type(declared).model_fields}
    return Health.model_construct(**{**values, "command": texts.program(declared.command)})


def _parameter_problems(stack: LoadedStack, spec: Spec) -> Iterator[tomlfile.Problem]:
    declarations = stack.definition.parameters
    for key, value in spec.stack.parameters.items():
        place = ("stack", "parameters", key)
        declared = declarations.get(key)
        if declared is None:
            known = ", ".join(declarations) or "none"
            title = f"{stack.definition.name} {stack.definition.version}"
            yield tomlfile.Problem(place, "unknown parameter", f"parameters of {title}: {known}")
        elif not fits(declared, value, trusted=stack.trusted):
            wants = " or ".join(map(repr, declared.choices)) or declared.type
            wants += f" matching {declared.pattern}" if declared.pattern else ""
            yield tomlfile.Problem(place, f"{value!r} does not fit", f"write {wants}")
    stages = stack.definition.stages
    for name in {n for stage in stages for n in (*stage.inputs_from, *stage.sources_from)}:
        given = spec.stack.parameters.get(name, [])
        for path in given if isinstance(given, list) else [given]:
            if not isinstance(path, str) or not path:
                continue
            try:
                relative(path)
            except PydanticCustomError as error:
                hint = str((error.context or {}).get("hint", ""))
                yield tomlfile.Problem(("stack", "parameters", name), error.message(), hint)


def _other_problems(stack: LoadedStack, spec: Spec) -> Iterator[tomlfile.Problem]:
    definition, wanted = stack.definition, spec.stack
    if wanted.version and wanted.version not in definition.versions:
        yield tomlfile.Problem(
            ("stack", "version"),
            f"no version {wanted.version!r}",
            f"one of {', '.join(definition.versions)}",
        )
    unlocked = _unlocked(definition, spec)
    if definition.lock == "required" and spec.app.lock is None and not unlocked:
        yield tomlfile.Problem(("app", "lock"), "is required", _locks(definition))
    if (definition.lock == "none" or unlocked) and spec.app.lock is not None:
        why = f" with {unlocked}" if unlocked else ""
        message = f"stack {definition.name} has no use for a lock{why}"
        yield tomlfile.Problem(("app", "lock"), message)
    elif spec.app.lock is not None and lock_kind(definition, spec.app.lock) is None:
        yield tomlfile.Problem(
            ("app", "lock"),
            f"stack {definition.name} knows no lock file called {spec.app.lock!r}",
            _locks(definition),
        )
    if wanted.builder and not definition.stages:
        yield tomlfile.Problem(("stack", "builder"), f"stack {definition.name} builds nothing")


def _unlocked(definition: Definition, spec: Spec) -> str:
    """Say which parameter values make a lock needless; empty if none do."""
    values = {key: declared.default for key, declared in definition.parameters.items()}
    values |= spec.stack.parameters
    facts = {**values, "manager": "", "version": spec.stack.version or definition.default}
    if not definition.unlocked or not holds(definition.unlocked, facts):
        return ""
    return ", ".join(f"{name} = {json.dumps(facts[name])}" for name in definition.unlocked)


def _locks(definition: Definition) -> str:
    return "; ".join(f"{kind.file}: {kind.mend}" for kind in definition.locks)


def _late_problems(
    spec: Spec, stages: tuple[StageDeclaration, ...], entrypoint: list[str], locks: str
) -> Iterator[tomlfile.Problem]:
    """Yield what can be told only once the stages and defaults are known."""
    if not entrypoint:
        yield tomlfile.Problem(
            ("app", "entrypoint"), "is required", 'such as ["/app/server"], never through a shell'
        )
    for stage in stages if spec.app.lock is None else ():
        if stage.locked:
            yield tomlfile.Problem(
                ("app", "lock"),
                f"is required for stage {stage.name}",
                locks,
            )
    steps = [stage.name for stage in stages]
    for i, secret in enumerate(spec.build.secrets):
        if secret.step not in steps:
            yield tomlfile.Problem(
                ("build", "secrets", i, "step"),
                f"no step {secret.step!r}",
                f"steps: {', '.join(steps) or 'none'}",
            )
