"""A program for a base's own Python interpreter: sources in, bytecode out.

It runs there without the standard library, so only what is built in may be imported. Records on
standard input: the lengths of path and source (four bytes each, big-endian), path, source. Answers
on standard output, in order: the length of a ``.pyc`` (four bytes; 0 for what has a syntax that is
no Python's), and the ``.pyc``, with the hash of its source in place of a time and never to be
checked against it (PEP 552).

Each file is compiled in a process of its own: what a process has compiled before decides which
strings it shares, and so what it writes.
"""

import _frozen_importlib_external as external  # what importlib is made of, and always there
import _imp
import marshal
import posix
import sys


def compiled(path: str, source: bytes) -> bytes:
    """Compile in a child and return the ``.pyc``; nothing if it is no Python of this version."""
    reader, writer = posix.pipe()
    child = posix.fork()
    if child == 0:
        try:
            code = compile(source, path, "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError):
            posix._exit(1)  # noqa: SLF001 - a forked child's end
        magic = int.from_bytes(external.MAGIC_NUMBER, "little")
        # PEP 552: flag bit 0 says that a hash follows, bit 1 (not set) that it is to be checked.
        data = external.MAGIC_NUMBER + (1).to_bytes(4, "little")
        data += _imp.source_hash(magic, source) + marshal.dumps(code)
        while data:
            data = data[posix.write(writer, data) :]
        posix._exit(0)  # noqa: SLF001 - a forked child's end
    posix.close(writer)
    pieces = []
    while piece := posix.read(reader, 1 << 20):
        pieces.append(piece)
    posix.close(reader)
    status = posix.waitpid(child, 0)[1]
    if status not in {0, 256}:
        raise SystemExit(f"{path} cannot be compiled")
    return b"".join(pieces) if status == 0 else b""


def main() -> None:
    """Answer every record."""
    given, out = sys.stdin.buffer, sys.stdout.buffer
    while head := given.read(8):
        path = given.read(int.from_bytes(head[:4], "big")).decode()
        source = given.read(int.from_bytes(head[4:], "big"))
        data = compiled(path, source)
        out.write(len(data).to_bytes(4, "big") + data)
    out.flush()


main()
