"""Stacks: folders that say how one kind of application becomes a root directory.

A stack is ``stack.toml`` and the templates of its build stages. It fills directories that the
runtime stage copies; the runtime stage itself belongs to imgforge (``templates/``), and a stack
says of it only what can be said as data.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imgforge import assets, tomlfile
from imgforge.errors import InvalidInputError
from imgforge.stack import consistency
from imgforge.stack.conditions import (
    alternatives,
    applies,
    exists,
    fits,
    holds,
    lock_kind,
    lock_lacking,
)
from imgforge.stack.definition import (
    RESERVED,
    Definition,
    LockDeclaration,
    ParameterDeclaration,
    Runtime,
    StageDeclaration,
    Variant,
    When,
)

__all__ = [
    "FILE",
    "MAX_TEMPLATE",
    "RESERVED",
    "Definition",
    "LoadedStack",
    "LockDeclaration",
    "ParameterDeclaration",
    "Runtime",
    "StageDeclaration",
    "Variant",
    "When",
    "alternatives",
    "applies",
    "exists",
    "fits",
    "holds",
    "load",
    "lock_kind",
    "lock_lacking",
    "names",
    "parse",
    "read",
]

FILE = "stack.toml"
MAX_TEMPLATE = 256 << 10
"""Bytes of one template."""


@dataclass(frozen=True, slots=True)
class LoadedStack:
    """A stack as read from its folder: the definition, all its templates' texts, a digest of both.

    ``trusted`` is whether it shipped with imgforge: the templates of others run in the sandbox.
    """

    definition: Definition
    templates: dict[str, str]
    digest: str
    trusted: bool


def names() -> list[str]:
    """Return the names of the stacks that ship with imgforge."""
    root = assets.folder("stacks")
    return sorted(p.parent.name for p in root.glob(f"*/{FILE}"))


def load(name: str) -> LoadedStack:
    """Read the stack ``name``; InvalidInputError if unknown or broken."""
    if name not in names():
        raise InvalidInputError(f"there is no stack {name!r}", hint=f"stacks: {', '.join(names())}")
    return read(assets.folder("stacks") / name, trusted=True)


def read(folder: Path, *, trusted: bool) -> LoadedStack:
    """Read a stack folder; templates of an untrusted one run in Jinja's sandbox.

    InvalidInputError lists what is wrong with ``stack.toml``, or names the template that is
    missing, a link, too large or not UTF-8.
    """
    label = f"{folder.name}/{FILE}"
    files = {FILE: tomlfile.read_bytes(folder / FILE)}
    for path in folder.glob("*.j2"):
        files[path.name] = _bytes(path, label)
    return parse(files, folder.name, trusted=trusted)


def parse(files: Mapping[str, bytes], folder: str, *, trusted: bool) -> LoadedStack:
    """Read a stack from the ``files`` of its folder, which is called ``folder``; see :func:`read`.

    Only ``stack.toml`` and the templates count, also for the digest. Whoever reads the same again,
    as for many specs of one stack, gets what was made of it before.
    """
    heard = {n: d for n, d in files.items() if n == FILE or (n.endswith(".j2") and "/" not in n)}
    return _parsed(tuple(sorted(heard.items())), folder, trusted)


@functools.lru_cache(maxsize=32)
def _parsed(given: tuple[tuple[str, bytes], ...], folder: str, trusted: bool) -> LoadedStack:  # noqa: FBT001
    files = dict(given)
    label = f"{folder}/{FILE}"
    data = files.get(FILE, b"")
    table = tomlfile.parse(data, label)
    definition = tomlfile.validate(Definition, table, data, label)
    wrong = list(consistency.problems(definition, folder, trusted=trusted))
    if wrong:
        raise tomlfile.invalid(label, data, wrong)
    templates = {
        n: _text(files, n, label) for n in sorted(_named(definition) | files.keys() - {FILE})
    }
    hasher = hashlib.sha256(data)
    for key, text in templates.items():
        hasher.update(b"\0" + key.encode() + b"\0" + text.encode())
    return LoadedStack(definition, templates, "sha256:" + hasher.hexdigest(), trusted)


def _named(definition: Definition) -> set[str]:
    return {t for stage in definition.stages for t in (stage.template, *stage.files.values())}


def _bytes(path: Path, label: str) -> bytes:
    try:
        if path.is_symlink():
            raise InvalidInputError(f"{label}: {path.name} is a symbolic link")
        with path.open("rb") as file:
            return file.read(MAX_TEMPLATE + 1)
    except OSError as error:
        raise InvalidInputError(f"{label}: cannot read {path.name}: {error}") from error


def _text(files: Mapping[str, bytes], name: str, label: str) -> str:
    if name not in files:
        raise InvalidInputError(f"{label}: there is no template {name}")
    if len(files[name]) > MAX_TEMPLATE:
        raise InvalidInputError(f"{label}: {name} is over {MAX_TEMPLATE >> 10} KiB")
    try:
        return files[name].decode()
    except UnicodeDecodeError as error:
        line = files[name].count(b"\n", 0, error.start) + 1
        raise InvalidInputError(f"{label}: {name}:{line} is not UTF-8") from error
