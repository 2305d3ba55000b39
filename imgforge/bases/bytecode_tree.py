"""Which files of a folder are compiled, and where their bytecode goes.

It runs in builders too, beside ``bytecode_program.py``, and so needs the standard library alone:
``python3 bytecode_tree.py SOURCE PLACE OUT`` compiles the sources below SOURCE, which will lie
below PLACE in the image, and writes their bytecode below OUT.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FLAGS = ("-S", "-s", "-P", "-B", "-c")
"""Nothing of the machine's: no site packages, no folder of the program's on the path."""


def sources(folder: Path) -> list[str]:
    """Return the paths of the Python sources below ``folder``, sorted; links are left alone."""
    found = []
    for place, _, names in os.walk(folder):
        paths = (Path(place, name) for name in names if name.endswith(".py"))
        found += [str(p.relative_to(folder)) for p in paths if not p.is_symlink()]
    return sorted(found)


def question(folder: Path, place: str, names: Iterable[str]) -> bytes:
    """Return what ``bytecode_program.py`` is asked about the sources ``names``."""
    out = bytearray()
    for name in names:
        path, source = f"{place}/{name}".encode(), (folder / name).read_bytes()
        out += len(path).to_bytes(4, "big") + len(source).to_bytes(4, "big") + path + source
    return bytes(out)


def records(data: bytes) -> Iterator[bytes]:
    """Yield what ``bytecode_program.py`` answers: nothing for what is no Python."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def write(out: Path, names: Sequence[str], answers: Sequence[bytes], version: str) -> None:
    """Write bytecode where Python ``version`` (``3.13``) looks for it (PEP 3147)."""
    for name, data in zip(names, answers, strict=True):
        folder, _, file = name.rpartition("/")
        tag = version.replace(".", "")
        path = out / folder / "__pycache__" / f"{file.removesuffix('.py')}.cpython-{tag}.pyc"
        if data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def main(arguments: Sequence[str]) -> None:
    """Compile with the interpreter that runs this; CalledProcessError if it breaks off."""
    source, place, out = Path(arguments[0]), arguments[1], Path(arguments[2])
    names = sources(source)
    program = Path(__file__).with_name("bytecode_program.py").read_text(encoding="utf-8")
    jobs = max(1, min(os.cpu_count() or 1, len(names)))

    def share(number: int) -> None:
        own = names[number::jobs]
        done = subprocess.run(
            [sys.executable, *FLAGS, program],
            input=question(source, place, own),
            env={"PYTHONHASHSEED": "0"},
            stdout=subprocess.PIPE,
            check=True,
        )
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        write(out, own, list(records(done.stdout)), version)

    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(share, range(jobs)))


if __name__ == "__main__":
    main(sys.argv[1:])
