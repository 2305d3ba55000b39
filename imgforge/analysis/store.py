"""Facts of layers kept between runs, under the digest of the layer and of what decides them.

A forged entry could hide a finding, so an entry that another user owns or can write is not read,
and :func:`imgforge.cache.directory` vouches for the folder. An entry is the SHA-256 of its content
and the content, in Python's ``marshal`` form: that loads in a third of JSON's time, and most of a
check after a small change is loading what did not change. The form must never be read from
strangers; here it is this user's own writing, and the digest keeps out what a crash made of it.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from imgforge.analysis import facts as kinds
from imgforge.analysis.facts import LayerFacts
from imgforge.cache import used, write
from imgforge.oci.types import is_digest

VERSION: Final = 5
"""Raised whenever the format changes."""

_DIGEST: Final = 32
_FIELDS: Final = tuple(field.name for field in fields(LayerFacts))
_DECIDING: Final = ("analysis", "secrets", "malware")
"""Folders of the package whose code and data decide what the facts of a layer are."""


@cache
def rules_digest() -> str:
    """Return 32 hexadecimal digits that change with everything of ours that decides facts."""
    form = (VERSION, marshal.version, sys.implementation.cache_tag)
    data = hashlib.sha256(repr(form).encode())
    root = Path(__file__).parents[1]
    for name in _DECIDING:
        for folder, below, files in os.walk(root / name):
            below[:] = sorted(name for name in below if name != "__pycache__")
            for file in sorted(files):
                content = Path(folder, file).read_bytes()
                data.update(f"{folder[len(str(root)) :]}/{file} {len(content)}\n".encode())
                data.update(content)
    return data.hexdigest()[:32]


def path_of(cache: Path, digest: str, engines: str = "") -> Path:
    """Where the facts of the layer ``digest`` lie or would lie.

    ``engines`` names whatever decides facts beside imgforge's own code: rules and lists of the
    user's, the version of a scanner on this machine.
    """
    rules = rules_digest()
    if engines:
        rules = hashlib.sha256(f"{rules}\n{engines}".encode()).hexdigest()[:32]
    return cache / f"{digest.removeprefix('sha256:')}-{rules}.facts"


def load(cache: Path, digest: str, engines: str = "") -> LayerFacts | None:
    """Return the kept facts of the layer ``digest``; None if there are none to be trusted."""
    path = path_of(cache, digest, engines)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return None
            data = memoryview(file.read())
        if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
            return None
        facts = unpacked(marshal.loads(data[_DIGEST:]))  # noqa: S302 - this user's own, see above
        used(path)
    except (OSError, ValueError, TypeError, EOFError, AttributeError):
        return None
    return facts if facts.digest == digest else None


def save(cache: Path, facts: LayerFacts, engines: str = "") -> None:
    """Keep ``facts`` in one step, for this user alone."""
    content = marshal.dumps(packed(facts))
    write(path_of(cache, facts.digest, engines), hashlib.sha256(content).digest() + content)


def packed(facts: LayerFacts) -> list[Any]:
    """Return the fields' values in plain types: named tuples become their name and plain rows."""
    return [_plain(getattr(facts, name)) for name in _FIELDS]


def unpacked(values: list[Any]) -> LayerFacts:
    """Read what :func:`packed` returned; ValueError, TypeError or AttributeError if it is not."""
    found = LayerFacts(**dict(zip(_FIELDS, map(_whole, values), strict=True)))
    if not (is_digest(found.digest) and is_digest(found.diff_id)):
        raise ValueError("kept facts lack digests")
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a field holds
    if isinstance(value, tuple) and value and hasattr(value[0], "_fields"):
        return [type(value[0]).__name__, list(map(tuple, value))]
    return dict(value) if isinstance(value, Mapping) else value


def _whole(value: Any) -> Any:  # noqa: ANN401 - see _plain
    if not isinstance(value, list):
        return value
    name, rows = value
    return _made(getattr(kinds, name), rows)


def _made(kind: type[tuple[Any, ...]], rows: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    # What kind._make does, but that checks every length again, and there are tens of thousands.
    return tuple(map(partial(tuple.__new__, kind), rows))
