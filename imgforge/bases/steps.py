"""What maintainer scripts would have done, as declared steps over trees; none is ever run."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from imgforge import cache, keystore, process
from imgforge.bases import ldcache
from imgforge.bases.definitions import (
    CaBundle,
    JavaKeystore,
    LdSoCache,
    PhpModules,
    PythonBytecode,
    Step,
)
from imgforge.bases.tree import TRIPLETS, Merged, Tree, over
from imgforge.errors import BuildFailedError, RegistryError
from imgforge.oci.layer import Entry
from imgforge.oci.types import sha256

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_PEM_BEGIN, _PEM_END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_PROGRAM = Path(__file__).with_name("bytecode_program.py").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Site:
    """Where steps are carried out: ``tree`` is the layer in the making, which they add to.

    ``packages`` is the layer's content before anything was dropped, ``below`` the trees beneath.
    ``tools`` gives the same base for this machine's own architecture, if that is another one.
    """

    packages: Tree
    tree: Tree
    below: tuple[Tree, ...]
    architecture: str
    tools: Callable[[], Merged] | None = None

    @property
    def merged(self) -> Merged:
        """The layer over those beneath, as a container would see it."""
        return over([*self.below, self.tree])


def machine() -> str:
    """Return Debian's name for this machine's architecture, or the machine's own word."""
    here = platform.machine()
    return MACHINES.get(here, here) if sys.platform == "linux" else f"{here} ({sys.platform})"


def apply(step: Step, site: Site) -> None:
    """Carry out one step on ``site.tree``.

    Raises RegistryError if the packages are not what the step expects, BuildFailedError if this
    machine cannot carry it out.
    """
    tree = site.tree
    match step:
        case CaBundle():
            tree[step.path] = Entry(step.path, 0o644, data=_bundle(step, site.packages))
        case JavaKeystore():
            tree[step.path] = Entry(step.path, 0o644, data=_keystore(step, site.merged))
        case LdSoCache():
            triplet = TRIPLETS[site.architecture]
            directories = [d.replace("{triplet}", triplet) for d in step.directories]
            data = ldcache.render(site.merged, directories, site.architecture)
            if data is not None:
                tree["etc/ld.so.cache"] = Entry("etc/ld.so.cache", 0o644, data=data)
        case PhpModules():
            for entry in _php_modules(step, site.merged):
                tree[entry.path] = entry
        case PythonBytecode():
            for entry in _bytecode(step, site):
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


def _keystore(step: JavaKeystore, merged: Merged) -> bytes:
    """Write the bundle's certificates as a Java key store."""
    entry = merged.get(step.bundle)
    found = keystore.certificates(entry.data if entry and entry.data else b"")
    if len(found) < step.minimum:
        raise RegistryError(
            f"{len(found)} certificates in {step.bundle}, {step.minimum} expected at least"
        )
    return keystore.write(found)


def _php_modules(step: PhpModules, merged: Merged) -> Iterator[Entry]:
    shipped = re.compile(rf"usr/share/php{re.escape(step.version)}-[^/]+/[^/]+/([a-z0-9_]+)\.ini")
    for path in sorted(merged):
        name, entry = shipped.fullmatch(path), merged[path]
        if name and entry.data is not None:
            found = re.search(rb"^; *priority=(\d{1,2})\s*$", entry.data, re.MULTILINE)
            order = int(found[1]) if found else 20
            place = f"etc/php/{step.version}/cli/conf.d/{order:02d}-{name[1]}.ini"
            yield Entry(place, 0o777, link=f"/{path}")


def _bytecode(step: PythonBytecode, site: Site) -> Iterator[Entry]:
    """Compile with the base's interpreter, or with that of the same base for this machine.

    What it writes depends on its version, not on its architecture: where both have a source, the
    bytecode is the same too.
    """
    here, merged = machine(), site.merged
    tools = merged if here == site.architecture else site.tools() if site.tools else None
    if tools is None:
        raise BuildFailedError(
            f"the bytecode of Python {step.version} is made by its own interpreter, and none for "
            f"{here} is part of this base",
            hint=f"lock for linux/{here} too, or take the base from a registry"
            if here in TRIPLETS
            else "make the base on Linux, or take it from a registry",
        )
    wanted: list[tuple[str, bytes]] = []
    inside = re.compile(rf"{re.escape(step.directory)}/.*\.py", re.DOTALL)
    for path, entry in sorted(merged.items()):
        if inside.fullmatch(path) and entry.data is not None:
            place = _compiled_place(path, step.version)
            known, twin = tools.get(place), tools.get(path)
            if known is not None and twin is not None and twin.data == entry.data:
                yield known
            else:
                wanted.append((path, entry.data))
    yield from _compiled(step, tools, TRIPLETS[here], wanted)


def _compiled_place(path: str, version: str) -> str:
    """Return where the bytecode of a source lies (PEP 3147)."""
    folder, _, name = path.rpartition("/")
    tag = version.replace(".", "")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.cpython-{tag}.pyc"


def _compiled(
    step: PythonBytecode, tools: Merged, triplet: str, wanted: Sequence[tuple[str, bytes]]
) -> Iterator[Entry]:
    """Compile, or take from the cache what the same interpreter made of the same sources."""
    program = tools.get(f"usr/bin/python{step.version}")
    parts = [_PROGRAM.encode(), program.data if program and program.data else b""]
    parts += [part for path, source in wanted for part in (path.encode(), source)]
    key = sha256(b"".join(hashlib.sha256(part).digest() for part in parts))
    kept = cache.directory("bytecode") / key.removeprefix("sha256:")
    answers = _records(kept.read_bytes()) if cache.used(kept) else []
    if len(answers) != len(wanted):
        answers = _compile(step, tools, triplet, wanted)
        cache.write(kept, b"".join(len(a).to_bytes(4, "big") + a for a in answers))
    for (path, _), data in zip(wanted, answers, strict=True):
        yield Entry(_compiled_place(path, step.version), 0o644, data=data)


def _compile(
    step: PythonBytecode, tools: Merged, triplet: str, wanted: Sequence[tuple[str, bytes]]
) -> list[bytes]:
    with tempfile.TemporaryDirectory(prefix="imgforge-") as folder:
        root = Path(folder).resolve()
        _lay_out(root, tools, step.version, triplet)
        libraries = root / "usr/lib" / triplet
        loader = next(libraries.glob("ld-linux*.so.*"))
        interpreter = root / f"usr/bin/python{step.version}"
        command: list[str | Path] = [loader, "--library-path", libraries, interpreter]
        # Nothing of the machine's: no site packages, no folder of the program's on the path.
        command += ["-S", "-s", "-P", "-B", "-c", _PROGRAM]
        jobs = max(1, min(os.cpu_count() or 1, len(wanted)))
        with ThreadPoolExecutor(jobs) as pool:
            shares = pool.map(
                lambda i: _answer(command, root, step.version, wanted[i::jobs]), range(jobs)
            )
            found = list(shares)
    return [found[i % jobs][i // jobs] for i in range(len(wanted))]


def _lay_out(root: Path, tree: Merged, version: str, triplet: str) -> None:
    """Write what the interpreter needs as plain files: no link of a package is followed on disk."""
    needed = re.compile(
        rf"usr/bin/python{version}|usr/lib/python{version}/(?:encodings/)?[^/]+\.py"
        rf"|usr/lib/{triplet}/[^/]+\.so(?:\.[^/]*)?"
    )
    for path in tree:
        entry = ldcache.followed(tree, path) if needed.fullmatch(path) else None
        if entry is not None and entry.data is not None:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(entry.data)
            target.chmod(0o755)


def _answer(
    command: Sequence[str | Path], root: Path, version: str, share: Sequence[tuple[str, bytes]]
) -> list[bytes]:
    given = bytearray()
    for path, source in share:
        name = f"/{path}".encode()
        given += len(name).to_bytes(4, "big") + len(source).to_bytes(4, "big") + name + source
    env = {"PYTHONHOME": str(root / "usr"), "PYTHONHASHSEED": "0"}
    done = process.run(command, env=env, cwd=root, input=bytes(given), timeout=600)
    found = _records(done.stdout)
    if len(found) != len(share):
        raise BuildFailedError(f"Python {version} compiled {len(found)} of {len(share)} files")
    return found


def _records(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found
