"""Real images to measure checks on: of exact versions, from the machine's own package indexes.

Layers, configuration and manifest are written by imgforge on its own bases; what is in them comes
from pip, uv and npm, as everybody has it. They are kept in ``.dev/bench`` and made again when what
they are made of changes. Each also comes with one file of its application changed.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgforge import bases
from imgforge.oci.layer import ENCODER, Entry, Layer, write_layer
from imgforge.oci.layout import Layout, references
from imgforge.oci.types import CONFIG, MANIFEST, Platform, canonical_json, sha256

HERE = Path(__file__).resolve().parent
KEPT = HERE.parent / ".dev" / "bench"
PLATFORM = Platform("linux", "amd64")
SPARK = "3.5.3"
"""The release of pyspark whose jars stand for a Java application's."""

NPM_UNTIL = "2026-11-01"
"""Newer releases do not exist for npm, so the same packages are found at any time."""

JARS = 175
FAT = 31 << 20
"""Bytes of jars, at least, inside the one that holds others."""

FORMAT = 1
"""Raised when the same inputs are laid out otherwise: kept images are then made again."""

_APP = HERE.parent / "imgforge"
_LAST = "zz_changed.py"
_YEAR = (2000, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Image:
    """A layout with one image; ``raw`` is the size of its layers unpacked, in bytes."""

    name: str
    layout: Path
    raw: int
    entries: int

    def changed(self) -> Image:
        """Return the same image with one file of the application changed, never seen before.

        It lies where a build would leave it: in the layout of the change before, of whose blobs
        only the application's layer, the configuration and the manifest are others.
        """
        base, layout = Layout.open(self.layout), Layout.create(KEPT / "changes" / self.name)
        manifest = base.read_json(base.index()[0])
        for descriptor in references(manifest)[1:-1]:
            layout.import_blob(base, descriptor)
        config = base.read_json(references(manifest)[0])
        lower = manifest["layers"][:-1], config["rootfs"]["diff_ids"][:-1]
        app = write_layer(layout, _app(f"MOMENT = {time.time_ns()}\n"))
        _finish(layout, config, *lower, [app])
        layout.prune()
        return Image(self.name, layout.path, self.raw, self.entries)


@dataclass(frozen=True, slots=True)
class _Recipe:
    """``fill`` makes the tree below ``at`` in a folder; ``inputs`` are all that decides it."""

    base: str
    at: str
    fill: Callable[[Path], None]
    inputs: Sequence[str]


def image(name: str) -> Image:
    """Return the image ``name`` (``python``, ``node``, ``java`` or ``large``), made if need be."""
    recipe = RECIPES[name]
    base = bases.resolve(recipe.base, (PLATFORM,), say=lambda _: None)
    own = [ENCODER, base.digest, *recipe.inputs, FORMAT]
    path = KEPT / "images" / f"{name}-{sha256(canonical_json(own))[7:23]}"
    if not path.is_dir():
        print(f"making the {name} image ...", file=sys.stderr)
        for old in path.parent.glob(f"{name}-*"):
            shutil.rmtree(old)
        fresh, tree = path.with_name(f".new-{name}"), KEPT / f".tree-{name}"
        for folder in (fresh, tree):
            shutil.rmtree(folder, ignore_errors=True)
        tree.mkdir(parents=True)
        recipe.fill(tree)
        _write(Layout.create(fresh), Layout.open(bases.ensure(base, say=print)), recipe.at, tree)
        shutil.rmtree(tree)
        fresh.rename(path)
    about = json.loads((path / "about.json").read_bytes())
    return Image(name, path, about["raw"], about["entries"])


def forget_changes() -> None:
    """Remove what :meth:`Image.changed` made."""
    shutil.rmtree(KEPT / "changes", ignore_errors=True)


def _write(layout: Layout, base: Layout, at: str, tree: Path) -> None:
    (top,) = base.index()
    manifest = base.read_json(base.images(top)[0])
    config_descriptor, *lower = references(manifest)
    for descriptor in lower:
        layout.import_blob(base, descriptor)
    config = base.read_json(config_descriptor)
    below = manifest["layers"], config["rootfs"]["diff_ids"]
    layers = [write_layer(layout, _tree(tree, at)), write_layer(layout, _app(""))]
    _finish(layout, config, *below, layers)
    raw = entries = 0
    for descriptor in references(layout.read_json(layout.index()[0]))[1:]:
        with tarfile.open(layout.blob_path(descriptor.digest), "r:gz") as tar:
            members = tar.getmembers()
        raw += sum(member.size for member in members)
        entries += len(members)
    about = {"raw": raw, "entries": entries}
    (layout.path / "about.json").write_bytes(canonical_json(about))


def _finish(
    layout: Layout,
    config: dict[str, Any],
    layers: list[Any],
    diff_ids: list[str],
    added: Sequence[Layer],
) -> None:
    """Write configuration, manifest and index of the layers below and those on top of them."""
    diff_ids = [*diff_ids, *(layer.diff_id for layer in added)]
    settings = {**config["config"], "Entrypoint": ["/app/run"], "User": "65532:65532"}
    config = {
        **config,
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created_by": "bench"} for _ in diff_ids],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add_json(config, CONFIG).to_json(),
        "layers": [*layers, *(layer.descriptor.to_json() for layer in added)],
    }
    layout.write_index([layout.add_json(manifest, MANIFEST, platform=PLATFORM)])


def _app(changed: str) -> Iterator[Entry]:
    """Yield the application: imgforge's own sources, and one file that changes."""
    yield Entry("app", 0o755)
    yield from _below(_APP, "app/imgforge")
    yield Entry(f"app/{_LAST}", 0o644, data=changed.encode())


def _tree(tree: Path, at: str) -> Iterator[Entry]:
    parts = at.split("/")
    for count in range(1, len(parts)):
        yield Entry("/".join(parts[:count]), 0o755)
    yield from _below(tree, at)


def _below(folder: Path, at: str) -> Iterator[Entry]:
    yield Entry(at, 0o755)
    for path in sorted(folder.iterdir()):
        status, place = path.lstat(), f"{at}/{path.name}"
        if stat.S_ISLNK(status.st_mode):
            yield Entry(place, 0o777, link=str(path.readlink()))
        elif stat.S_ISDIR(status.st_mode):
            if path.name != "__pycache__":
                yield from _below(path, place)
        else:
            yield Entry(place, 0o755 if status.st_mode & 0o100 else 0o644, source=path)


def _run(command: Sequence[str | Path], folder: Path) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")


def _python(tree: Path) -> None:
    """Install the wheels of ``apps/python.txt``."""
    uv = Path(sys.executable).with_name("uv")
    command: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]
    command += ["--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28"]
    _run([*command, "--target", tree, "--requirements", HERE / "apps" / "python.txt"], tree)


def _node(tree: Path) -> None:
    """Install the packages of ``apps/package.json`` and what they depend on."""
    shutil.copy(HERE / "apps" / "package.json", tree)
    command = ["npm", "install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]
    _run([*command, "--no-update-notifier", f"--before={NPM_UNTIL}"], tree)


def _java(tree: Path) -> None:
    """Lay out jars as they come in pyspark's archive, and one jar that holds others."""
    archive = KEPT / f"pyspark-{SPARK}.tar.gz"
    if not archive.is_file():
        pip: list[str | Path] = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        _run([*pip, "--dest", KEPT, f"pyspark=={SPARK}"], tree)
    with tarfile.open(archive) as tar:
        jars = sorted((m for m in tar if m.name.endswith(".jar")), key=lambda m: m.name)
        with zipfile.ZipFile(tree / "service.jar", "w") as fat:
            packed = written = 0
            for member in jars:
                reader = tar.extractfile(member)
                data = reader.read() if reader else b""
                name = member.name.rpartition("/")[2]
                if written < JARS:
                    (tree / name).write_bytes(data)
                    written += 1
                elif packed < FAT:
                    packed += len(data)
                    fat.writestr(zipfile.ZipInfo(f"BOOT-INF/lib/{name}", _YEAR), data)


def _large(tree: Path) -> None:
    """Put Python's and Node's packages into one layer of a gigabyte."""
    for name, fill in (("python", _python), ("node", _node)):
        (tree / name).mkdir()
        fill(tree / name)
    size = sum(p.stat().st_size for p in tree.rglob("*") if p.is_file() and not p.is_symlink())
    block = hashlib.sha256(b"bench").digest() * (1 << 15)
    with (tree / "data.bin").open("wb") as file:
        for number in itertools.count():
            if size + number * len(block) >= 1 << 30:
                break
            file.write(number.to_bytes(8) + block[8:])


_WHEELS = (HERE / "apps" / "python.txt").read_text()
_PACKAGES = (HERE / "apps" / "package.json").read_text() + NPM_UNTIL

RECIPES = {
    "python": _Recipe("python-3.13", "opt/deps", _python, (_WHEELS,)),
    "node": _Recipe("node-24", "srv/app", _node, (_PACKAGES,)),
    "java": _Recipe("java-21", "app/lib", _java, (SPARK,)),
    "large": _Recipe("python-3.13", "opt/large", _large, (_WHEELS, _PACKAGES)),
}
"""Name → how the image is made."""
