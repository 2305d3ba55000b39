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
    from imgforge.catalogs.opening import How, Opened
    from imgforge.choice import Choice
    from imgforge.plan import BuildPlan, Origin
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
    opened: Opened
    choice: Choice
    blocks: Mapping[str, str] = field(default_factory=dict)
    """Texts of the files that replace blocks of the stack's templates: STAGE.BLOCK → text."""

    @property
    def stack(self) -> LoadedStack:
        """The stack that the spec chose."""
        return self.opened.stack

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
        from imgforge.catalogs import opening

        lock = locks.read(self.lock_path)
        wanted = self.lock_inputs()
        if not opening.same(lock.stack, self.opened.pin):
            raise self.stale([_differing(lock.stack, self.opened.pin)])
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

        lock = self.read_lock()
        return compile_plan(
            *(self.spec, self.stack, self.choice, lock),
            blocks=self.blocks,
            epoch=epoch,
            # A directory's commit is the one that was locked: the content is the same.
            origin=_origin(lock.stack or self.opened.pin),
        )


def _shown(inputs: locks.Inputs, name: str) -> str:
    value = getattr(inputs, name)
    return " ".join(map(str, value if isinstance(value, tuple) else (value,))) or "none"


def _differing(held: locks.LockedStack | None, pin: locks.LockedStack) -> str:
    locked = "nothing" if held is None else f"{held} {held.digest}".rstrip()
    return f"stack: locked {locked}, wanted {pin} {pin.digest}".rstrip()


def _origin(pin: locks.LockedStack) -> Origin | None:
    from imgforge.plan import Origin

    if pin.source == "builtin":
        return None
    return Origin(pin.catalog, pin.source, pin.reference, pin.revision)


def load(path: Path, how: How | None = None, *, stack: LoadedStack | None = None) -> Project:
    """Read the project at ``path`` (folder or spec); InvalidInputError lists what is wrong.

    A stack from outside is what the lock pins, unless ``how`` lets it be resolved; ``stack`` stands
    in for the one that is found under the name that the spec gives. Raises what
    :func:`imgforge.catalogs.opening.open_stack` raises.
    """
    from imgforge import spec as specs
    from imgforge.catalogs import opening
    from imgforge.catalogs.choosing import Wanted

    spec_path = locate(path)
    data, spec = specs.load(spec_path)
    root = spec_path.resolve().parent
    wanted = Wanted(spec.stack.name, spec.stack.catalog or "", spec.stack.release)
    if stack is None:
        opened = opening.open_stack(wanted, lambda: _locked(root), how or opening.How())
    else:
        opened = opening.stand_in(stack, wanted)
    return fitted(spec_path, data, spec, opened)


def fitted(spec_path: Path, data: bytes, spec: Spec, opened: Opened) -> Project:
    """Return the project of a spec that was read (``data`` are its bytes) with an opened stack.

    InvalidInputError as :func:`load`.
    """
    from imgforge.catalogs import bounds
    from imgforge.choice import choose

    root = spec_path.resolve().parent
    choice = choose(opened.stack, spec, data, spec_path.name)
    bounds.demand_indexes(opened.pin, choice.stages)
    _demand_required(opened.stack, root, spec.app.lock)
    blocks = {name: _block(root, file) for name, file in spec.stack.blocks.items()}
    if blocks or spec.build.steps:
        from imgforge import extension

        extension.demand(spec, opened.stack, choice, blocks)
    return Project(root, spec_path, data, spec, opened, choice, blocks)


def _locked(root: Path) -> locks.LockedStack | None:
    """Return what the lock says of the stack; None where there is no lock that can be read."""
    try:
        return locks.read(root / LOCK).stack
    except InvalidInputError:
        return None  # whoever needs the lock says what is wrong with it


def _demand_required(stack: LoadedStack, root: Path, lock: str | None) -> None:
    """Demand the files without which the stack can build nothing."""
    definition = stack.definition
    for kind in definition.locks if lock is None else ():
        if kind.demanded and all((root / file).is_file() for file in kind.beside):
            raise InvalidInputError(
                f"{', '.join(kind.beside)} asks for packages, and the spec names no lock of them",
                hint=f'lock = "{kind.file}" in [app]; it is made with: {kind.mend}',
            )
    named = [PurePosixPath(lock or ".").parent / file for file in definition.requires]
    if missing := [f"{file} is not there" for file in named if not (root / file).is_file()]:
        raise InvalidInputError(
            f"the stack {definition.name} needs files that {root} has not", details=missing
        )


def _block(root: Path, file: str) -> str:
    """Read the file that replaces a block; InvalidInputError if it is no plain, small text."""
    path = root / file
    try:
        if any((root / p).is_symlink() for p in (file, *map(str, PurePosixPath(file).parents))):
            raise InvalidInputError(f"{file} is, or is below, a symbolic link")
        if not path.is_file():
            raise InvalidInputError(f"{file} is no regular file, or is not there")
        with path.open("rb") as opened:
            data = opened.read(MAX_BLOCK + 1)
        if len(data) > MAX_BLOCK:
            raise InvalidInputError(f"{file} is over {MAX_BLOCK >> 10} KiB")
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"cannot read {file}: {error}", hint="[stack] blocks names it"
        ) from error
