"""Databases of a few advisories, imported as real ones are; inventories that they are about."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgforge.advisories.given import Given
from imgforge.advisories.importing import import_all
from imgforge.analysis.facts import Package
from imgforge.inventory import Component, Inventory, System
from imgforge.oci.types import Platform

DIGEST = "sha256:" + "a" * 64
BASE, APP = "sha256:" + "b" * 64, "sha256:" + "c" * 64
REQUESTS = "pkg:pypi/requests@2.31.0"
IMPORTED = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
"""When databases say that they were filled."""
DEBIAN = System("debian", "12", "bookworm")


def advisory(
    name: str = "GHSA-9wx4-h78v-vm56",
    *,
    package: str = "requests",
    ecosystem: str = "PyPI",
    fixed: str = "2.32.0",
    aliases: Sequence[str] = ("CVE-2024-35195",),
    severity: str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
    published: str = "2024-05-20T20:15:00Z",
) -> dict[str, Any]:
    """Return an advisory as OSV has it; without ``fixed`` nothing mends it."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    return {
        "schema_version": "1.6.0",
        "id": name,
        "aliases": list(aliases),
        "modified": "2024-06-10T02:29:42Z",
        "published": published,
        "summary": f"{package} has a hole",
        "severity": [{"type": "CVSS_V3", "score": severity}] if severity else [],
        "affected": [
            {
                "package": {"ecosystem": ecosystem, "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
    }


def database(folder: Path, *advisories: dict[str, Any]) -> Path:
    """Import ``advisories`` (one by default) into a new database; return where it is."""
    source, target = folder / "osv", folder / "advisories.sqlite"
    source.mkdir()
    for each in advisories or (advisory(),):
        (source / f"{each['id']}.json").write_text(json.dumps(each))
    import_all([Given("osv", source)], target, now=IMPORTED, say=lambda _: None)
    return target


def package(purl: str = REQUESTS, **changes: Any) -> Package:  # noqa: ANN401 - any field
    """Return the package of a purl, as an image's layer brings it."""
    kind, _, rest = purl.removeprefix("pkg:").partition("/")
    path, _, version = rest.partition("?")[0].rpartition("@")
    namespace, _, name = path.rpartition("/")
    fields: dict[str, Any] = {
        "ecosystem": kind,
        "name": name,
        "version": version,
        "purl": purl,
        "licence": "",
        "supplier": "",
        "paths": (f"app/{name}/METADATA",),
        "layer": APP,
        "namespace": "" if kind == "deb" else namespace,
    }
    return Package(**{**fields, **changes})


def component(purl: str = REQUESTS, **changes: Any) -> Component:  # noqa: ANN401 - any field
    """Return a component of the application that a lock lists."""
    own = {name: changes.pop(name) for name in ("part", "declared", "owner") if name in changes}
    usual: dict[str, Any] = {"part": "app", "declared": "requirements.txt:1"}
    return Component(package(purl, **changes), **(usual | own))


def inventory(*components: Component, digest: str = DIGEST) -> Inventory:
    """Return the inventory of an image of Debian with ``components``, requests by default."""
    return Inventory(
        digest,
        Platform("linux", "amd64"),
        DEBIAN,
        (BASE, APP),
        components or (component(),),
    )
