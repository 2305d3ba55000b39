"""Small images and what checks find in them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import madeimage as made

from imgforge.analysis import ImageFacts, analyse
from imgforge.analysis.config import read
from imgforge.checks import run
from imgforge.checks.finding import Finding
from imgforge.oci.layout import Layout
from imgforge.policy import Policy

POLICY = Policy(day=dt.date(2026, 6, 1))
ETC = [made.file("etc/passwd", made.PASSWD), made.file("etc/group", made.GROUP)]
APP = [*ETC, made.folder("usr/bin"), made.file("usr/bin/app", b"\x7fELF", 0o755)]
"""The files of an image without faults."""
LABELS = {
    "org.opencontainers.image.title": "App",
    "org.opencontainers.image.version": "1.0",
    "org.opencontainers.image.licenses": "Apache-2.0",
}
CONFIG: dict[str, Any] = {
    "User": "1000:1000",
    "Entrypoint": ["/usr/bin/app"],
    "Labels": LABELS,
}
"""The configuration of one."""


def image(
    tmp_path: Path,
    *layers: Sequence[made.Member],
    config: Mapping[str, Any] | None = None,
    **fields: Any,  # noqa: ANN401 - any part of a configuration
) -> ImageFacts:
    """Analyse an image of these layers; ``fields`` stand beside ``config`` (``history``)."""
    layout = Layout.create(tmp_path / "layout")
    blobs = [made.tar(*members) for members in layers or (APP,)]
    descriptor = made.add(layout, blobs, config={**CONFIG, **(config or {})}, **fields)
    return analyse(layout, descriptor)


def findings(
    tmp_path: Path, *layers: Sequence[made.Member], policy: Policy = POLICY, **config: object
) -> list[Finding]:
    """Judge an image of these layers whose configuration has ``config`` too."""
    return run(image(tmp_path, *layers, config=config), policy)


def found(
    check: str,
    tmp_path: Path,
    *members: made.Member,
    policy: Policy = POLICY,
    **config: object,
) -> list[Finding]:
    """Return what one check has against the good image with ``members`` added."""
    return of(check, findings(tmp_path, [*APP, *members], policy=policy, **config))


def configured(
    *steps: str, policy: Policy = POLICY, fields: Mapping[str, Any] | None = None, **config: object
) -> list[Finding]:
    """Judge the good image with another configuration: quick, since no layer is read again.

    ``steps`` are its history, ``config`` is put into its ``config`` object and ``fields`` beside.
    """
    plain = good()
    told = {"history": [{"created_by": step} for step in steps], **(fields or {})}
    value = {**plain.config, **told, "config": {**CONFIG, **config}}
    return run(dataclasses.replace(plain, config=value, settings=read(value)), policy)


@functools.cache
def good() -> ImageFacts:
    """Return the image without faults: one layer with APP, configured by CONFIG."""
    with tempfile.TemporaryDirectory() as folder:
        return image(Path(folder))


def of(check: str, seen: Sequence[Finding]) -> list[Finding]:
    """Return what one check has found."""
    return [finding for finding in seen if finding.check == check]


def ids(found: Sequence[Finding]) -> list[str]:
    """Return the ids of the checks, as often as each has found something."""
    return [finding.check for finding in found]
