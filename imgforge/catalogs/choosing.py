"""Which catalog a spec's stack means: told from names alone, without asking anybody."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import checkout, stack
from imgforge.catalogs import BUILTIN, tree
from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from imgforge.settings import Catalog
    from imgforge.stack import LoadedStack


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a spec asks for; ``catalog`` and ``release`` are empty if it says nothing of them.

    ``ref`` is a branch or tag that a command line names instead of a git catalog's own.
    """

    name: str
    catalog: str = ""
    release: str = ""
    ref: str = ""

    def __str__(self) -> str:
        return f"{self.catalog}/{self.name}" if self.catalog else self.name


@dataclass(frozen=True, slots=True)
class Offered:
    """A stack that a catalog has; ``versions`` are as far as is known without asking anybody."""

    name: str
    catalog: str
    source: str
    versions: tuple[str, ...]


def configured() -> list[Catalog]:
    """Return the catalogs that the settings name, in their order."""
    from imgforge import settings

    return settings.load().catalogs


def listing() -> list[Offered]:
    """Return what every catalog offers, imgforge's own first; nothing is fetched.

    InvalidInputError if the settings are wrong or a directory's stack is broken.
    """
    own = [(n, stack.load(n).definition.version) for n in stack.names()]
    found = [Offered(name, BUILTIN, "builtin", (version,)) for name, version in own]
    for catalog in configured():
        for name in names(catalog):
            versions: tuple[str, ...] = ()
            if catalog.source == "directory":
                versions = (directory(catalog, name)[0].definition.version,)
            found.append(Offered(name, catalog.name, catalog.source, versions))
    return found


def names(catalog: Catalog) -> list[str]:
    """Return the stacks that a catalog offers; InvalidInputError if its directory is not there."""
    if catalog.directory is None:
        return sorted(set(catalog.stacks))
    try:
        return sorted(
            entry.name
            for entry in Path(catalog.directory).iterdir()
            if not entry.name.startswith(".") and (entry / stack.FILE).is_file()
        )
    except OSError as error:
        raise InvalidInputError(
            f"the catalog {catalog.name} cannot be read: {error.strerror}",
            hint="[[catalogs]] in the settings says where it is",
        ) from error


def choose(wanted: Wanted) -> Catalog | None:
    """Return the catalog that a spec means, None for imgforge's own stacks; nobody is asked.

    InvalidInputError if no catalog has the name, if several have, or if the one named has not; also
    if a ``ref`` is asked of another than a git catalog. One of git has that ref then.
    """
    found = _chosen(wanted)
    if not wanted.ref:
        return found
    if found is None or found.source != "git":
        where = BUILTIN if found is None else f"{found.name} ({found.source})"
        raise InvalidInputError(
            f"the catalog {where} has no refs, and {wanted.ref!a} is no version",
            hint="name a version or range, such as 1.2.0 or ^1; only git catalogs have refs",
        )
    return found.model_copy(update={"ref": wanted.ref})


def _chosen(wanted: Wanted) -> Catalog | None:
    catalogs = {catalog.name: catalog for catalog in configured()}
    if wanted.catalog and wanted.catalog not in {BUILTIN, *catalogs}:
        raise InvalidInputError(
            f"there is no catalog {wanted.catalog!r}",
            hint=f"catalogs: {', '.join([BUILTIN, *catalogs])}; [[catalogs]] in the settings",
        )
    have = [BUILTIN] if wanted.name in stack.names() else []
    have += [n for n, catalog in catalogs.items() if wanted.name in names(catalog)]
    if wanted.catalog in have:
        return catalogs.get(wanted.catalog)
    if wanted.catalog or not have:
        offers = [o for o in listing() if wanted.catalog in {"", o.catalog}]
        where = f" in the catalog {wanted.catalog}" if wanted.catalog else ""
        raise InvalidInputError(
            f"there is no stack {wanted.name!r}{where}",
            hint="stacks: " + ", ".join(sorted({o.name for o in offers})),
        )
    if len(have) > 1:
        raise InvalidInputError(
            f"several catalogs have a stack {wanted.name!r}: {', '.join(have)}",
            hint=f'say which is meant: catalog = "{have[-1]}" in [stack]',
        )
    return catalogs.get(have[0])


def directory(catalog: Catalog, name: str) -> tuple[LoadedStack, dict[str, bytes], str]:
    """Return a directory's stack, its files, and the commit that they are a checkout of, if any.

    InvalidInputError if it is broken or cannot be read.
    """
    folder = Path(catalog.directory or "") / name
    try:
        files = tree.of_folder(folder)
    except ValueError as error:
        raise InvalidInputError(f"{folder} is no stack: {error}") from error
    except OSError as error:
        raise InvalidInputError(f"{folder} cannot be read: {error.strerror}") from error
    found = checkout.find(folder)
    return stack.parse(files, name, trusted=False), files, found.commit if found else ""
