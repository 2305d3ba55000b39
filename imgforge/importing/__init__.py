"""Reading a Dockerfile into the nearest spec, and saying of every line what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgforge.errors import InvalidInputError
from imgforge.files import SPEC

if TYPE_CHECKING:
    from imgforge.console import Console
    from imgforge.importing.comparison import Line, Original
    from imgforge.importing.translation import Translation
    from imgforge.oci.types import Platform

LARGEST: Final = 1 << 20
"""Bytes of a Dockerfile."""


def read(
    path: Path,
    context: Path,
    *,
    target: str = "",
    arguments: Mapping[str, str] | None = None,
    name: str | None = None,
) -> Translation:
    """Read the Dockerfile at ``path``, built from the folder ``context``.

    InvalidInputError lists every line that BuildKit would refuse.
    """
    from imgforge.dockerfile import parse
    from imgforge.dockerfile.context import look
    from imgforge.importing.translation import translate

    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInputError(
            f"cannot read {path}: {error.strerror}", hint="name it: imgforge import DOCKERFILE"
        ) from error
    if len(data) > LARGEST:
        raise InvalidInputError(f"{path} is over {LARGEST >> 20} MiB")
    file_ = parse(data, path.name, target=target, build_args=arguments)
    return translate(file_, look(context, path), context, name=name or _called(context))


def problems(text: str) -> list[str]:
    """Return what is still wrong with a spec, as its reader and its stack say it."""
    from imgforge import spec, stack
    from imgforge.choice import choose

    try:
        parsed = spec.parse(text.encode())
        choose(stack.load(parsed.stack.name), parsed, text.encode(), SPEC)
    except InvalidInputError as error:
        return ["; ".join(part.strip() for part in line.split("\n")) for line in error.details] or [
            error.message
        ]
    return []


def platform() -> Platform:
    """Return the platform that is compared: the one a spec has by itself."""
    from imgforge.oci.types import Platform

    return Platform("linux", "amd64")


def compared(original: Original, folder: Path, console: Console) -> tuple[Line, ...]:
    """Lock and build the spec beside the Dockerfile, build that too, and compare the images.

    Raises what :func:`imgforge.pins.update` and :func:`imgforge.pipeline.build` raise, and what
    :func:`imgforge.importing.comparison.build` does.
    """
    from imgforge import pins, pipeline, policy, project
    from imgforge.asked import Options
    from imgforge.importing import comparison

    spec = original.context / SPEC
    bounds = policy.effective(None)
    with console.step("lock") as say:
        pins.update(project.load(spec), policy=bounds, say=say)
    result = pipeline.build(spec, Options(), console)
    with console.step("build the Dockerfile") as say:
        layout = comparison.build(original, folder, say)
    with console.step("compare") as say:
        return comparison.compare(layout, result.output / "image", bounds, original.platform, say)


def _called(context: Path) -> str:
    """Return a name for the image: the folder's, as far as a repository may be called so."""
    name = re.sub(r"[^a-z0-9]+", "-", context.resolve().name.lower()).strip("-")
    return name or "app"
