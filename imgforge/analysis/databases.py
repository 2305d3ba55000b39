"""Where distributions' package managers keep what they installed, relative to the root.

Apart from what reads these: an image whose layers are known needs the places alone.
"""

from __future__ import annotations

from typing import Final

STATUS: Final = ("var/lib/dpkg/status", "usr/lib/dpkg/status")
SINGLE: Final = tuple(f"{path}.d/" for path in STATUS)
"""Folders of one record a package, as small images of Debian have them."""

APK: Final = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
CHISEL: Final = "var/lib/chisel/manifest.wall"

RPM_FOLDERS: Final = ("var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/")
RPM_NAMES: Final = frozenset({"rpmdb.sqlite", "Packages.db", "Packages"})
RPM: Final = tuple(f"{folder}{name}" for folder in RPM_FOLDERS for name in sorted(RPM_NAMES))
