"""An image in a registry: manifests and configuration at once, a layer when it is asked for.

So a layer whose facts are known is never fetched. What comes is hashed before it is handed on.
"""

from __future__ import annotations

import errno
import io
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Self, TypeVar

from imgforge.console import Meter
from imgforge.errors import RegistryError, TransientError
from imgforge.oci.layout import Blobs
from imgforge.oci.mirrors import places
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.transport import MissingError
from imgforge.oci.types import FOREIGN, INDEXES, MANIFESTS, Descriptor, canonical_json
from imgforge.sources.spool import scratch

T = TypeVar("T")

_HELD = 64 << 20
"""Bytes of all manifests of an image."""


class Remote(Blobs):
    """What ``reference`` names, resolved once; mirrors are asked first. Close it, or use ``with``.

    RegistryError if the registry refuses, lacks or lies about something, TransientError if it does
    not answer.
    """

    proven = True

    def __init__(self, reference: Reference, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._held: dict[str, bytes] = {}
        self._open = ExitStack()
        with ExitStack() as stack:
            self._registries = [stack.enter_context(Registry(p)) for p in places(reference)]
            self.place = reference.name
            self.top, data = self._ask(lambda registry: registry.resolve())
            self._hold(self.top.digest, data)
            self._open = stack.pop_all()
        self.reference = reference.with_digest(self.top.digest)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def open_index(self) -> IO[bytes]:
        """Open an index of the one thing that the reference names."""
        return io.BytesIO(canonical_json({"manifests": [self.top.to_json()]}))

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """Fetch a blob, whole and hashed, into a file that is gone when it is closed."""
        if descriptor.media_type in MANIFESTS | INDEXES:
            return io.BytesIO(self._manifest(descriptor))
        file = scratch()
        try:
            short = descriptor.digest[:19]
            meter = Meter(self._say, f"fetching {short}", descriptor.size)
            self._ask(lambda registry: registry.copy_blob(descriptor, file, meter.add))
            file.seek(0)
        except MissingError as error:
            file.close()
            if descriptor.media_type in FOREIGN:
                raise FileNotFoundError(errno.ENOENT, "the registry has it not") from error
            raise
        except BaseException:
            file.close()
            raise
        return file

    def _manifest(self, descriptor: Descriptor) -> bytes:
        held = self._held.get(descriptor.digest)
        if held is not None:
            return held

        def find(registry: Registry) -> tuple[Descriptor, bytes]:
            found = registry.find(descriptor.digest)
            if found is None:
                raise MissingError(
                    f"{registry.reference.name} lacks the manifest {descriptor.digest}"
                )
            return found

        here, data = self._ask(find)
        if here.media_type != descriptor.media_type:
            raise RegistryError(
                f"{self.place}: manifest {descriptor.digest} is of another type than what refers "
                "to it says"
            )
        self._hold(descriptor.digest, data)
        return data

    def _hold(self, digest: str, data: bytes) -> None:
        self._held[digest] = data
        if sum(map(len, self._held.values())) > _HELD:
            raise RegistryError(f"{self.place} has over {_HELD} bytes of manifests")

    def _ask(self, question: Callable[[Registry], T]) -> T:
        """Ask the mirror, if there is one, until it fails once; then the original."""
        while True:
            registry, *others = self._registries
            try:
                return question(registry)
            except (MissingError, TransientError) as error:
                if not others:
                    raise
                with self._lock:
                    if self._registries[0] is registry:
                        self._say(f"{registry.reference.registry} is passed over: {error.message}")
                        self._registries = others
