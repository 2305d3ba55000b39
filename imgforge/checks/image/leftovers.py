"""IF071: what developers and tools leave behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import DIRECTORY, FILE, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.layers import still_shipped
from imgforge.checks.image.packaged import packaged, sites
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF071",
    Severity.MEDIUM,
    "Something is left over that no program needs",
    why="A .git directory has every version of the source, with the passwords that were once"
    " committed; shell histories and core dumps have what was typed and what was in memory. Build"
    " files and reports tell an intruder how the application is made and where to look.",
    remedy="Name what the application needs in COPY, and the rest in .dockerignore.",
    example="COPY . /app        # .git, .idea, docker-compose.yml and all\nCOPY src /app/src",
    references=("Dockle DKL-LI-0003", "CIS Docker Benchmark 4.3", "CWE-527", "CWE-528"),
)

_REPOSITORIES: Final = frozenset({".bzr", ".git", ".hg", ".svn", "CVS"})
_HISTORIES: Final = frozenset(
    {".bash_history", ".ash_history", ".zsh_history", ".sh_history", ".python_history", ".lesshst"}
    | {".node_repl_history", ".mysql_history", ".psql_history", ".sqlite_history", ".viminfo"}
    | {".rediscli_history", ".irb_history", ".wget-hsts"}
)
_FOLDERS: Final = frozenset(
    {".circleci", ".devcontainer", ".github", ".gitlab", ".idea", ".mypy_cache", ".nox"}
    | {".nyc_output", ".pytest_cache", ".ruff_cache", ".tox", ".vs", ".vscode", "htmlcov"}
    | {"__MACOSX", ".ipynb_checkpoints", ".terraform", ".vagrant", ".serverless"}
)
_FILES: Final = frozenset(
    {".DS_Store", ".coverage", ".dockerignore", ".gitlab-ci.yml", ".pre-commit-config.yaml"}
    | {".travis.yml", "Containerfile", "Dockerfile", "Jenkinsfile", "Thumbs.db", "Vagrantfile"}
    | {"compose.yaml", "compose.yml", "desktop.ini", "docker-compose.yaml", "docker-compose.yml"}
    | {"junit.xml", "npm-debug.log", "yarn-debug.log", "yarn-error.log", "pip-log.txt"}
    | {"nohup.out", "skaffold.yaml", "docker-bake.hcl", ".DS_STORE"}
)
_REPOSITORY: Final = "the repository of the source"
_MEMORY: Final = "the memory of a process"
_GRAVE: Final = {
    **dict.fromkeys(_REPOSITORIES, _REPOSITORY),
    **dict.fromkeys(_HISTORIES, "a history of what was typed"),
}
_MARKS: Final = frozenset({"HEAD", "requires", "wc.db", "entries", "Root", "branch-format"})
_MINOR: Final = _FOLDERS | _FILES
_ENDS: Final = frozenset({".swp", ".swo", ".orig", ".rej", ".bak", ".old"})
_DUMP: Final = re.compile(r"core(?:\.[0-9]+)?|hs_err_pid[0-9]+\.log|.+\.(?:hprof|dmp|stackdump)")
_DUMP_STARTS: Final = ("core", "hs_err")
_DUMP_ENDS: Final = frozenset({".hprof", ".dmp", ".stackdump"})
_DUMP_SIZE: Final = 1 << 16
"""Bytes below which a file called ``core`` is no memory of a process."""
_SYSTEM: Final = ("etc/", "usr/lib/", "usr/share/", "var/lib/", "var/backups/", "var/cache/")


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find repositories, histories and dumps anywhere (medium), and lesser things (low).

    The lesser ones do not count among files of public packages or of the distribution.
    """
    installed = sites(image)
    dumps = {"core", *(f"core{end}" for end in image.endings if end[1:].isdigit())}
    for name in {*((dumps | _GRAVE.keys()) & image.names), *image.ending(".log", *_DUMP_ENDS)}:
        what = _grave(name)
        for path in image.named(name) if what else ():
            yield from _graves(image, path, name, what)
    copies = (end for end in image.endings if end.endswith("~"))
    for name in {*(_MINOR & image.names), *image.ending(*_ENDS, *copies)}:
        for path in image.named(name):
            if not (packaged(path, installed) or path.startswith(_SYSTEM)):
                yield from _lesser(image, path, name)
    yield from _hidden(image)
    for path in image.named("node_modules"):
        cache = image.files.get(f"{path}/.cache")
        if cache is not None and cache.kind == DIRECTORY:
            message = f"/{cache.path} is a cache of build tools"
            yield RULE.finding(message, path=cache.path, severity=Severity.LOW)


def _grave(name: str) -> str:
    """Say what lies under this name if that may give secrets away."""
    if name in _GRAVE:
        return _GRAVE[name]
    if name.startswith(_DUMP_STARTS) or name[name.rfind(".") :] in _DUMP_ENDS:
        return _MEMORY if _DUMP.fullmatch(name) else ""
    return ""


def _hidden(image: ImageFacts) -> Iterator[Finding]:
    """Yield what the layers below still ship; of a repository, the file that marks it is named."""
    for index, entry in image.hidden:
        folder, _, name = entry.path.rpartition("/")
        what = _grave(name)
        if name in _MARKS and folder.rpartition("/")[2] in _REPOSITORIES:
            what = _REPOSITORY
        elif not what or name in _REPOSITORIES or entry.size < _least(name):
            continue
        message = (
            f"/{entry.path} is of {what}" if what == _REPOSITORY else f"/{entry.path} is {what}"
        )
        layer, key = image.layers[index].digest, f"layer{index}"
        message += still_shipped(image, index)
        yield RULE.finding(message, path=entry.path, layer=layer, key=key)


def _least(name: str) -> int:
    """Return the bytes below which a file of this name is harmless."""
    return _DUMP_SIZE if name.startswith("core") else 1


def _graves(image: ImageFacts, path: str, name: str, what: str) -> Iterator[Finding]:
    fact = image.files[path]
    if name in _REPOSITORIES:
        # A submodule has a file that only points elsewhere; CVS is also a word.
        if fact.kind != DIRECTORY or not any(f"{path}/{mark}" in image.files for mark in _MARKS):
            return
    elif fact.kind != FILE or fact.size < _least(name):
        return
    layer = image.layers[fact.layer].digest
    yield RULE.finding(f"/{path} is {what}", path=path, layer=layer)


def _lesser(image: ImageFacts, path: str, name: str) -> Iterator[Finding]:
    fact = image.files[path]
    if (fact.kind == DIRECTORY) != (name in _FOLDERS):
        return
    layer = image.layers[fact.layer].digest
    message = f"/{path} is of no use to a running program"
    yield RULE.finding(message, path=path, layer=layer, severity=Severity.LOW)
