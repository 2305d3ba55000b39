"""The stages of a Dockerfile, with variables expanded in the scope where each word stands.

See moby/buildkit, ``frontend/dockerfile/dockerfile2llb/convert.go``. What a base image brings
along (its environment, its user) is not known here: a variable that only it may set stays as it is
written, and its name stands in ``Step.unset``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from imgforge.dockerfile.instructions import Mount, mounts, problems, stage_name
from imgforge.dockerfile.lines import (
    Directives,
    Instruction,
    Pair,
    Problem,
    ProblemError,
    is_heredoc,
    read,
)
from imgforge.dockerfile.words import Expanded, ExpansionError, Meter, expand
from imgforge.errors import InvalidInputError
from imgforge.secrets.names import listed

SCRATCH: Final = "scratch"

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What BuildKit sets where a base sets none (``system.DefaultPathEnvUnix``)."""

_PLATFORM: Final = re.compile(r"[A-Za-z0-9_.-]+(?:\([^()]*\))?(?:/[A-Za-z0-9_.-]+){0,2}")
_ALONE: Final = listed(
    "linux windows darwin freebsd openbsd netbsd dragonfly solaris illumos aix android plan9 js"
    " wasip1 ios 386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc64 ppc64le riscv64"
    " s390x wasm x86_64 x86-64 aarch64 armhf armel i386 local"
)
_EXPANDED_PAIRS: Final = frozenset({"ENV", "LABEL"})
_EXPANDED_ARGS: Final = frozenset({"USER", "WORKDIR", "VOLUME", "STOPSIGNAL"})
_EXPANDED_FLAGS: Final = frozenset({"chown", "chmod", "checksum"})
_COPIES: Final = frozenset({"ADD", "COPY"})
_SHOWN: Final = 300
_DETAILS: Final = 50


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction of a stage, in its scope.

    ``args`` and ``pairs`` are those of the instruction, expanded as BuildKit expands them (the text
    of RUN, CMD and the like is the shell's business and stays). ``unset`` are the variables they
    name that have no value here. ``shell`` is the SHELL in force, empty for the default;
    ``source`` is the stage that ``COPY --from`` names, by index. ``mounts`` are those of a RUN.
    """

    instruction: Instruction
    args: tuple[str, ...]
    pairs: tuple[Pair, ...]
    unset: frozenset[str] = frozenset()
    shell: tuple[str, ...] = ()
    source: int | None = None
    mounts: tuple[Mount, ...] = ()

    @property
    def name(self) -> str:
        """The instruction's name in capitals."""
        return self.instruction.name

    @property
    def line(self) -> int:
        """The instruction's first line, from 1."""
        return self.instruction.line


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. ``name`` is in lower case and may be empty; ``line`` is that of its FROM.

    ``base`` is the image it begins with, expanded, and ``written`` as it stands there; ``parent``
    is the index of the stage that ``base`` names, None for an image. ``unset`` are variables in
    ``written`` that have no value. ``needs`` are the stages it is made from, by index.
    ``env`` are the variables that are known at its end.
    """

    index: int
    name: str
    line: int
    base: str
    written: str
    platform: str
    parent: int | None
    steps: tuple[Step, ...]
    unset: frozenset[str] = frozenset()
    needs: frozenset[int] = frozenset()
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What to call it in a message."""
        return self.name or f"stage {self.index}"


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile that was read whole. ``target`` is the index of the stage that is built.

    ``arguments`` are the ARG before the first FROM, with their defaults expanded.
    """

    name: str
    directives: Directives
    arguments: tuple[Step, ...]
    stages: tuple[Stage, ...]
    target: int

    def shipped(self) -> tuple[Stage, ...]:
        """Return the stages whose files are in the image, the first ancestor first."""
        found: list[Stage] = []
        index: int | None = self.target
        while index is not None:
            found.append(self.stages[index])
            index = found[-1].parent
        return tuple(reversed(found))

    def built(self) -> tuple[Stage, ...]:
        """Return the stages that are built for the target, in the order of the file."""
        return tuple(self.stages[i] for i in sorted(_reachable(self.stages, self.target)))


def parse(
    data: bytes,
    name: str = "Dockerfile",
    *,
    target: str = "",
    build_args: Mapping[str, str] | None = None,
    platform: str = "linux/amd64",
) -> Dockerfile:
    """Read a Dockerfile; ``target`` is a stage's name or index, the last one by default.

    ``build_args`` are values of ``--build-arg``. InvalidInputError lists what is wrong, each
    problem as ``name:line: message``.
    """
    found = examine(data, name, target=target, build_args=build_args, platform=platform)
    if isinstance(found, Dockerfile):
        return found
    raise InvalidInputError(
        f"{name} is not a Dockerfile that can be built",
        details=[f"{name}:{problem.line}: {problem.message}" for problem in found[:_DETAILS]],
    )


def examine(
    data: bytes,
    name: str = "Dockerfile",
    *,
    target: str = "",
    build_args: Mapping[str, str] | None = None,
    platform: str = "linux/amd64",
) -> Dockerfile | tuple[Problem, ...]:
    """Read a Dockerfile as :func:`parse` does; return what is wrong with it instead of raising."""
    try:
        directives, instructions, wrong = read(data)
        wrong += tuple(Problem(i.line, message) for i in instructions for message in problems(i))
        wrong = wrong or tuple(_misplaced(instructions))
        if not wrong:
            evaluation = _Evaluation(directives, dict(build_args or {}), platform)
            return evaluation.run(name, instructions, target)
    except ProblemError as error:
        wrong = (error.problem,)
    return tuple(Problem(line, _short(message)) for line, message in sorted(wrong))


def _misplaced(instructions: tuple[Instruction, ...]) -> Iterator[Problem]:
    for instruction in instructions:
        if instruction.name == "FROM":
            return
        if instruction.name != "ARG":
            yield Problem(instruction.line, "no build stage in current context")
            return
    yield Problem(instructions[-1].line, "dockerfile contains no stages to build")


def _short(message: str) -> str:
    shown = "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in message)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def _reachable(stages: tuple[Stage, ...], target: int) -> set[int]:
    found: set[int] = set()
    pending = [target]
    while pending:
        index = pending.pop()
        if index not in found:
            found.add(index)
            pending += stages[index].needs
    return found


class _Scope:
    """The variables of a stage; ``complete`` says that no base image adds to them."""

    def __init__(self, values: Mapping[str, str], *, complete: bool) -> None:
        self.values = dict(values)
        self.complete = complete
        self.shell: tuple[str, ...] = ()

    def child(self) -> _Scope:
        scope = _Scope(self.values, complete=self.complete)
        scope.shell = self.shell
        return scope


class _Evaluation:
    """Follows the instructions of one file from the first to the last."""

    def __init__(
        self, directives: Directives, build_args: Mapping[str, str], platform: str
    ) -> None:
        self._directives = directives
        self._build_args = build_args
        self._meter = Meter()
        self._globals = _platform_arguments(platform)
        self._stages: list[Stage] = []
        self._scopes: list[_Scope] = []
        self._names: dict[str, int] = {}
        self._late: list[tuple[int, ProblemError]] = []

    def run(self, name: str, instructions: tuple[Instruction, ...], target: str) -> Dockerfile:
        arguments: list[Step] = []
        groups: list[list[Instruction]] = []
        for instruction in instructions:
            if instruction.name == "FROM":
                groups.append([instruction])
            elif groups:
                groups[-1].append(instruction)
            else:
                arguments.append(self._global(instruction))
        for index, group in enumerate(groups):
            self._begin(index, group)
        for index, group in enumerate(groups):
            self._stages[index] = self._fill(self._stages[index], group[1:])
        chosen = self._chosen(target)
        stages = tuple(self._stages)
        _no_circle(stages)
        built = _reachable(stages, chosen)
        for index, error in self._late:
            if index in built:
                raise error
        return Dockerfile(name, self._directives, tuple(arguments), stages, chosen)

    def _chosen(self, target: str) -> int:
        if not target:
            return len(self._stages) - 1
        if target.lower() in self._names:
            return self._names[target.lower()]
        if target in map(str, range(len(self._stages))):
            return int(target)
        raise ProblemError(1, f'target stage "{target}" could not be found')

    def _expand(self, word: str, scope: _Scope, line: int, *, plain: bool = False) -> Expanded:
        try:
            return expand(
                word,
                scope.values,
                escape="\\" if plain else self._directives.escape,
                keep_unset=not scope.complete,
                plain_quotes=plain,
                meter=self._meter,
            )
        except ExpansionError as error:
            # The word is not shown: it may hold a credential.
            raise ProblemError(line, f"a word cannot be expanded: {error}") from error

    def _global(self, instruction: Instruction) -> Step:
        scope = _Scope(self._globals, complete=True)
        pairs: list[Pair] = []
        unset: set[str] = set()
        for name, default in instruction.pairs:
            value = self._build_args.get(name)
            if value is None and default is not None:
                found = self._expand(default, scope, instruction.line)
                value = found.text
                unset |= found.unset
            if value is not None:
                self._globals[name] = value
                scope.values[name] = value
            pairs.append(Pair(name, value))
        return Step(instruction, (), tuple(pairs), frozenset(unset))

    def _begin(self, index: int, group: list[Instruction]) -> None:
        """Add a stage by its FROM."""
        first = group[0]
        scope = _Scope(self._globals, complete=True)
        base = self._expand(first.args[0], scope, first.line)
        if not base.text:
            raise ProblemError(first.line, f"base name ({first.args[0]}) should not be blank")
        written = first.flag("platform") or ""
        platform = self._expand(written, scope, first.line).text if written else ""
        if written and not _is_platform(platform):
            raise ProblemError(first.line, f"failed to parse platform {written}")
        name = stage_name(first)
        parent = self._names.get(base.text)
        if parent is None and base.text != SCRATCH:
            self._is_reference(base.text, first.line)
        self._stages.append(
            Stage(
                index,
                name,
                first.line,
                base.text,
                first.args[0],
                platform,
                parent,
                (),
                base.unset,
            )
        )
        if name:
            self._names[name] = index

    @staticmethod
    def _is_reference(text: str, line: int) -> None:
        from imgforge.oci.reference import Reference

        name, at, digest = text.partition("@")
        # Other digests than SHA-256 are BuildKit's to judge.
        known = not at or digest.startswith("sha256:")
        try:
            Reference.parse(text if known else name)
        except InvalidInputError as error:
            raise ProblemError(line, f'failed to parse stage name "{text}"') from error

    def _fill(self, stage: Stage, instructions: list[Instruction]) -> Stage:
        if stage.parent is None:
            nothing = stage.base == SCRATCH
            scope = _Scope({"PATH": PATH} if nothing else {}, complete=nothing)
        else:
            scope = self._scopes[stage.parent].child()
        self._scopes.append(scope)
        needs = {stage.parent} if stage.parent is not None else set()
        steps: list[Step] = []
        for instruction in instructions:
            try:
                step = self._step(instruction, scope)
            except ProblemError as error:
                # It is one only if the stage is built.
                self._late.append((stage.index, error))
                continue
            step = self._sources(step, stage, needs)
            steps.append(step)
        env = dict(scope.values)
        return replace(stage, steps=tuple(steps), needs=frozenset(needs), env=env)

    def _sources(self, step: Step, stage: Stage, needs: set[int]) -> Step:
        """Find the stages that a step takes files from."""
        named = [mount.source_stage for mount in step.mounts if mount.source_stage]
        copied = step.instruction.flag("from") if step.name == "COPY" else None
        source = self._copied_from(copied, step.line) if copied else None
        found = {self._names[name.lower()] for name in named if name.lower() in self._names}
        found |= {source} if source is not None else set()
        for index in sorted(found):
            needs.add(index)
            if index > stage.index:
                self._late.append(
                    (
                        stage.index,
                        ProblemError(
                            step.line,
                            f'cannot copy from stage "{self._stages[index].title}", it needs to'
                            " be defined before the current stage",
                        ),
                    )
                )
        return replace(step, source=source)

    def _copied_from(self, name: str, line: int) -> int | None:
        plain = self._expand(name, _Scope({}, complete=True), line).text
        if plain != name:
            raise ProblemError(
                line,
                "variable expansion is not supported for --from, define a new stage with FROM"
                " using ARG from global scope as a workaround",
            )
        if re.fullmatch(r"[+-]?[0-9]{1,10}", name):
            if not 0 <= int(name) < len(self._stages):
                raise ProblemError(line, f"invalid stage index {name}")
            return int(name)
        return self._names.get(name.lower())

    def _step(self, instruction: Instruction, scope: _Scope) -> Step:
        unset: set[str] = set()

        def word(text: str) -> str:
            found = self._expand(text, scope, instruction.line)
            unset.update(found.unset)
            return found.text

        name, args, pairs = instruction.name, instruction.args, instruction.pairs
        if name == "ARG":
            pairs = tuple(self._argument(pair, scope, word) for pair in pairs)
        elif name in _EXPANDED_PAIRS:
            pairs = tuple(Pair(word(pair.name), word(pair.value or "")) for pair in pairs)
            if name == "ENV":
                scope.values.update((pair.name, pair.value or "") for pair in pairs)
        elif name in _COPIES:
            args = tuple(a if is_heredoc(a) else word(a) for a in args)
            instruction = self._copying(instruction, scope, word)
        elif name == "EXPOSE":
            found = [self._expand(a, scope, instruction.line) for a in args]
            args = tuple(port for item in found for port in item.words)
            unset.update(*(item.unset for item in found))
        elif name in _EXPANDED_ARGS:
            args = tuple(word(a) for a in args)
        elif name == "SHELL":
            scope.shell = args
        found_mounts = mounts(instruction) if name == "RUN" else ()
        return Step(instruction, args, pairs, frozenset(unset), scope.shell, mounts=found_mounts)

    def _copying(
        self, instruction: Instruction, scope: _Scope, word: Callable[[str], str]
    ) -> Instruction:
        for heredoc in instruction.heredocs:
            if heredoc.expand:
                self._expand(heredoc.text, scope, instruction.line, plain=True)
        flags = tuple(
            flag._replace(value=word(flag.value or "")) if flag.name in _EXPANDED_FLAGS else flag
            for flag in instruction.flags
        )
        return replace(instruction, flags=flags)

    def _argument(self, pair: Pair, scope: _Scope, word: Callable[[str], str]) -> Pair:
        value = self._build_args.get(pair.name)
        if value is None:
            value = self._globals.get(pair.name) if pair.value is None else word(pair.value)
        if value is not None:
            scope.values[pair.name] = value
        return Pair(pair.name, value)


def _platform_arguments(platform: str) -> dict[str, str]:
    system, _, rest = platform.partition("/")
    machine, _, variant = rest.partition("/")
    out: dict[str, str] = {}
    for side in ("BUILD", "TARGET"):
        out |= {
            f"{side}PLATFORM": platform,
            f"{side}OS": system,
            f"{side}OSVERSION": "",
            f"{side}ARCH": machine,
            f"{side}VARIANT": variant,
        }
    return {**out, "TARGETSTAGE": ""}


def _is_platform(text: str) -> bool:
    if not _PLATFORM.fullmatch(text):
        return False
    return "/" in text or text.partition("(")[0].lower() in _ALONE


def _no_circle(stages: tuple[Stage, ...]) -> None:
    """ProblemError if stages need each other in a circle."""
    done: set[int] = set()
    for stage in stages:
        # A circle has to go forward somewhere, so it is enough to begin at what needs later ones.
        if stage.index in done or all(index < stage.index for index in stage.needs):
            continue
        for index in stage.needs:
            if index >= stage.index and stage.index in _reachable(stages, index):
                raise ProblemError(
                    stage.line, f'circular dependency detected on stage: "{stage.title}"'
                )
        done.add(stage.index)
