"""What both checks of licences call a package."""

from __future__ import annotations

from imgforge.analysis.facts import Package


def key(package: Package) -> str:
    """Return what exceptions name it by: ``pypi:flask``, ``npm:@scope/name``."""
    whole = f"{package.namespace}/{package.name}" if package.namespace else package.name
    return f"{package.ecosystem}:{whole}"
