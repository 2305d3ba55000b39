"""What the provenance of images and of bases has in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from imgforge import __version__
from imgforge.lock import Archive

BUILD_TYPE: Final = "https://imgforge.dev/build/v1"
BASE_BUILD_TYPE: Final = "https://imgforge.dev/base/v1"
BUILDER: Final = "https://imgforge.dev/builder/local/v1"
"""Whoever ran imgforge. What a CI service says of itself in variables, anybody can say; what it
proves stands in the certificate of a keyless signature."""

PACKAGED: Final = ("uv",)
"""Tools that are Python packages, by the name of their distribution."""


def run(invocation: str, epoch: int, tools: Mapping[str, str]) -> dict[str, Any]:
    """Return ``runDetails``; ``tools`` are versions by name, ``epoch`` is in seconds since 1970."""
    moment = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    packages = {"imgforge": __version__} | {p: tools[p] for p in PACKAGED if p in tools}
    return {
        "builder": {
            "id": BUILDER,
            "version": {"imgforge": __version__, **tools},
            "builderDependencies": [
                {"name": name, "uri": f"pkg:pypi/{name}@{version}"}
                for name, version in packages.items()
            ],
        },
        "metadata": {"invocationId": invocation, "startedOn": moment, "finishedOn": moment},
    }


def archives(found: Iterable[Archive]) -> list[dict[str, Any]]:
    """Return the state of package indexes: each suite's signed InRelease, once."""
    unique = {(a.suite, a.sha256): a for a in found}
    return [
        {
            "name": f"{a.suite} InRelease of {a.date}",
            "uri": f"file:dists/{a.suite}/InRelease",
            "digest": {"sha256": a.sha256},
        }
        for _, a in sorted(unique.items())
    ]


def digest(text: str) -> dict[str, str]:
    """Return ``sha256:…`` as a DigestSet (in-toto attestation v1)."""
    algorithm, _, value = text.partition(":")
    return {algorithm: value}
