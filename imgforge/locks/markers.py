"""What PEP 508 markers are asked of: an image's Python on its platform."""

from __future__ import annotations

from typing import Final

MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64", "arm": "armv7l", "386": "i686"}
"""Architectures as images name them, and as Linux does."""


def environment(architecture: str, python: str) -> dict[str, str]:
    """Return the values of a CPython ``python`` (``3.13``) on Linux, no extra asked for."""
    return {
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": MACHINES.get(architecture, architecture),
        "platform_release": "",
        "platform_version": "",
        "extra": "",
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_version": f"{python}.0",
    }
