"""Bringing the sources that settings name up to date; those from addresses given are fetched."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from imgforge.advisories import exported, feed
from imgforge.advisories.given import SUFFIX, Given
from imgforge.advisories.importing import Imported, import_all
from imgforge.console import Meter, Say
from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from imgforge.signing.key import PublicKey

ADDRESS: Final = ("https://", "http://")
_DAY: Final = 86_400


class Wish(NamedTuple):
    """What is to be imported: ``places`` are files, folders and addresses.

    ``name`` is what a single one is called, else each by itself. ``sha256`` (hex) is what a
    single one must be. With ``key`` each must be signed by it.
    """

    places: tuple[str, ...]
    name: str = ""
    sha256: str = ""
    key: PublicKey | None = None
    keep: bool = False
    skip_malformed: bool = False


class Brought(NamedTuple):
    """What came of each source, and the names of those that had not changed."""

    imported: tuple[Imported, ...]
    unchanged: tuple[str, ...]


def bring(wish: Wish, target: Path, say: Say) -> Brought:
    """Import what is wished for into the database ``target``.

    Errors as of :func:`.importing.import_all`; RegistryError and TransientError as servers give
    cause.
    """
    if not wish.places:
        raise InvalidInputError("nothing is named that could be imported")
    if len(wish.places) > 1 and (wish.name or wish.sha256):
        raise InvalidInputError("a name or a digest is for one source, and several are given")
    with ExitStack() as stack:
        given, unchanged = _gathered(wish, target, stack, say)
        whole = [each for each in given if _is_database(each.path)]
        if whole and (len(given) > 1 or unchanged):
            raise InvalidInputError(f"{whole[0].name} is an exported database: import it alone")
        if whole:
            return Brought((_whole(whole[0], target, say),), ())
        done = import_all(
            given,
            target,
            unchanged=unchanged,
            keep=wish.keep,
            skip_malformed=wish.skip_malformed,
            now=dt.datetime.now(dt.UTC),
            say=say,
        )
        return Brought(tuple(done), tuple(unchanged))


def _whole(given: Given, target: Path, say: Say) -> Imported:
    from imgforge.advisories.database import open_database

    signed = exported.bring(given, target, say)
    with open_database(target) as database:
        status = database.status()
    records = sum(source.records for source in status.sources)
    return Imported(given.name, "database", status.digest, signed, records, records, 0, (), 0)


def _is_database(path: Path) -> bool:
    if path.is_dir():
        return False
    source = feed.Feed(path, lambda _: None)
    source.close()
    return source.kind == "database"


def _gathered(
    wish: Wish, target: Path, stack: ExitStack, say: Say
) -> tuple[list[Given], list[str]]:
    given: list[Given] = []
    unchanged: list[str] = []
    addresses = [place for place in wish.places if place.startswith(ADDRESS)]
    tags = _tags(target, wish.key) if addresses else {}
    for place in wish.places:
        if place in addresses:
            found = _fetched(place, wish, tags, stack, say)
            if found is None:
                unchanged.append(wish.name or _shown(place))
            else:
                given.append(found)
            continue
        path = Path(place)
        if not path.exists():
            raise InvalidInputError(f"{place} does not exist")
        bundle = path.with_name(path.name + SUFFIX) if wish.key is not None else None
        name = wish.name or str(path.resolve())
        written = path.stat().st_mtime if path.is_file() else None
        given.append(Given(name, path, wish.sha256, wish.key, bundle, written=written))
    names = [each.name for each in given] + unchanged
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInputError(f"{doubled[0]} is given twice")
    return given, unchanged


def _tags(target: Path, key: PublicKey | None) -> dict[str, str]:
    """Return what servers said of the sources that need not be fetched if they are the same."""
    from imgforge.advisories.database import Database
    from imgforge.advisories.schema import readable

    if not target.exists():
        return {}
    wanted = f"key {key.fingerprint}" if key is not None else None
    with Database(target, readable(target)) as database:
        tags = database.tags()
    return {name: tag for name, (tag, signed) in tags.items() if wanted in {None, signed}}


def _shown(url: str) -> str:
    from imgforge.bases.sources import without_password

    return without_password(url)


def _fetched(
    url: str, wish: Wish, tags: dict[str, str], stack: ExitStack, say: Say
) -> Given | None:
    from imgforge import cache
    from imgforge.advisories import download
    from imgforge.bases.fetch import client

    name = wish.name or _shown(url)
    folder = cache.directory("advisories")
    _swept(folder)
    scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix=".download-", dir=folder))
    http = stack.enter_context(client())
    meter = Meter(say, f"fetching {_shown(url)}")
    called = re.sub("[^A-Za-z0-9._-]", "_", url.partition("?")[0].rpartition("/")[2])[-80:]
    path = Path(scratch, f"_{called}")
    tag = "" if wish.sha256 else tags.get(name, "")
    found = download.fetch(http, url, path, tag=tag, count=meter.add)
    if found is None:
        return None
    bundle = None
    if wish.key is not None:
        address, mark, query = url.partition("?")
        bundle = download.small(http, address + SUFFIX + mark + query, Path(scratch, "bundle"))
    return Given(name, path, wish.sha256, wish.key, bundle, found.tag)


def _swept(folder: Path) -> None:
    """Remove what downloads that were killed left behind, a day later."""
    for old in folder.glob(".download-*"):
        with contextlib.suppress(FileNotFoundError):
            if old.stat().st_mtime < time.time() - _DAY:
                shutil.rmtree(old, ignore_errors=True)
