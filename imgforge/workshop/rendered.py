"""Dockerfiles of projects whose bases nobody locked: each stands there under a made-up digest.

The digest is made of the base's name, so that another base shows as another line.
"""

from __future__ import annotations

from collections.abc import Mapping

from imgforge.choice import Choice
from imgforge.compiler import compile_plan
from imgforge.lock import Inputs, Lock, LockedBase
from imgforge.oci.types import sha256
from imgforge.plan import Origin
from imgforge.render import render
from imgforge.spec import Spec
from imgforge.stack import LoadedStack

EPOCH = 1_700_000_000


def made_lock(spec: Spec, stack: LoadedStack, choice: Choice) -> Lock:
    """Return a lock that fits, and pins nothing that exists."""
    inputs = Inputs(
        stack.definition.name,
        choice.version,
        choice.runtime,
        choice.builder or "",
        spec.platforms,
        tuple(spec.stack.packages),
        tuple(spec.stack.build_packages),
    )
    builder = _base(choice.builder) if choice.builder else None
    return Lock(inputs, _base(choice.runtime), builder)


def _base(name: str) -> LockedBase:
    bare, _, digest = name.partition("@")
    reference = bare if "/" in bare else f"imgforge/{bare}"
    return LockedBase(
        bare, "packages", reference, digest or sha256(name.encode()), EPOCH, "", (), ()
    )


def dockerfile(
    spec: Spec,
    stack: LoadedStack,
    choice: Choice,
    blocks: Mapping[str, str] | None = None,
    origin: Origin | None = None,
) -> str:
    """Return the Dockerfile with a made-up lock; raises what the compiler raises.

    ``origin`` is the catalog of a stack from outside: what its steps' caches are called after.
    """
    lock = made_lock(spec, stack, choice)
    return render(compile_plan(spec, stack, choice, lock, blocks=blocks, origin=origin))
