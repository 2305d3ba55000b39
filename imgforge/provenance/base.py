"""The provenance of a base that is made from packages (build type ``base/v1``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imgforge.analysis.facts import Package as Installed
from imgforge.analysis.purl import build as purl
from imgforge.lock import LockedBase, Package
from imgforge.oci.layer import ENCODER
from imgforge.provenance.shared import BASE_BUILD_TYPE, archives, digest, run


def predicate(base: LockedBase, release: Mapping[str, str]) -> dict[str, Any]:
    """Return the predicate of a base made from packages: every package is a dependency.

    ``release`` is the base's own os-release (os-release(5)), which names the distribution.
    """
    layers = [layer for platform in base.platforms for layer in platform.layers]
    dependencies = archives(base.archives)
    packages = {p.sha256: p for layer in layers for p in layer.packages}
    dependencies += [
        {"uri": _purl(p, release), "digest": {"sha256": p.sha256}, "name": p.path}
        for p in sorted(packages.values(), key=lambda p: (p.name, p.architecture))
    ]
    wheels = {w.sha256: w for layer in layers for w in layer.wheels}
    dependencies += [
        {"uri": f"pkg:pypi/{w.name}@{w.version}", "digest": {"sha256": w.sha256}}
        for w in sorted(wheels.values(), key=lambda w: (w.name, w.sha256))
    ]
    tarballs = {t.sha256: t for layer in layers for t in layer.tarballs}
    dependencies += [
        {"uri": f"pkg:npm/{t.name.replace('@', '%40')}@{t.version}", "digest": {"sha256": t.sha256}}
        for t in sorted(tarballs.values(), key=lambda t: (t.name, t.sha256))
    ]
    return {
        "buildDefinition": {
            "buildType": BASE_BUILD_TYPE,
            "externalParameters": {
                "base": base.name,
                "platforms": [str(p.platform) for p in base.platforms],
                "layers": list(dict.fromkeys(layer.name for layer in layers)),
            },
            "internalParameters": {
                "definition": digest(base.definition),
                "abi": base.abi,
                "encoder": ENCODER,
                "sourceDateEpoch": base.epoch,
            },
            "resolvedDependencies": dependencies,
        },
        "runDetails": run(base.digest, base.epoch, {}),
    }


def _purl(package: Package, release: Mapping[str, str]) -> str:
    installed = Installed(
        *("deb", package.name, package.version, "", "", "", ()), architecture=package.architecture
    )
    return purl(installed, release)
