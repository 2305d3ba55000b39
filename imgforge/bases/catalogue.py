"""The catalogue of bases: what can be had, for how long, and what each one holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from imgforge.bases import definitions
from imgforge.bases.image import configuration

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts
    from imgforge.lock import LockedBase, LockedLayer, Package, Tarball, Wheel

NEAR = 90
"""Days before its end of life from which a base is warned about."""


@dataclass(frozen=True, slots=True)
class Row:
    """One base on one suite. ``name`` is what specs and commands call it."""

    name: str
    source: str
    """``packages``, or the reference in a registry that the definition names."""
    suite: str
    abi: str
    end_of_life: dt.date
    shell: bool
    summary: str

    def state(self, day: dt.date) -> str:
        """Return ``supported``, ``ends soon`` or ``ended``: how it stands on ``day``."""
        if self.end_of_life < day:
            return "ended"
        return "ends soon" if (self.end_of_life - day).days <= NEAR else "supported"

    def to_json(self, day: dt.date) -> dict[str, Any]:
        """Return the JSON object."""
        return {**asdict(self), "end_of_life": str(self.end_of_life), "state": self.state(day)}


def rows() -> Iterator[Row]:
    """Yield every definition on each of its suites; InvalidInputError if one is not valid."""
    for name in definitions.names():
        for suite in (definition := definitions.load(name)).suite:
            called = name if suite == definition.suite_name else f"{name}-{suite}"
            chain = definitions.chain(called)
            yield Row(
                called,
                definition.registry or "packages",
                suite,
                definitions.abi(chain),
                min(d.end_of_life for d in chain),
                any(d.shell for d in chain),
                definition.summary,
            )


def describe(name: str) -> dict[str, Any]:
    """Return what the definition of base ``name`` says, its parents' included, as JSON-able data.

    InvalidInputError if there is none.
    """
    chain = definitions.chain(name)
    top = chain[-1]
    return {
        "name": name,
        "summary": top.summary,
        "source": top.registry or "packages",
        "suite": top.suite_name,
        "parents": [d.name for d in reversed(chain[:-1])],
        "abi": definitions.abi(chain),
        "endOfLife": str(min(d.end_of_life for d in chain)),
        "shell": any(d.shell for d in chain),
        "packages": {d.name: sorted(d.packages) for d in chain},
        "wheels": [w.requirement for d in chain for w in d.wheel],
        "npm": [n.package for d in chain for n in d.npm],
        "contract": {"paths": sorted({path for d in chain for path in d.contract.paths})},
        "configuration": configuration(chain),
        "steps": [f"{d.name}: {step.kind}" for d in chain for step in d.step],
    }


def locked(base: LockedBase) -> dict[str, Any]:
    """Return what a lock pins of ``base``: digests and every package, platform by platform."""
    return {
        "digest": base.digest,
        "archives": [{"suite": a.suite, "date": a.date} for a in base.archives],
        "platforms": {
            str(p.platform): {
                "digest": p.digest,
                "packages": {x.name: x.version for layer in p.layers for x in _pinned(layer)},
            }
            for p in base.platforms
        },
    }


def _pinned(layer: LockedLayer) -> tuple[Package | Wheel | Tarball, ...]:
    return (*layer.packages, *layer.wheels, *layer.tarballs)


def held(digest: str, images: dict[Any, ImageFacts]) -> dict[str, Any]:
    """Return the same of a base's images as they are, with their sizes in bytes."""
    from imgforge.bases.difference import size

    return {
        "digest": digest,
        "platforms": {
            str(platform): {
                "digest": facts.digest,
                "packages": {p.name: p.version for p in facts.packages},
                "size": asdict(size(facts)),
            }
            for platform, facts in images.items()
        },
    }
