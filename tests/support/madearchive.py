"""Archives made in memory, for tests of what is found inside them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable


class _Forward(io.RawIOBase):
    """A file that cannot be sought in, so that zip members end in data descriptors."""

    def __init__(self) -> None:
        self.out = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self.out += view
        return view.nbytes


def zipped(
    *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, streamed: bool = False
) -> bytes:
    """Return a zip of names and contents; ``streamed`` members have their lengths after them."""
    target: io.BytesIO | _Forward = _Forward() if streamed else io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return bytes(target.out) if isinstance(target, _Forward) else target.getvalue()


def pieces(data: bytes, size: int) -> Callable[[int], bytes]:
    """Return a reader that gives ``data`` in pieces of at most ``size``."""
    stream = io.BytesIO(data)
    return lambda count: stream.read(min(count, size))


def nested(data: bytes, wrappers: Iterable[Callable[[bytes], bytes]]) -> bytes:
    """Wrap ``data`` in one after the other."""
    for wrap in wrappers:
        data = wrap(data)
    return data
