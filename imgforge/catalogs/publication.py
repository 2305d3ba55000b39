"""Publishing stacks, and taking them home: a version never gets another content.

A registry gets the artifact by digest, then its signature, then the tag that is its version. A
directory gets the whole folder in one step.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgforge import cache, publish, stack
from imgforge.catalogs import artifact, releases, tree
from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.shipment import Shipment, Terms

if TYPE_CHECKING:
    from imgforge.signing.sealer import Sealer
    from imgforge.stack import LoadedStack

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Read:
    """A stack that may be published: what it says and its files."""

    stack: LoadedStack
    files: tree.Files

    @property
    def version(self) -> str:
        """The stack's own version."""
        return self.stack.definition.version


@dataclass(frozen=True, slots=True)
class Published:
    """Where a stack is now: ``place`` is a reference by digest, or a folder.

    ``new`` is False if the very same was there before.
    """

    name: str
    version: str
    digest: str
    place: str
    new: bool

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "place": self.place,
            "new": self.new,
        }


def read(folder: Path) -> Read:
    """Read the stack in ``folder``, as one from outside; InvalidInputError says what is wrong."""
    try:
        files = tree.of_folder(folder.resolve())
    except ValueError as error:
        raise InvalidInputError(f"{folder} is no stack: {error}") from error
    except OSError as error:
        raise InvalidInputError(f"{folder} cannot be read: {error.strerror}") from error
    if stack.FILE not in files:
        raise InvalidInputError(f"{folder} has no {stack.FILE}, so it is no stack")
    loaded = stack.parse(files, folder.resolve().name, trusted=False)
    try:
        releases.version(loaded.definition.version)
    except ValueError as error:
        raise InvalidInputError(f"{folder}/{stack.FILE}: version: {error}") from error
    return Read(loaded, files)


def into_directory(found: Read, directory: Path, *, say: Say) -> Published:
    """Put a stack into the catalog that is the folder ``directory``, in place of an older version.

    InvalidInputError if it has this version with another content, or a newer one.
    """
    name = found.stack.definition.name
    target = directory / name
    done = Published(name, found.version, found.stack.digest, str(target), new=True)
    if not target.exists() and not target.is_symlink():
        say(f"writing {target}")
        _put(found.files, target)
        return done
    there = read(target)
    if there.files == found.files:
        return Published(name, found.version, found.stack.digest, str(target), new=False)
    if releases.version(there.version) >= releases.version(found.version):
        raise _taken(found, str(target), there.version)
    say(f"replacing {there.version} in {target}")
    aside = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=directory)) / name
    try:
        target.rename(aside)
        try:
            _put(found.files, target)
        except BaseException:
            aside.rename(target)
            raise
    finally:
        shutil.rmtree(aside.parent, ignore_errors=True)
    return done


def into_registry(found: Read, prefix: str, sealer: Sealer, *, say: Say) -> Published:
    """Put a stack, signed, into the repository below ``prefix`` that has its name; tag it last.

    InvalidInputError if the version is there with another content. Raises what signing and
    :func:`imgforge.publish.publish` raise.
    """
    from imgforge.oci.registry import Registry
    from imgforge.signing.image import sign_image

    name = found.stack.definition.name
    (target,) = publish.targets([f"{prefix.rstrip('/')}/{name}:{found.version}"], ())
    staging = Path(tempfile.mkdtemp(prefix=".incoming-", dir=cache.directory("stacks")))
    try:
        layout = Layout.create(staging)
        top = artifact.write(layout, found.stack, found.files)
        with Registry(target.repository) as registry:
            there = registry.find(found.version)
        if there is not None and there[0].digest != top.digest:
            raise _taken(found, target.repository.name, found.version)
        say(f"signing {top.digest}")
        referrers = sign_image(
            layout, top, sealer, name=target.repository.name, created=int(time.time())
        )
        shipment = Shipment(layout, top, tuple(referrers))
        terms = Terms((sealer.signatory(),))
        (pushed,) = publish.publish(shipment, [target], terms, say=say, no_clobber=True)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Published(name, found.version, top.digest, pushed.reference, new=there is None)


def take_home(files: tree.Files, target: Path) -> None:
    """Write a stack's files as the new folder ``target``; InvalidInputError if it is there."""
    if target.exists() or target.is_symlink():
        raise InvalidInputError(f"{target} is there already", hint="name another with -o")
    _put(files, target)


def is_directory(place: str) -> bool:
    """Whether ``place`` names a folder, and not a part of a registry."""
    return place.startswith(("/", "./", "../", "~")) or place in {".", ".."} or Path(place).is_dir()


def prefix(place: str) -> str:
    """Return what stands before stacks' names in a registry; InvalidInputError if it is not that.

    A tag and a digest are the stacks' own.
    """
    found = Reference.parse(place)
    if found.tag is not None or found.digest is not None or not place.startswith(found.registry):
        raise InvalidInputError(
            f"{place} is not where stacks lie in a registry",
            hint="such as registry.example.com/stacks: name and version are the stack's own",
        )
    return found.name


def _put(files: tree.Files, target: Path) -> None:
    try:
        tree.put(files, target)
    except OSError as error:
        raise InvalidInputError(f"{target} cannot be written: {error.strerror}") from error


def _taken(found: Read, place: str, there: str) -> InvalidInputError:
    return InvalidInputError(
        f"{place} has version {there} already, and {found.version} with another content was given",
        hint=f"raise version in {stack.FILE}, and say in CHANGELOG.md what is new",
    )
