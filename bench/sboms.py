"""Recall and precision of our SBOMs against syft's and Trivy's, on real images.

Of each image every component that not all three list is one row of a Markdown table, beside the
share of the others' components that we list (recall) and of ours that another one lists
(precision). Why they differ is explained in docs/explanation/sbom-accuracy.md. Components count by
ecosystem, namespace, name and version, as verifying an SBOM compares them; how often one lies in an
image does not.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench import images, peers
from bench.images import KEPT, PLATFORM
from imgforge.oci.layout import Layout
from imgforge.sbom import document
from imgforge.sbom.document import Document

IMGFORGE = Path(sys.executable).with_name("imgforge")
NAMES = os.environ.get("BENCH_IMAGES", "python node java").split()
LAYOUTS = os.environ.get("BENCH_LAYOUTS", "").split()
"""Further OCI layouts, such as .imgforge/image of the examples, or bases."""

_TOOLS = ("imgforge", "syft", "trivy")
_MOST = int(os.environ.get("BENCH_ROWS", "200"))

Name = tuple[str, str, str, str]


def run() -> bool:
    """Print how the three differ for every image; whether no component of another is unknown."""
    layouts = [(name, images.image(name).layout) for name in NAMES]
    layouts += [(layout, Path(layout)) for layout in LAYOUTS]
    held = True
    for name, layout in layouts:
        found = {tool: names(read) for tool, read in listed(layout).items()}
        held &= _tell(name, found)
    return held


def listed(layout: Path) -> Mapping[str, Document]:
    """Return what each tool lists of the image in a layout."""
    KEPT.mkdir(parents=True, exist_ok=True)
    layout = _single(layout)
    own = KEPT / "imgforge.spdx"
    with own.open("wb") as out:
        subprocess.run([IMGFORGE, "sbom", "--quiet", layout], stdout=out, check=True)
    peers.syft(layout)
    peers.trivy_sbom(layout)
    paths = dict(zip(_TOOLS, (own, KEPT / "syft.cdx", KEPT / "trivy.out"), strict=True))
    return {tool: document.read(path.read_bytes(), tool) for tool, path in paths.items()}


def _single(layout: Path) -> Path:
    """Return a layout of one image alone: syft does not look into an index inside the index."""
    opened = Layout.open(layout)
    (top,) = opened.index()
    image = next(i for i in opened.images(top) if i.platform in {PLATFORM, None})
    if image == top:
        return layout
    single = KEPT / "single"
    shutil.rmtree(single, ignore_errors=True)
    shutil.copytree(layout / "blobs", single / "blobs", copy_function=os.link)
    Layout.create(single).write_index([image])
    return single


def names(read: Document) -> set[Name]:
    """Return the components of a document, each in the one spelling in which they are compared."""
    packages = (component.package for component in read.inventory.components)
    return {
        (p.ecosystem, p.namespace.lower(), _spelt(p.ecosystem, p.name), p.version.removeprefix("v"))
        for p in packages
        if p.purl
    }


def differences(found: Mapping[str, set[Name]]) -> Iterator[tuple[Name, list[str]]]:
    """Yield what not all list, and who does."""
    for name in sorted(set().union(*found.values())):
        who = [tool for tool, known in found.items() if name in known]
        if len(who) < len(found):
            yield name, who


def _spelt(ecosystem: str, name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower() if ecosystem == "pypi" else name


def _tell(image: str, found: Mapping[str, set[Name]]) -> bool:
    """Print one image's tables; whether we list all that another one does."""
    own = found["imgforge"]
    others = {tool: known for tool, known in found.items() if tool != "imgforge"}
    print(
        f"\n## {image}\n\n| against | theirs | ours | recall | precision |\n|---|---|---|---|---|"
    )
    for tool, known in (*others.items(), ("either", set().union(*others.values()))):
        shared = len(own & known)
        recall, precision = shared / (len(known) or 1), shared / (len(own) or 1)
        print(f"| {tool} | {len(known)} | {len(own)} | {recall:.1%} | {precision:.1%} |")
    rows = list(differences(found))
    print(f"\n{len(rows)} components are not listed by all.\n")
    if rows:
        print(f"| component | {' | '.join(found)} |\n|---|{'---|' * len(found)}")
    for (kind, space, name, version), who in rows[:_MOST]:
        called = "/".join(filter(None, (kind, space, name)))
        print(f"| {called} {version} | {' | '.join('x' if t in who else '' for t in found)} |")
    if len(rows) > _MOST:
        print(f"\nand {len(rows) - _MOST} more: BENCH_ROWS shows them")
    return all(known <= own for known in others.values())
