"""A registry client (distribution-spec 1.1) that believes no byte before it was hashed.

Manifests travel as the bytes they are, so a digest that was checked or signed stays true on
both sides.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import urlencode

from imgforge.errors import RegistryError
from imgforge.oci.download import Download
from imgforge.oci.layout import CorruptLayoutError, Layout
from imgforge.oci.layout import references as blobs_of
from imgforge.oci.manifest import MAX_IMAGES, media_type
from imgforge.oci.reference import Reference
from imgforge.oci.selection import select
from imgforge.oci.transport import Answer, MissingError, Transport
from imgforge.oci.types import INDEXES, MANIFESTS, Descriptor, Platform, is_digest, sha256
from imgforge.oci.upload import NO_MOUNT, Upload

ACCEPT = ", ".join(sorted(MANIFESTS | INDEXES))
MAX_BLOB = 32 << 30
Progress = Callable[[int], None]
"""Is told how many more bytes of blobs are where they are to be: moved, mounted or found there."""
_WORKERS = 4
_LOOKS, _LOOK = 3, 0.1
_NOT_FOUND = 404
_CREATED = 201


def _silent(_: int) -> None:
    pass


class Registry:
    """One repository of one registry; its connections are closed on leaving ``with``."""

    def __init__(
        self, reference: Reference, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.reference = reference
        self.http = Transport(reference, pause=pause)
        self.path = f"/v2/{reference.repository}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def resolve(self) -> tuple[Descriptor, bytes]:
        """Return what the reference names now (digest, else tag, else ``latest``) and its bytes."""
        name = self.reference.digest or self.reference.tag or "latest"
        found = self.find(name)
        if found is None:
            raise MissingError(f"{self.reference.name} has no {name}")
        return found

    def find(self, name: str) -> tuple[Descriptor, bytes] | None:
        """Return the manifest or index under a tag or digest, checked; None if it is not there."""
        answer = self.http.call(
            "GET",
            f"{self.path}/manifests/{name}",
            accept=(200, _NOT_FOUND),
            headers={"Accept": ACCEPT},
        )
        if answer.status == _NOT_FOUND:
            return None
        return self._checked(name, answer), answer.body

    def has_manifest(self, digest: str) -> bool:
        """Whether the repository says it has this manifest or index."""
        answer = self.http.call(
            "HEAD",
            f"{self.path}/manifests/{digest}",
            accept=(200, _NOT_FOUND),
            headers={"Accept": ACCEPT},
        )
        return answer.status != _NOT_FOUND

    def _checked(self, name: str, answer: Answer) -> Descriptor:
        place = f"{self.reference.name}: manifest {name}"
        digest = sha256(answer.body)
        promised = {name} if is_digest(name) else set[str]()
        claimed = answer.headers.get("docker-content-digest")
        if claimed is not None and is_digest(claimed):
            promised.add(claimed)
        if promised - {digest}:
            raise RegistryError(f"{place} has the digest {digest} instead of the one promised")
        try:
            media = media_type(answer.body, answer.headers.get("content-type"))
        except ValueError as error:
            raise RegistryError(f"{place}: {error}") from error
        return Descriptor(media, digest, len(answer.body))

    def fetch_manifest(self, descriptor: Descriptor, layout: Layout) -> None:
        """Bring a manifest or index into ``layout``; it must be all its descriptor says."""
        if layout.has(descriptor.digest):
            layout.read(descriptor)
            return
        found = self.find(descriptor.digest)
        if found is None:
            raise MissingError(f"{self.reference.name} lacks the manifest {descriptor.digest}")
        here, data = found
        if (here.media_type, here.size) != (descriptor.media_type, descriptor.size):
            raise RegistryError(
                f"{self.reference.name}: manifest {descriptor.digest} is of another type or size "
                "than what refers to it says"
            )
        layout.add(data, here.media_type)

    def fetch_blob(
        self, descriptor: Descriptor, layout: Layout, progress: Progress = _silent
    ) -> None:
        """Bring a blob into ``layout`` unless it is there."""
        if layout.has(descriptor.digest):
            progress(descriptor.size)
            return
        with layout.writer() as file:
            self.copy_blob(descriptor, file, progress)
            layout.adopt(file, descriptor.digest)

    def copy_blob(
        self, descriptor: Descriptor, file: IO[bytes], progress: Progress = _silent
    ) -> None:
        """Write a blob into ``file`` from its beginning; RegistryError if it does not match.

        What breaks goes on where it broke.
        """
        if descriptor.size > MAX_BLOB:
            raise RegistryError(f"blob {descriptor.digest} is over {MAX_BLOB} bytes")
        Download(self.http, self.path, descriptor, file, progress).run()

    def has_blob(self, digest: str) -> bool:
        """Whether the repository has the blob."""
        path = f"{self.path}/blobs/{digest}"
        return self.http.call("HEAD", path, accept=(200, _NOT_FOUND)).status != _NOT_FOUND

    def put_blob(
        self,
        layout: Layout,
        descriptor: Descriptor,
        mount: str | None = None,
        progress: Progress = _silent,
    ) -> bool:
        """Put a blob unless it is there; return whether its bytes were sent.

        ``mount`` is another repository of this registry that may have it already.
        CorruptLayoutError if ``layout`` has it not.
        """
        sent = False
        if not self.has_blob(descriptor.digest):
            if not layout.has(descriptor.digest):
                raise CorruptLayoutError(f"{layout.place} lacks blob {descriptor.digest}")
            if mount is not None:
                self.http.also(f"repository:{mount}:pull")
            source = layout.blob_path(descriptor.digest)
            sent = Upload(self.http, self.path, source, descriptor, progress).run(mount)
        if not sent:
            progress(descriptor.size)
        return sent

    def mount(self, descriptor: Descriptor, source: str) -> bool:
        """Whether the registry takes a blob out of its repository ``source`` (end-11)."""
        self.http.also(f"repository:{source}:pull")
        query = urlencode({"mount": descriptor.digest, "from": source})
        path = f"{self.path}/blobs/uploads/?{query}"
        return self.http.call("POST", path, accept=(_CREATED, 202, *NO_MOUNT)).status == _CREATED

    def put_manifest(self, name: str, data: bytes, media: str) -> Answer:
        """Put a manifest under a tag or its digest, and make sure of the digest it has there.

        What it refers to must be there. Docker's registry does not see what another client puts
        once more at that very moment, so that it is asked again.
        """
        for number in range(_LOOKS):
            try:
                answer = self._put_manifest(name, data, media)
                break
            except RegistryError as error:
                unknown = any("BLOB_UNKNOWN" in detail for detail in error.details)
                if not unknown or number + 1 == _LOOKS:
                    raise
                self.http.pause(_LOOK * 2**number)
        claimed = answer.headers.get("docker-content-digest")
        if claimed is not None and claimed != sha256(data):
            raise RegistryError(
                f"{self.reference.name}: PUT manifests/{name} made {claimed[:80]!a} "
                f"of {sha256(data)}"
            )
        return answer

    def _put_manifest(self, name: str, data: bytes, media: str) -> Answer:
        return self.http.call(
            "PUT",
            f"{self.path}/manifests/{name}",
            accept=(_CREATED, 200, 202),
            headers={"Content-Type": media},
            body=data,
        )

    def put_image(
        self,
        layout: Layout,
        top: Descriptor,
        mount: str | None = None,
        progress: Progress = _silent,
    ) -> None:
        """Put ``top`` and all under it: blobs, then manifests, then the index; no tag.

        What the registry then has under each digest was read again and hashed.
        """
        manifests = self.put_blobs(layout, top, mount, progress)
        for descriptor in manifests:
            if self.find(descriptor.digest) is None:
                data = layout.read(descriptor)
                self.put_manifest(descriptor.digest, data, descriptor.media_type)
                if self.find(descriptor.digest) is None:
                    raise RegistryError(
                        f"{self.reference.name} took the manifest {descriptor.digest} "
                        "and does not have it"
                    )

    def put_blobs(
        self,
        layout: Layout,
        top: Descriptor,
        mount: str | None = None,
        progress: Progress = _silent,
    ) -> list[Descriptor]:
        """Put the blobs under ``top``; return its manifests, children before parents."""
        manifests, blobs = _parts(layout, top)
        told = _one_at_a_time(progress)
        self._together([partial(self.put_blob, layout, b, mount, told) for b in blobs])
        return manifests

    def fetch_image(
        self,
        top: Descriptor,
        layout: Layout,
        platforms: Collection[Platform] | None,
        progress: Progress = _silent,
    ) -> None:
        """Bring ``top`` and all under it (of an index, only ``platforms`` if given)."""
        blobs = {
            b.digest: b
            for image in self.fetch_manifests(top, layout, platforms)
            for b in blobs_of(layout.read_json(image))
        }
        told = _one_at_a_time(progress)
        self._together([partial(self.fetch_blob, b, layout, told) for b in blobs.values()])

    def _together(self, work: Sequence[Callable[[], object]]) -> None:
        """Do all of it, a few at a time; the first that fails stops the others, and is raised."""
        pool = ThreadPoolExecutor(_WORKERS)
        try:
            futures = [pool.submit(task) for task in work]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            self.http.stopped.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            self.http.stopped.clear()

    def fetch_manifests(
        self, top: Descriptor, layout: Layout, platforms: Collection[Platform] | None
    ) -> list[Descriptor]:
        """Bring ``top`` and the manifests under it; return those of images."""
        images: list[Descriptor] = []
        pending, known = [top], {top.digest}
        while pending:
            here = pending.pop(0)
            if here.media_type not in MANIFESTS | INDEXES:
                raise RegistryError(f"{here.digest} in {top.digest} is no image or index")
            self.fetch_manifest(here, layout)
            if here.media_type in MANIFESTS:
                images.append(here)
                continue
            children = layout.children(here)
            if platforms is not None and here is top:
                try:
                    children = select(children, platforms)
                except ValueError as error:
                    raise RegistryError(f"{self.reference.name}@{top.digest}: {error}") from error
            # What many list many times must not fill the memory.
            fresh = {child.digest: child for child in children if child.digest not in known}
            known.update(fresh)
            if len(known) > MAX_IMAGES:
                raise RegistryError(f"{top.digest} has over {MAX_IMAGES} manifests")
            pending += fresh.values()
        return images


def resolve(reference: str) -> Descriptor:
    """Return what ``reference`` names now; the tag is ``latest`` if it names neither.

    RegistryError if it is not there, TransientError if the registry does not answer.
    """
    with Registry(Reference.parse(reference)) as registry:
        return registry.resolve()[0]


def pull(
    reference: str,
    digest: str,
    layout: Layout,
    *,
    platforms: Collection[Platform] | None = None,
    progress: Progress = _silent,
) -> Descriptor:
    """Bring ``digest`` of the reference's repository, and all under it, into ``layout``.

    Of an index only the images of ``platforms`` are brought, if given; RegistryError if one is
    missing. The layout's index is left alone: the caller lists the returned descriptor.
    """
    with Registry(Reference.parse(reference).with_digest(digest)) as registry:
        top, data = registry.resolve()
        layout.add(data, top.media_type)
        registry.fetch_image(top, layout, platforms, progress)
        return top


def push(
    layout: Layout,
    top: Descriptor,
    reference: str,
    *,
    mount: str | None = None,
    progress: Progress = _silent,
) -> str:
    """Put ``top`` (manifest or index) and all under it into the repository, by digest, untagged.

    ``mount`` names another repository of the same registry whose blobs may be used. Returns
    ``registry/repository@digest``.
    """
    target = Reference.parse(reference)
    with Registry(target) as registry:
        registry.put_image(layout, top, mount, progress)
    return str(target.with_digest(top.digest))


def weight(layout: Layout, top: Descriptor) -> int:
    """Return how many bytes the blobs under ``top`` have, each counted once."""
    return sum(blob.size for blob in _parts(layout, top)[1])


def _parts(layout: Layout, top: Descriptor) -> tuple[list[Descriptor], list[Descriptor]]:
    """Return manifests, children before parents, and blobs, all once."""
    manifests: dict[str, Descriptor] = {}
    blobs: dict[str, Descriptor] = {}

    def visit(here: Descriptor) -> None:
        if here.digest in manifests:
            return
        if here.media_type in INDEXES:
            for child in layout.children(here):
                visit(child)
        else:
            value: dict[str, Any] = layout.read_json(here)
            blobs.update((b.digest, b) for b in blobs_of(value))
        manifests[here.digest] = here

    visit(top)
    return list(manifests.values()), list(blobs.values())


def _one_at_a_time(progress: Progress) -> Progress:
    lock = threading.Lock()

    def told(count: int) -> None:
        with lock:
            progress(count)

    return told
