"""IF014: the process may change the programs that it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import FILE, FileFact, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.entrypoint import find_program, interpreters
from imgforge.checks.image.identity import Identity, identity, may_replace, may_write
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF014",
    Severity.MEDIUM,
    "The image's user can change the programs it runs",
    why="Whoever gets the process to write a file of his choice can then replace the application"
    " or a library it loads: a small fault becomes code of his own, which stays until the"
    " container is replaced. Programs owned by root and closed to others cannot be changed from"
    " within. An owner can always give himself the right to write.",
    remedy="Let root own programs (COPY without --chown), and give the user one directory for"
    " data.",
    example="COPY --chown=app:app . /app        # the app may rewrite itself\nCOPY --chmod=0555 ."
    " /app\nCOPY --chown=65532:65532 data /data",
    references=("NIST SP 800-190 4.4.4", "CWE-732"),
)

_CODE: Final = (
    *(".py", ".pyc", ".pyz", ".js", ".mjs", ".cjs", ".rb", ".php", ".pl", ".pm", ".sh", ".jar"),
    *(".war", ".class", ".so", ".dll", ".wasm", ".lua", ".node"),
)
_LIBRARIES: Final = ("lib", "lib64", "usr/lib", "usr/lib64", "usr/local/lib", "etc/ld.so.conf.d")
_EXECUTE: Final = 0o111
_SHARED: Final = 0o022


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find what is started first, then library directories, then code, one line a directory."""
    who = identity(image)
    for name, fact in _started(image, who):
        if may_write(who, fact) or may_replace(image, who, fact.path):
            message = f"{name} is what the image starts, and its user may change it"
            layer = image.layers[fact.layer].digest
            yield RULE.finding(message, path=fact.path, layer=layer)
    for name in _LIBRARIES:
        folder = image.lookup(name)
        if folder is not None and may_write(who, folder):
            message = f"/{name}, where libraries are looked for, may be written"
            yield RULE.finding(message, path=name, key="libraries")
    for top, paths in _by_folder(image, who).items():
        more = f" and {len(paths) - 1} more programs or libraries" if len(paths) > 1 else ""
        message = f"the image's user may change /{min(paths)}{more} in /{top}"
        yield RULE.finding(message, path=top or min(paths), key="code", severity=Severity.LOW)


def _started(image: ImageFacts, who: Identity) -> Iterator[tuple[str, FileFact]]:
    """Yield the program, its interpreters, and the files its arguments name."""
    settings = image.settings
    command = (*settings.entrypoint, *settings.cmd)
    if not command:
        return
    program = find_program(image, who, command[0])
    found = [] if program is None else [program, *interpreters(image, who, program)]
    for word in command[1:]:
        if not word.startswith("-"):
            start = "" if word.startswith("/") else settings.working_dir
            fact = image.lookup(f"{start}/{word}")
            if fact is not None and fact.kind == FILE:
                found.append(fact)
    yield from {f"/{fact.path}": fact for fact in found}.items()


def _by_folder(image: ImageFacts, who: Identity) -> dict[str, list[str]]:
    """Return code that may be changed, by the topmost directory that has some."""
    folders: dict[str, list[str]] = {}
    uid = who.uid or -1
    for path, fact in image.files.items():
        if (
            not (fact.uid == uid or fact.mode & _SHARED)
            or fact.kind != FILE
            or not may_write(who, fact)
        ):
            continue
        if fact.mode & _EXECUTE or path.endswith(_CODE) or ".so." in path:
            folders.setdefault(path.rpartition("/")[0], []).append(path)
    tops: dict[str, list[str]] = {}
    last = None
    for folder in sorted(folders, key=lambda name: name.split("/")):
        if last is None or not (folder + "/").startswith(last + "/"):
            last = folder
        tops.setdefault(last, []).extend(folders[folder])
    return tops
