"""A stack by the name that a command line gives: ``acme/acme-web@^1.2``, or ``…@main`` of git."""

from __future__ import annotations

import re
from collections.abc import Callable

from imgforge import assets
from imgforge.catalogs import BUILTIN, releases, tree
from imgforge.catalogs.choosing import Wanted
from imgforge.catalogs.opening import How, Opened, open_stack
from imgforge.errors import InvalidInputError

_NAME = re.compile(
    r"(?:(?P<catalog>[a-z][a-z0-9-]*)/)?(?P<name>[a-z0-9][a-z0-9-]*)(?:@(?P<release>.+))?"
)


def wanted(text: str) -> Wanted:
    """Read ``[CATALOG/]NAME[@VERSION]``; InvalidInputError if it is not that.

    What is no version or range is taken for a ref of git, if it can be one; ``refs/tags/1.2.0`` is
    a tag that looks like a version.
    """
    found = _NAME.fullmatch(text)
    if found is None:
        raise InvalidInputError(
            f"{text!a:.200} is no stack", hint="write [CATALOG/]NAME[@VERSION], such as python@^1"
        )
    release = found["release"] or ""
    try:
        releases.check(release)
    except ValueError as error:
        if releases.is_ref(release):
            return Wanted(found["name"], found["catalog"] or "", ref=release)
        raise InvalidInputError(f"{text!a:.200}: {error}") from error
    return Wanted(found["name"], found["catalog"] or "", release)


def take(asked: Wanted, *, say: Callable[[str], None]) -> tuple[Opened, tree.Files]:
    """Open the newest version that fits, verified, and return all of its files.

    Raises what :func:`.opening.open_stack` raises.
    """
    how = How(resolve=True, say=say)
    opened = open_stack(asked, lambda: None, how)
    if opened.pin.catalog == BUILTIN:
        return opened, tree.of_folder(assets.folder("stacks") / asked.name)
    return opened, opened.files
