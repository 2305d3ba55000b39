"""What maintainer scripts would have done, as declared steps over trees; none is ever run."""

from __future__ import annotations

import platform as machine
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imgforge import process
from imgforge.bases import ldcache
from imgforge.bases.definitions import CaBundle, LdSoCache, PythonBytecode, Step
from imgforge.bases.tree import Merged, Tree, over
from imgforge.errors import BuildFailedError, RegistryError
from imgforge.oci.layer import Entry

TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_PEM_BEGIN, _PEM_END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def apply(step: Step, packages: Tree, tree: Tree, below: Sequence[Tree], architecture: str) -> None:
    """Carry out one step on ``tree``.

    ``packages`` is the layer's content before anything was dropped, ``below`` the trees beneath.
    Raises RegistryError if the packages are not what the step expects, BuildFailedError if this
    machine cannot carry it out.
    """
    match step:
        case CaBundle():
            tree[step.path] = Entry(step.path, 0o644, data=_bundle(step, packages))
        case LdSoCache():
            triplet = TRIPLETS[architecture]
            directories = [d.replace("{triplet}", triplet) for d in step.directories]
            data = ldcache.render(over([*below, tree]), directories, architecture)
            if data is not None:
                tree["etc/ld.so.cache"] = Entry("etc/ld.so.cache", 0o644, data=data)
        case PythonBytecode() if architecture in step.architectures:
            for entry in _bytecode(step, over([*below, tree]), architecture):
                tree[entry.path] = entry


def _bundle(step: CaBundle, packages: Tree) -> bytes:
    prefix, parts = step.source + "/", []
    for path, entry in sorted(packages.items()):
        if path.startswith(prefix) and path.endswith(".crt") and entry.data is not None:
            text = entry.data.strip()
            once = text.count(_PEM_BEGIN) == text.count(_PEM_END) == 1
            if not (once and text.startswith(_PEM_BEGIN) and text.endswith(_PEM_END)):
                raise RegistryError(f"{path} is not one PEM certificate")
            parts.append(text + b"\n")
    if len(parts) < step.minimum:
        raise RegistryError(f"{len(parts)} CA certificates, {step.minimum} expected at least")
    return b"".join(parts)


def _bytecode(step: PythonBytecode, tree: Merged, architecture: str) -> Iterator[Entry]:
    here = _MACHINES.get(machine.machine(), machine.machine())
    if sys.platform != "linux" or here != architecture:
        raise BuildFailedError(
            f"the bytecode of Python {step.version} for {architecture} can be made only on Linux "
            f"on {architecture}; this is {sys.platform} on {here}",
            hint="make the base on such a machine, or take it from a registry",
        )
    with tempfile.TemporaryDirectory(prefix="imgforge-") as folder:
        root = Path(folder).resolve()
        triplet = TRIPLETS[architecture]
        _lay_out(root, tree, step, triplet)
        sources = sorted(
            path
            for path, entry in tree.items()
            if path.startswith(step.directory + "/")
            and path.endswith(".py")
            and entry.data is not None
        )
        # What one process compiles changes what it interns and so what it writes later: the
        # division is part of the result and must not follow the machine's number of cores.
        halves = (sources[0::2], sources[1::2])
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda i: _compile(root, step, triplet, halves[i], i), range(2)))
        for path in sorted(root.joinpath(step.directory).rglob("*.pyc")):
            yield Entry(str(path.relative_to(root)), 0o644, data=path.read_bytes())


def _lay_out(root: Path, tree: Merged, step: PythonBytecode, triplet: str) -> None:
    """Write what the interpreter needs as plain files: no link of a package is followed on disk."""
    shared = re.compile(rf"usr/lib/{triplet}/[^/]+\.so(?:\.[^/]*)?")
    modules = (f"usr/lib/python{step.version}/", f"{step.directory}/")
    for path in tree:
        needed = path == f"usr/bin/python{step.version}" or path.startswith(modules)
        if (needed and not path.endswith(".pyc")) or shared.fullmatch(path):
            entry = ldcache.followed(tree, path)
            if entry is not None and entry.data is not None:
                target = root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(entry.data)
                target.chmod(0o755)


def _compile(
    root: Path, step: PythonBytecode, triplet: str, sources: list[str], number: int
) -> None:
    names = root / f"sources-{number}"
    names.write_text("".join(f"{root / path}\n" for path in sources))
    libraries = root / "usr/lib" / triplet
    loader = next(libraries.glob("ld-linux*.so.*"))
    interpreter: list[str | Path] = [
        loader,
        "--library-path",
        libraries,
        root / f"usr/bin/python{step.version}",
    ]
    options = ["-f", "-qq", "-j1", "--invalidation-mode", "unchecked-hash"]
    process.run(
        [*interpreter, "-m", "compileall", *options, "-s", root, "-p", "/", "-i", names],
        env={
            "PYTHONHOME": str(root / "usr"),
            "PYTHONHASHSEED": "0",
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=root,
        timeout=600,
    )
