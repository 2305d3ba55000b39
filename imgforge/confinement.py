"""What the instructions of a build stage may be, whoever wrote the template that rendered them.

A stage's text stands between two FROMs of imgforge's own. It can neither begin another stage nor
swallow what follows it, reads no image but the stages before it, mounts no secret that was not
declared, and reaches the network only if its stack says so. Only what BuildKit and buildah share
is allowed, so a plan that was compiled is one that every engine with RUN can build.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Final

from imgforge.dockerfile.instructions import Mount, mounts, problems
from imgforge.dockerfile.lines import Instruction, ProblemError, read
from imgforge.errors import InvalidInputError

_FLAGS: Final = {
    "RUN": frozenset({"mount", "network"}),
    "COPY": frozenset({"from", "chown", "chmod"}),
    "WORKDIR": frozenset[str](),
    "ENV": frozenset[str](),
    "ARG": frozenset[str](),
}
_MOUNTS: Final = frozenset({"bind", "cache", "secret", "tmpfs"})
_TARGETS: Final = frozenset({"target", "dst", "destination"})
_ODD: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co"})
"""Unicode categories of what is not seen, or ends a line for one reader and not for another."""
_FLAG: Final = re.compile(r"--[a-z]+(?:=[^\s\\'\"`]*)?")
"""A flag as every engine reads it: nothing in it is quoted or escaped."""
_VALUE: Final = re.compile(r"[\w.@+/-]+", re.ASCII)
_BEFORE: Final = "FROM scratch AS above\n"
_AFTER: Final = "FROM scratch AS below\n"


def confine(
    body: str,
    *,
    name: str,
    stages: Collection[str],
    secrets: Collection[str],
    network: bool,
    caches: str = "",
) -> None:
    """Demand that ``body`` keeps within a stage; InvalidInputError lists what does not.

    ``name`` is the stage's name for the messages, ``stages`` the names of those before it,
    ``secrets`` the ids it may mount. A cache is called after its target, with ``caches`` before it.
    """
    found = list(_odd(body))
    text = f"{_BEFORE}{body.rstrip()}\n{_AFTER}"
    try:
        _, instructions, wrong = read(text.encode())
        found += [(p.line, p.message) for p in wrong]
        found += [(i.line, message) for i in instructions for message in problems(i)]
    except ProblemError as error:
        instructions = ()
        found.append((error.problem.line, error.problem.message))
    last = text.count("\n")
    if not found and (instructions[-1].name != "FROM" or instructions[-1].line != last):
        found.append((last - 1, "its last line goes on into what follows the stage"))
    lines = text.split("\n")
    for instruction in instructions[1:-1] if not found else ():
        if _torn(instruction, lines[instruction.line - 1 : instruction.end]):
            found.append((instruction.line, "a flag stands on one line, with a space after it"))
        found += [
            (instruction.line, message)
            for message in _problems(instruction, stages, secrets, network, caches)
        ]
    if found:
        raise InvalidInputError(
            f"stage {name!r} cannot be part of an image",
            details=[f"{name}:{line - 1}: {message}" for line, message in found[:50]],
            hint=f"lines are those of the rendered stage; {name} is rendered by its stack",
        )


def _odd(body: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(body.split("\n"), 2):
        if line.replace("\t", "").isprintable():
            continue  # so it has nothing of these categories, and most lines are
        strange = {c for c in line if c != "\t" and unicodedata.category(c) in _ODD}
        for char in sorted(strange):
            yield number, f"the character U+{ord(char):04X} is not for Dockerfiles"


def _problems(
    instruction: Instruction,
    stages: Collection[str],
    secrets: Collection[str],
    network: bool,  # noqa: FBT001 - as in confine
    caches: str,
) -> Iterator[str]:
    name = instruction.name
    if name not in _FLAGS:
        yield f"{name} is not for build stages: {', '.join(_FLAGS)} are"
        return
    for flag in instruction.flags:
        if flag.name not in _FLAGS[name]:
            yield f"{name} --{flag.name} is not what every engine understands"
    for word in _written_flags(instruction):
        if not _FLAG.fullmatch(word):
            yield f"{name} {word}: a flag is written plainly, without quotes, escapes or spaces"
    if instruction.heredocs:
        yield "a here-document is not what every engine understands"
    origin = instruction.flag("from") if name == "COPY" else None
    if origin is not None and origin not in stages:
        yield f"COPY --from={origin} is no stage before this one"
    if name == "RUN":
        yield from _run_problems(instruction, stages, secrets, network)
        yield from _cache_problems(instruction, caches)


def _written_flags(instruction: Instruction) -> list[str]:
    """Return the flags as they stand in the file."""
    head = instruction.text[: instruction.rest].split()
    return [word for word in head[1:] if word != "--"]


def _torn(instruction: Instruction, lines: list[str]) -> bool:
    """Whether flags are not whole words of the lines as well, where engines of ours find them."""
    written = " ".join(line for line in lines if not line.lstrip().startswith("#"))
    words, flags = [w for w in written.split() if w != "\\"], _written_flags(instruction)
    return words[1 : 1 + len(flags)] != flags


def _run_problems(
    instruction: Instruction,
    stages: Collection[str],
    secrets: Collection[str],
    network: bool,  # noqa: FBT001 - as in confine
) -> Iterator[str]:
    wanted = instruction.flag("network")
    if not network and wanted != "none":
        yield "it runs with network, which the stage does not declare (network = true)"
    if network and wanted not in {None, "default"}:
        yield f"--network={wanted} in a stage that declares network: use a stage of its own"
    for written, mount in zip(instruction.values("mount"), mounts(instruction), strict=True):
        yield from _value_problems(written)
        yield from _mount_problems(mount, stages, secrets)


def _value_problems(mount: str) -> Iterator[str]:
    """Yield what of a mount is not plain: engines join these paths to places of the machine."""
    seen: set[str] = set()
    for part in mount.split(","):
        name, equals, value = part.partition("=")
        if name in seen:
            yield f"a mount says {name} twice"
        seen.add(name)
        if equals and (not _VALUE.fullmatch(value) or ".." in value.split("/")):
            yield f"a mount's {part} is not plain: letters, digits and . _ @ + - /, without '..'"
        if name in _TARGETS and not value.startswith("/"):
            yield f"a mount's {part} is not absolute"


def _cache_problems(instruction: Instruction, caches: str) -> Iterator[str]:
    """Yield the caches that are not this stack's: all who use one believe what lies in it."""
    for mount in mounts(instruction):
        own = caches + mount.target
        if mount.kind == "cache" and (mount.id or mount.target) != own:
            yield (
                f"the cache {mount.target} is called {mount.id or mount.target}, not {own}: "
                "name the folder in the macro, run(cache=[...])"
            )


def _mount_problems(
    mount: Mount, stages: Collection[str], secrets: Collection[str]
) -> Iterator[str]:
    if mount.kind not in _MOUNTS:
        yield f"a mount of type {mount.kind} is not what every engine understands"
    if mount.source_stage and mount.source_stage not in stages:
        yield f"a mount from {mount.source_stage}, which is no stage before this one"
    if mount.source_stage and mount.source.strip("/"):
        # buildah of old follows a link there, which a step may have made, on the machine itself.
        yield f"a mount of {mount.source} from a stage: only the whole of it can be mounted"
    if mount.kind == "cache" and mount.source.strip("/"):
        yield f"a mount of {mount.source} from a cache: only the whole of it can be mounted"
    if mount.kind == "bind" and mount.writable:
        yield "a bind mount that can be written: buildah would change what is bound"
    if mount.kind == "secret":
        identity = mount.id or mount.target.rpartition("/")[2]
        if identity not in secrets:
            yield f"secret {identity!r} is not declared for this stage"
        if mount.env:
            yield "a secret as a variable is not what every engine understands"
