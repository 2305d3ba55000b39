"""Advisories, sources and databases made for tests."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from imgforge.advisories.database import Database, open_database
from imgforge.advisories.given import Given
from imgforge.advisories.importing import Imported, import_all
from imgforge.analysis.facts import Package
from imgforge.inventory import Component

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"

Event = Mapping[str, str]


def advisory(
    name: str = "TEST-1",
    package: str = "web",
    *events: Event,
    ecosystem: str = "PyPI",
    versions: Iterable[str] = (),
    **more: Any,  # noqa: ANN401 - fields of the document
) -> dict[str, Any]:
    """Return a document of OSV's about one package."""
    listed = list(versions)
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    return {
        "schema_version": "1.6.0",
        "id": name,
        "modified": "2026-01-02T00:00:00Z",
        "published": "2026-01-01T00:00:00Z",
        "summary": f"A flaw in {package}",
        "affected": [
            {
                "package": {"ecosystem": ecosystem, "name": package},
                "ranges": ranges,
                "versions": listed,
            }
        ],
        **more,
    }


def before(version: str) -> tuple[Event, Event]:
    """Return the events of a flaw that was there from the start and is mended."""
    return {"introduced": "0"}, {"fixed": version}


def component(
    ecosystem: str, name: str, version: str, namespace: str = "", **more: str
) -> Component:
    """Return a component of a kind."""
    package = Package(
        ecosystem, name, version, f"pkg:{ecosystem}/{name}@{version}", "", "", ("record",),
        namespace=namespace, source=more.get("source", ""),
        source_version=more.get("source_version", ""),
    )  # fmt: skip
    return Component(package)


def source(path: Path, *documents: Mapping[str, Any]) -> Path:
    """Write a zip of documents, as OSV publishes them."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for number, document in enumerate(documents):
            out.writestr(f"{number}/{document['id']}.json", json.dumps(document))
    return path


def bring(
    database: Path,
    path: Path,
    *,
    name: str = "made",
    keep: bool = False,
    skip: bool = False,
    now: dt.datetime = NOW,
) -> Imported:
    """Import one source."""
    (found,) = import_all(
        [Given(name, path)],
        database,
        keep=keep,
        skip_malformed=skip,
        now=now,
        say=lambda _: None,
    )
    return found


def database(folder: Path, *documents: Mapping[str, Any]) -> Database:
    """Return an open database of these documents."""
    path = folder / "made.sqlite"
    bring(path, source(folder / "made.zip", *documents))
    return open_database(path)
