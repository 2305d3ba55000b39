"""IF050: the command cannot be started."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import DIRECTORY, FILE, FileFact, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import Identity, identity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF050",
    Severity.HIGH,
    "The image's command cannot be started",
    why="The container would end with an error as soon as it starts, for everyone and every"
    " time. Often the program was left out, the path was mistyped, a script names an"
    " interpreter that the image lacks, or the image's user may not run the file. It is"
    " better known now than in the first deployment.",
    remedy="Name an executable that is in the image and that its user may run.",
    example="""\
# Faulty: the script needs a shell, and the base has none.
COPY start.sh /app/start.sh
ENTRYPOINT ["/app/start.sh"]

# Cured: the program itself, executable for the image's user.
COPY --chmod=0755 server /app/server
ENTRYPOINT ["/app/server"]
""",
    references=("OCI image-spec, config.md (Entrypoint, Cmd)", "execve(2)"),
)

_DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INTERPRETERS: Final = 4
"""Scripts interpreted by scripts that Linux follows (BINPRM_MAX_RECURSION)."""


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Follow the first argument as the kernel does: PATH, links, modes, interpreters."""
    settings = image.settings
    command = (*settings.entrypoint, *settings.cmd)
    if not command:
        yield RULE.finding("there is neither entrypoint nor command")
        return
    problem = unstartable(image, identity(image), command[0])
    if problem:
        yield RULE.finding(problem, path=command[0].lstrip("/"))


def unstartable(image: ImageFacts, who: Identity, program: str) -> str:
    """Say why ``program`` cannot be started by ``who``; empty if it can."""
    said = program
    for _ in range(_INTERPRETERS):
        fact = find_program(image, who, program)
        if fact is None:
            return f"{said!r} is not in the image"
        if not _executable(image, who, fact):
            return f"{said!r} (/{fact.path}, mode {fact.mode:04o}) cannot be run by its user"
        line = image.interpreter(fact)
        if line is None:
            return ""
        words = line.split()
        program = words[0] if words else "/"
        if program.endswith("/env"):
            problem = unstartable(image, who, program)
            if problem:
                return problem
            wanted = (w for w in words[1:] if not w.startswith("-") and "=" not in w)
            program = next(wanted, program)
        said = f"{program} (interpreter of {said})"
    return f"{said!r} is interpreted by too many scripts"


def interpreters(image: ImageFacts, who: Identity, fact: FileFact) -> list[FileFact]:
    """Return the programs that read the script ``fact``, each the next one's script."""
    found: list[FileFact] = []
    line = image.interpreter(fact)
    while line and len(found) < _INTERPRETERS:
        reader = find_program(image, who, line.split()[0])
        if reader is None:
            break
        found.append(reader)
        line = image.interpreter(reader)
    return found


def find_program(image: ImageFacts, who: Identity, program: str) -> FileFact | None:
    """Return the file that ``program`` stands for, preferring what ``who`` may execute.

    A name without a slash is looked for in PATH, others from the working directory.
    """
    if "/" in program:
        start = "" if program.startswith("/") else image.settings.working_dir
        return image.lookup(f"{start}/{program}")
    path = image.settings.variable("PATH")
    found = None
    for folder in (_DEFAULT_PATH if path is None else path).split(":"):
        fact = image.lookup(f"{folder or image.settings.working_dir}/{program}")
        if fact is not None and fact.kind == FILE:
            found = found or fact
            if _executable(image, who, fact):
                return fact
    return found


def _executable(image: ImageFacts, who: Identity, fact: FileFact) -> bool:
    if fact.kind != FILE or not _may_execute(who, fact):
        return False
    folder = fact.path.rpartition("/")[0]
    while folder:
        above = image.files.get(folder)
        if above is None or above.kind != DIRECTORY or not _may_execute(who, above):
            return False
        folder = folder.rpartition("/")[0]
    return True


def _may_execute(who: Identity, fact: FileFact) -> bool:
    if who.uid == 0:
        return fact.kind == DIRECTORY or bool(fact.mode & 0o111)
    if who.uid == fact.uid:
        return bool(fact.mode & 0o100)
    return bool(fact.mode & (0o010 if fact.gid in who.groups else 0o001))
