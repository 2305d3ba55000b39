"""A project on disk: the spec, the stack it chose, its lock and policy, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from imgforge import lock as locks
from imgforge.errors import InvalidInputError
from imgforge.files import LOCK, locate

if TYPE_CHECKING:  # pydantic is dear, and an unchanged project is found without it
    from imgforge.choice import Choice
    from imgforge.plan import BuildPlan
    from imgforge.spec import Spec
    from imgforge.stack import LoadedStack


MAX_BLOCK = 64 << 10
"""Bytes of a file that replaces a block of a stack's template."""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with its spec and the stack that the spec chose."""

    root: Path
    spec_path: Path
    spec_data: bytes
    spec: Spec
    stack: LoadedStack
    choice: Choice
    blocks: Mapping[str, str] = field(default_factory=dict)
    """Texts of the files that replace blocks of the stack's templates: STAGE.BLOCK → text."""

    @property
    def lock_path(self) -> Path:
        """Where the lock lies."""
        return self.root / LOCK

    def lock_inputs(self) -> locks.Inputs:
        """Return what a lock of this project must have been made for."""
        return locks.Inputs(
            stack=self.stack.definition.name,
            stack_version=self.choice.version,
            runtime=self.choice.runtime,
            builder=self.choice.builder or "",
            platforms=self.spec.platforms,
            packages=tuple(self.spec.stack.packages),
            build_packages=tuple(self.spec.stack.build_packages),
            compiles="yes" if self.choice.compiles and self.spec.stack.packages else "",
        )

    def read_lock(self) -> locks.Lock:
        """Read the lock; InvalidInputError if it is missing, malformed or was made for less."""
        if not self.lock_path.exists():
            raise InvalidInputError(
                f"{self.lock_path} does not exist", hint=f"make it with: imgforge lock {self.root}"
            )
        lock = locks.read(self.lock_path)
        wanted = self.lock_inputs()
        if lock.inputs != wanted:
            differences = [
                f"{name}: locked {_shown(lock.inputs, name)}, wanted {_shown(wanted, name)}"
                for name in wanted.__dataclass_fields__
                if getattr(lock.inputs, name) != getattr(wanted, name)
            ]
            raise self.stale(differences)
        return lock

    def stale(self, details: list[str]) -> InvalidInputError:
        """Return the error of a lock that does not pin what the project asks for."""
        return InvalidInputError(
            f"{self.lock_path} is stale",
            details=details,
            hint=f"bring it up to date with: imgforge lock {self.root}",
        )

    def plan(self, *, epoch: int | None = None) -> BuildPlan:
        """Compile the plan; ``epoch`` in seconds overrides the lock's."""
        from imgforge.compiler import compile_plan

        return compile_plan(
            *(self.spec, self.stack, self.choice, self.read_lock()),
            blocks=self.blocks,
            epoch=epoch,
        )


def _shown(inputs: locks.Inputs, name: str) -> str:
    value = getattr(inputs, name)
    return " ".join(map(str, value if isinstance(value, tuple) else (value,))) or "none"


def load(path: Path, *, stack: LoadedStack | None = None) -> Project:
    """Read the project at ``path`` (folder or spec); InvalidInputError lists what is wrong.

    ``stack`` stands in for the one that is found under the name that the spec gives.
    """
    from imgforge import spec as specs
    from imgforge import stack as stacks
    from imgforge.choice import choose

    spec_path = locate(path)
    data, spec = specs.load(spec_path)
    if stack is None:
        stack = stacks.load(spec.stack.name)
    elif spec.stack.name != stack.definition.name:
        raise InvalidInputError(
            f"{spec_path} names the stack {spec.stack.name!r}, not {stack.definition.name!r}"
        )
    choice = choose(stack, spec, data, spec_path.name)
    root = spec_path.resolve().parent
    blocks = {name: _block(root, file) for name, file in spec.stack.blocks.items()}
    return Project(root, spec_path, data, spec, stack, choice, blocks)


def _block(root: Path, file: str) -> str:
    """Read the file that replaces a block; InvalidInputError if it is no plain, small text."""
    path = root / file
    try:
        if any((root / p).is_symlink() for p in (file, *map(str, PurePosixPath(file).parents))):
            raise InvalidInputError(f"{file} is, or is below, a symbolic link")
        with path.open("rb") as opened:
            data = opened.read(MAX_BLOCK + 1)
        if len(data) > MAX_BLOCK:
            raise InvalidInputError(f"{file} is over {MAX_BLOCK >> 10} KiB")
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"cannot read {file}: {error}", hint="[stack] blocks names it"
        ) from error
