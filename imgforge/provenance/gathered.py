"""What a build is made from, taken before its engine reads anything and told when it is done.

What changes in between is built the next time, and this build's provenance must not speak of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgforge import context
from imgforge.errors import InvalidInputError
from imgforge.files import LOCK
from imgforge.oci.types import sha256

if TYPE_CHECKING:
    from imgforge.compiled import Compiled
    from imgforge.plan import BuildPlan
    from imgforge.source import Source

Tell = Callable[[str, Mapping[str, str]], dict[str, Any]]
"""Returns the predicate for the engine that built, and its tools' versions."""


def begin(  # noqa: PLR0917 - all that goes into it
    spec: Path,
    source: Compiled,
    plan: BuildPlan,
    content: str,
    policies: Sequence[Path],
    engine: str,
    epoch: int | None,
) -> Tell:
    """Hash what is read and begin asking git which commit it is of; return how to tell of it.

    ``content`` is the fingerprint of the context, ``policies`` are the files that decide the
    policy, ``engine`` and ``epoch`` what the command line asked for. InvalidInputError for a file
    that cannot be read.
    """
    origin = _origin(spec.resolve(), plan)
    read = context.existing(source.root, plan.inputs)
    single = [n for n in read if (source.root / n).is_file()]
    files = [(name, _digest(source.root / name)) for name in single]
    bounds = [(path.name, _digest(path)) for path in policies]

    def tell(chosen: str, tools: Mapping[str, str]) -> dict[str, Any]:
        from imgforge.provenance import build

        inputs = build.Inputs(
            spec=source.spec,
            lock=source.lock,
            context=content,
            dockerfile=sha256(source.dockerfile.encode()),
            source=origin(),
            file=spec.name,
            files=files,
            policies=bounds,
            archives=_archives(source),
        )
        asked = build.Asked(engine, epoch)
        return build.predicate(plan, inputs, engine=chosen, tools=tools, asked=asked)

    return tell


def _archives(source: Compiled) -> list[Any]:
    """Return the package indexes that the lock's bases are made of."""
    from imgforge import lock

    path = source.root / LOCK
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error
    if sha256(data) != source.lock:
        raise InvalidInputError(f"{path} was changed while the image was built", hint="build again")
    found = lock.parse(data.decode(), str(path))
    bases = [base for base in (found.runtime, found.builder) if base is not None]
    return [archive for base in bases for archive in base.archives]


def _origin(spec: Path, plan: BuildPlan) -> Callable[[], Source | None]:
    """Begin asking git which commit the project is of; return how to wait for the answer."""
    from concurrent.futures import ThreadPoolExecutor

    from imgforge import source

    asked = (spec.parent, plan.inputs, plan.exclude, os.environ)
    pool = ThreadPoolExecutor(max_workers=1)
    future = pool.submit(source.of, *asked, files=(spec.name, LOCK))
    pool.shutdown(wait=False)
    return future.result


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes())
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error
