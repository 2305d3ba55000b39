"""Hyperscan as the engine that says which rules may match (hundreds of megabytes a second).

Its compiled database takes a second to make and is therefore kept in the cache. Loading one runs
native code over its bytes, so only a file of this user's, that nobody else can write, and whose
content matches its own digest, is loaded; anything else is compiled anew.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from imgforge.analysis.programs import MARKS, Mark
from imgforge.cache import write
from imgforge.secrets.catalogue import Rule
from imgforge.secrets.find import FILE_RULES, Candidates, by_keyword

_DIGEST: Final = 32
_WANTED: Final[tuple[Rule | Mark, ...]] = (*FILE_RULES, *MARKS)
_EXPRESSIONS: Final = (
    *((rule.hint or rule.pattern).encode() for rule in FILE_RULES),
    # Every byte by its number: no text of a mark is read as an expression.
    *("".join(f"\\x{byte:02x}" for byte in mark.text).encode() for mark in MARKS),
)


@functools.cache
def candidates(cache: Path | None) -> Candidates:
    """Return the fastest engine there is; ``cache`` is a directory for the compiled rules.

    Threads may share it.
    """
    try:
        import hyperscan
    except ImportError:
        return by_keyword
    return _Hyperscan(hyperscan, cache)


class _Hyperscan:
    """A compiled database, with one scratch space for each thread that uses it."""

    def __init__(self, library: Any, cache: Path | None) -> None:  # noqa: ANN401 - untyped module
        self._library = library
        self._database = _database(library, cache)
        self._local = threading.local()

    def __call__(self, data: bytes) -> Sequence[Rule | Mark]:
        local = self._local
        if not hasattr(local, "scratch"):
            local.scratch = self._library.Scratch(self._database)
            local.found = []
            append = local.found.append
            local.handler = lambda rule, start, end, flags, context: append(rule)  # noqa: ARG005
        found: list[int] = local.found
        found.clear()
        self._database.scan(data, match_event_handler=local.handler, scratch=local.scratch)
        return [_WANTED[index] for index in sorted(set(found))] if found else ()


def _database(library: Any, cache: Path | None) -> Any:  # noqa: ANN401
    if cache is None:
        return _compile(library)
    rules = repr((_EXPRESSIONS, library.__version__, library.HS_FLAG_SINGLEMATCH)).encode()
    path = cache / f"secrets-{hashlib.sha256(rules).hexdigest()[:32]}.hsdb"
    data = _read(path)
    if data is not None:
        try:
            return library.loadb(data, library.HS_MODE_BLOCK)
        except library.HyperscanError:
            pass  # another CPU's or build's: made anew below
    database = _compile(library)
    _write(path, library.dumpb(database))
    return database


def _compile(library: Any) -> Any:  # noqa: ANN401
    database = library.Database(mode=library.HS_MODE_BLOCK)
    database.compile(
        expressions=list(_EXPRESSIONS),
        ids=list(range(len(_EXPRESSIONS))),
        elements=len(_EXPRESSIONS),
        flags=[library.HS_FLAG_SINGLEMATCH] * len(_EXPRESSIONS),
    )
    return database


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return None
            data = file.read()
    except OSError:
        return None
    content = data[_DIGEST:]
    return content if hashlib.sha256(content).digest() == data[:_DIGEST] else None


def _write(path: Path, content: bytes) -> None:
    write(path, hashlib.sha256(content).digest() + content)
