"""Bases from a registry: believed for a reason, pulled by digest, and stripped where they must be.

A name is resolved to a digest once, by :func:`resolve`; the policy's demand comes before anything
else is fetched. An image that ships setuid bits or capabilities is flattened, and then ``digest``
is the flattened image's and ``upstream`` the registry's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import cache
from imgforge.bases import cached, trust
from imgforge.errors import BuildFailedError, InvalidInputError, RegistryError
from imgforge.lock import LockedBase, LockedPlatform
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.types import INDEXES, Descriptor, Platform

if TYPE_CHECKING:
    from imgforge.bases.definitions import Definition
    from imgforge.oci.registry import Registry
    from imgforge.policy.bounds import Policy


def resolve(
    name: str,
    reference: str,
    platforms: Iterable[Platform],
    policy: Policy,
    say: Callable[[str], None],
    *,
    contract: Sequence[Definition] = (),
) -> LockedBase:
    """Lock ``reference`` (with tag, digest or both) as the base ``name``, and pull it.

    If ``contract`` is given, every image must keep it; a base that a definition names has its ABI.

    InvalidInputError if the reference is malformed or has no image for a platform; what
    :func:`imgforge.bases.trust.demand` raises; BuildFailedError if the contract is broken;
    RegistryError and TransientError as the registry
    gives cause for.
    """
    from imgforge.bases import definitions
    from imgforge.oci import mirrors

    named = Reference.parse(reference)
    digest = named.digest
    if digest is None:
        if named.tag is None:
            raise InvalidInputError(
                f"the base {reference} has neither tag nor digest", hint="write :tag or @sha256:…"
            )
        (top, _), _ = mirrors.ask(named, lambda registry: registry.resolve(), say)
        digest = top.digest
        say(f"{named} is {digest}")
    line = definitions.abi(contract) if "/" not in name else ""
    base = LockedBase(
        name, "registry", named.name, digest, 0, "", (), (), abi=line, tag=named.tag or ""
    )
    base = dataclasses.replace(base, trust=trust.demand(base, policy, say=say))
    path = _pull(named.name, digest, say)
    layout = Layout(path)
    (found,) = layout.index()
    images = [image for image in layout.images(found) if cached.usable(image)]
    created = dt.datetime.fromtimestamp(0, dt.UTC)
    locked = []
    for platform in sorted(platforms):
        image = next((d for d in images if _fits(layout, d, platform)), None)
        if image is None:
            raise InvalidInputError(f"{reference} has no image for {platform}")
        locked.append(LockedPlatform(platform, image.digest, ()))
        created = max(created, _created(layout, image))
        if contract:
            _hold(name, contract, layout, image, shell="/" in name)
    return dataclasses.replace(
        base,
        digest=found.digest,
        upstream=digest if found.digest != digest else "",
        epoch=int(created.timestamp()),
        platforms=tuple(locked),
    )


def _hold(
    name: str, contract: Sequence[Definition], layout: Layout, image: Descriptor, *, shell: bool
) -> None:
    """Hold an image against what stacks rely on; a shell that a spec chose is the gate's affair."""
    from imgforge.analysis import analyse
    from imgforge.bases.contract import check_image

    facts = analyse(layout, image, cache=cache.directory("analysis"))
    check_image(name, contract, facts, shell=shell)


def ensure(base: LockedBase, *, offline: bool, say: Callable[[str], None]) -> Path:
    """Return the layout of ``base``, pulled (and flattened) anew if the cache has it not.

    BuildFailedError when ``offline`` and it is not there, or if it gives another digest than the
    lock's.
    """
    upstream = base.upstream or base.digest
    path = cache.directory("bases") / base.digest.removeprefix("sha256:")
    # What was made here may be in a registry, too; only a flattened image has another origin.
    origins = cached.origins(path) | ({base.digest} if cached.is_made(path) else set())
    if cache.used(path) and upstream in origins and cached.complete(path, base.digest):
        return path
    if offline:
        raise BuildFailedError(f"base {base.name} is not in the cache and this run is offline")
    made = _pull(base.reference, upstream, say)
    if made != path:
        raise BuildFailedError(
            f"base {base.name}, made anew of {base.reference}@{upstream}, differs from the lock",
            details=[f"locked {base.digest}", f"made   sha256:{made.name}"],
            hint="an image with setuid bits is never used as it is; lock again with: imgforge lock",
        )
    return made


def _pull(repository: str, digest: str, say: Callable[[str], None]) -> Path:
    """Bring an image into the cache, under the digest that it has when it may be used."""
    from imgforge.bases import flatten
    from imgforge.oci import mirrors

    wanted = Reference.parse(repository).with_digest(digest)
    say(f"pulling {wanted}")
    with _staging() as staging, _staging() as flat:
        layout = Layout.create(staging)

        def fetch(registry: Registry) -> Descriptor:
            top, data = registry.resolve()
            layout.add(data, top.media_type)
            for image in _images(layout, top):
                registry.fetch_image(image, layout, None)
            return top

        top, _ = mirrors.ask(wanted, fetch, say)
        if top.digest != digest:
            raise RegistryError(f"{repository} gave {top.digest} for {digest}")
        privileged = flatten.bits(layout, top)
        if privileged:
            say(
                f"{repository} ships {len(privileged)} files with setuid bits or capabilities, "
                f"such as /{privileged[0]}: it is flattened without them"
            )
            stripped = Layout.create(flat)
            top = flatten.flatten(layout, top, stripped)
            layout = stripped
        layout.write_index([top])
        cached.mark(layout.path, digest)
        return cached.place(layout.path, top.digest)


def _images(layout: Layout, top: Descriptor) -> list[Descriptor]:
    """Return what of ``top`` to bring: an image whole, of an index what is usable.

    RegistryError if that is nothing.
    """
    if top.media_type not in INDEXES:
        return [top]
    found = [image for image in layout.children(top) if cached.usable(image)]
    if not found:
        raise RegistryError(f"the index {top.digest} has no image for a platform that is built for")
    return found


@contextlib.contextmanager
def _staging() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix=".incoming-", dir=cache.directory("bases")))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _config(layout: Layout, image: Descriptor) -> dict[str, object]:
    return layout.read_json(Descriptor.from_json(layout.read_json(image).get("config")))


def _fits(layout: Layout, image: Descriptor, platform: Platform) -> bool:
    named: object = image.platform.to_json() if image.platform else _config(layout, image)
    if not isinstance(named, dict):
        return False
    same = (named.get("os"), named.get("architecture")) == (platform.os, platform.architecture)
    # arm64 has only v8, which some name and some do not.
    both = {named.get("variant") or "", platform.variant}
    return same and (len(both) == 1 or (platform.architecture == "arm64" and both == {"", "v8"}))


def _created(layout: Layout, image: Descriptor) -> dt.datetime:
    text = _config(layout, image).get("created")
    try:
        found = dt.datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        return dt.datetime.fromtimestamp(0, dt.UTC)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
